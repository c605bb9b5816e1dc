/* SPDX-License-Identifier: MIT */

/*
 * What a client sends to the control socket: frames (two bytes of the size, and that), or bytes as they are where the size begins with 0xff
 *
 * Each answer is a Reply of ganger.v1 in a frame, the loop comes to rest, and once the client is gone the server has nothing left of it.
 * The gang has no keeper: of the requests that change it only those are made that its tables suffice for (`is_played`).
 *
 * Sources: daemon/control/*.c lib/wire/*.c daemon/events.c daemon/log/tail.c tests/unit/control-fixture.c proto/control.pb-c.c
 * Inputs: 2000
 * Faults: frame-byte-too-many stream-outlives-connection
 */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control-fixture.h"
#include "daemon/config/config.h"
#include "daemon/control/connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INSTANCES 3

static struct server server;

static void give_up(const char *what) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
}

/* The fixture checks with these. */
void _mark_point(const char *file, int line) {
}

void _ck_assert_failed(const char *file, int line, const char *expression, const char *text, ...) {
        fprintf(stderr, "fuzz: %s:%d: %s\n", file, line, expression);
        abort();
}

static bool is_played(const uint8_t *frame, size_t size) {
        Ganger__V1__Request *request = ganger__v1__request__unpack(NULL, size, frame);
        Ganger__V1__Request__CallCase call = request ? request->call_case : GANGER__V1__REQUEST__CALL__NOT_SET;

        if (request)
                ganger__v1__request__free_unpacked(request, NULL);
        switch (call) {
        case GANGER__V1__REQUEST__CALL_START:
        case GANGER__V1__REQUEST__CALL_STOP:
        case GANGER__V1__REQUEST__CALL_RESTART:
        case GANGER__V1__REQUEST__CALL_SCALE:
        case GANGER__V1__REQUEST__CALL_RELOAD:
        case GANGER__V1__REQUEST__CALL_SHUTDOWN:
        case GANGER__V1__REQUEST__CALL_DAEMON_UPGRADE:
        case GANGER__V1__REQUEST__CALL_ATTACH:
        case GANGER__V1__REQUEST__CALL_SIGNAL:
        case GANGER__V1__REQUEST__CALL_RESET_FAILED:
        case GANGER__V1__REQUEST__CALL_DRAIN:
        case GANGER__V1__REQUEST__CALL_RESET:
        case GANGER__V1__REQUEST__CALL_ROLL:
        case GANGER__V1__REQUEST__CALL_UPGRADE:
                return false;
        default:
                return true;
        }
}

static void add_event(void) {
        events_add(&server.gang.events, "w/0", &(struct event){ .kind = EVENT_STATE, .state = "ready" }, "it has happened");
}

static void begin(void) {
        static const char text[] = "listen web { stream = @web }\nworker w { exec = x listen = web }";
        struct config_errors errors = CONFIG_ERRORS_NULL;
        struct config *config = NULL;

        server_start(&server);
        list_init(&server.gang.sockets.list);
        if (config_parse(text, strlen(text), "x", &config, &errors) < 0)
                give_up("no configuration");
        server.gang.config = config;
        server_grow(&server, INSTANCES);
        for (size_t i = 0; i < INSTANCES; i++)
                server_line(&server, i, "it has said something", i);
        for (int i = 0; i < 5; i++)
                add_event();
}

/* A client that reads all that it is told; false: the server has hung up. */
static bool read_replies(struct client *c) {
        for (;;) {
                struct frame frame = FRAME_NULL;
                Ganger__V1__Reply *reply;
                int r;

                server_run(&server);
                r = frame_reader_read(&c->reader, c->fd, &frame);
                if (r < 0)
                        return r == -EAGAIN;
                reply = ganger__v1__reply__unpack(NULL, frame.size, frame.data);
                if (!reply)
                        give_up("the answer is no Reply");
                if (reply->error && !*reply->error->message)
                        give_up("an error without a word");
                ganger__v1__reply__free_unpacked(reply, NULL);
                frame_done(&frame);
        }
}

static void say(struct client *c, const uint8_t *data, size_t left) {
        bool goes_on = true;

        while (left >= 2 && goes_on) {
                size_t size = MIN((size_t)data[0] << 8 | data[1], left - 2);
                bool raw = data[0] == 0xff;
                uint32_t length = htonl((uint32_t)size);

                data += 2;
                left -= 2;
                if (raw)
                        size = left;
                else if (is_played(data, size))
                        (void)!send(c->fd, &length, sizeof length, MSG_NOSIGNAL);
                else
                        size = 0;
                if (size > 0)
                        (void)!send(c->fd, data, size, MSG_NOSIGNAL);
                data += size;
                left -= size;
                goes_on = read_replies(c);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct client client;

        if (!server.control)
                begin();
        client_open(&client, &server);
        say(&client, data, size);
        server_line(&server, 1, "it goes on", 0); /* to who follows */
        client_close(&client);
        server_run(&server);
        server_line(&server, 1, "it goes on", 0); /* to nobody */
        add_event();
        server_run(&server);
        if (!list_is_empty(&server.control->connections) || !list_is_empty(&server.gang.events.listeners) ||
            !list_is_empty(&server.gang.log_listeners))
                give_up("something is left of a connection");
        return 0;
}
