/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_FAKE_CONTROL_H
#define GANGER_TESTS_FAKE_CONTROL_H

/*
 * A control socket that answers by script, for tests of the client.
 */

#include <pthread.h>
#include <stdbool.h>

#include "proto/control.pb-c.h"
#include "wire/frame.h"

struct fake {
        char dir[64], path[96];
        int listener, peer;             /* -1: none */
        struct frame_reader reader;
        Ganger__V1__Request *request;   /* the last one that came */
        pthread_t thread;
};

/** Listen at `path`, in a directory of its own. */
void fake_init(struct fake *f);

/** Run a script beside the test. */
void fake_run(struct fake *f, void *(*script)(void *fake));

/** Wait for the script to end, and remove the socket. */
void fake_done(struct fake *f);

void fake_listen(struct fake *f);
void fake_unlisten(struct fake *f);
/** Wait for a client. */
void fake_accept(struct fake *f);
void fake_hang_up(struct fake *f);
/** Wait for the next request; it is in `f->request`. @return false: the client has closed. */
bool fake_request(struct fake *f);
/** Send a reply; its id is that of the last request unless it has one. */
void fake_reply(struct fake *f, Ganger__V1__Reply *reply, const int *fds, size_t n_fds);
void fake_raw(struct fake *f, const void *data, size_t size);
/** Answer with an error. */
void fake_error(struct fake *f, Ganger__V1__ErrorCode code, const char *text);

#endif
