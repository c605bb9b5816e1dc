/* SPDX-License-Identifier: MIT */

/*
 * Lines and frames without a ring to receive from: what the program writes is sent
 *
 * It gets no requests, and its input is the worker's. A request to stop is handed on to it; the bridge
 * goes on until it has ended, and sends what it still has to say. Its end is ours.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "bridge/bridge.h"
#include "bridge/program.h"
#include "bridge/protocol.h"

/** As in talk.c. */
#define READS_AT_END 64

struct source {
        struct bridge *bridge;
        struct program program;
        struct reader reader;
        bool stopping;
};

static void source_done(struct source *s) {
        program_done(&s->program);
        reader_done(&s->reader);
}

static int send_units(struct source *s) {
        for (;;) {
                struct unit u = reader_next(&s->reader);
                int r;

                switch (u.kind) {
                case UNIT_NONE:
                        return 0;
                case UNIT_WHOLE:
                        r = bridge_send(s->bridge, u.data, u.size);
                        if (r < 0)
                                return r;
                        break;
                case UNIT_LONG:
                        bridge_log("dropped a message: ring %s takes %zu bytes",
                                   ganger_ring_name(s->bridge->send),
                                   ganger_ring_message_max(s->bridge->send));
                        break;
                case UNIT_BAD:
                        bridge_log("not a frame from the program; killed it");
                        return -EPROTO;
                }
        }
}

/** @return 1: there was something; 0: nothing more; or -errno. */
static int read_units(struct source *s) {
        ssize_t n;
        int r;

        if (s->program.from < 0)
                return 0;
        n = buffer_read(&s->reader.buffer, s->program.from);
        if (n == -EAGAIN)
                return 0;
        if (n == -ENOMEM)
                return (int)n;
        if (n <= 0) {
                s->program.from = close_fd(s->program.from);
                return 0;
        }
        r = send_units(s);
        return r < 0 ? r : 1;
}

static void hand_on_signal(struct source *s) {
        int signal = bridge_take_signal(s->bridge, &s->program);

        if (signal > 0) {
                s->stopping = true;
                program_signal(&s->program, signal);
        }
}

/** @return 1: the program has ended; 0; or -errno. */
static int step(struct source *s) {
        struct pollfd polls[] = {
                { .fd = s->bridge->signal_fd, .events = POLLIN },
                { .fd = s->program.pidfd, .events = POLLIN },
                { .fd = s->program.from, .events = POLLIN },
        };
        int r = 0;

        if (poll(polls, ARRAY_SIZE(polls), -1) < 0)
                return errno == EINTR ? 0 : -errno;
        if (polls[0].revents)
                hand_on_signal(s);
        if (polls[2].revents)
                r = read_units(s);
        return r < 0 ? r : polls[1].revents != 0;
}

/** A last line without a newline is whole only if the program says that all went well. */
static int send_rest(struct source *s, int status) {
        struct unit rest = reader_rest(&s->reader);

        if (rest.kind != UNIT_WHOLE)
                return 0;
        if (status == 0)
                return bridge_send(s->bridge, rest.data, rest.size);
        bridge_log("dropped the beginning of a line: the program ended in the middle of it");
        return 0;
}

static int conclude(struct source *s) {
        int status = program_wait(&s->program), r = 1;

        if (bridge_take_signal(s->bridge, &s->program) > 0)
                s->stopping = true;
        for (int i = 0; r > 0 && i < READS_AT_END; i++)
                r = read_units(s);
        if (r == 0)
                r = send_rest(s, status);
        return r < 0 ? END_FAILED : bridge_end_as(status, s->stopping);
}

int source_run(struct bridge *b) {
        _cleanup_(source_done) struct source s = { .bridge = b, .program = PROGRAM_NULL };
        const struct protocol *protocol = b->options.io == IO_FRAMES ? &protocol_frames : &protocol_lines;
        int r;

        r = program_start(&s.program, b->options.argv, -1, b->options.out_fd);
        if (r < 0)
                return bridge_start_failed(b, r);
        reader_init(&s.reader, protocol, bridge_reply_max(b));
        r = bridge_ready(b);
        while (r == 0)
                r = step(&s);
        if (r == -EPROTO)
                return END_PROTOCOL;
        return r < 0 ? END_FAILED : conclude(&s);
}
