/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CONTROL_FIXTURE_H
#define GANGER_TESTS_CONTROL_FIXTURE_H

/*
 * A control server and its clients in one process: the server's loop runs when a client waits for something.
 * The gang is made by hand, and has no keeper.
 */

#include "daemon/control/server.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/worker.h"
#include "proto/control.pb-c.h"
#include "wire/frame.h"

struct server {
        struct gang gang;
        struct control *control;
        char directory[32];
        struct worker worker;           /* "w", without instances at first */
};

void server_start(struct server *s);
void server_stop(struct server *s);

/** Give `w` that many instances, ready and without a process. */
void server_grow(struct server *s, size_t n_instances);

/**
 * Run the loop until it has nothing to do.
 * @return how many turns that took; a loop that spins fails the test.
 */
unsigned int server_run(struct server *s);

/** The server's end of the last connection that is open. */
struct connection *server_connection(struct server *s);

/** Let an instance say something. */
void server_line(struct server *s, size_t instance, const char *text, uint64_t dropped);

struct client {
        struct server *server;
        int fd;
        struct frame_reader reader;
};

void client_open(struct client *c, struct server *s);
void client_close(struct client *c);

/** Send bytes, running the server when the socket is full. */
void client_send(struct client *c, const void *data, size_t size);
/** Send a request. */
void client_ask(struct client *c, const Ganger__V1__Request *request);
/** `version`, with that id. */
void client_ask_version(struct client *c, uint64_t id);

/** The next reply; NULL: the server has closed. Fails the test if the server has nothing to say. */
Ganger__V1__Reply *client_reply(struct client *c);
/** Whether there is one; otherwise as client_reply(). */
bool client_reply_try(struct client *c, Ganger__V1__Reply **ret);

/** The next reply is this error; the connection goes on. */
void client_expect_error(struct client *c, uint64_t id, Ganger__V1__ErrorCode code, const char *part);
/** The next reply is the version with that id. */
void client_expect_version(struct client *c, uint64_t id);
/** The server closes. */
void client_expect_end(struct client *c);

static inline void replyp(Ganger__V1__Reply **r) {
        if (*r)
                ganger__v1__reply__free_unpacked(*r, NULL);
}

#endif
