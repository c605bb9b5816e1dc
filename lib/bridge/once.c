/* SPDX-License-Identifier: MIT */

/*
 * exec: a process a message
 *
 * The payload is its input, what it writes is the reply. Exit status 0 accepts the message: the reply is
 * forwarded, or, if it is empty, the message just acknowledged. Anything else rejects it, with the exit
 * status as the reason. Without a ring to send to, what it writes is not read: it goes to the log.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "base/text.h"
#include "bridge/bridge.h"
#include "bridge/buffer.h"
#include "bridge/program.h"

/** As in talk.c. */
#define READS_AT_END 64

struct once {
        struct bridge *bridge;
        struct program program;
        struct buffer payload, reply;
        bool too_long;
};

static void once_done(struct once *o) {
        program_done(&o->program);
        buffer_done(&o->payload);
        buffer_done(&o->reply);
}

/** A program need not read all of its input. */
static void write_payload(struct once *o) {
        if (o->program.to < 0)
                return;
        if (buffer_write(&o->payload, o->program.to) < 0 || buffer_size(&o->payload) == 0)
                o->program.to = close_fd(o->program.to);
}

/** @return 1: there was something; 0: nothing more; or -errno. */
static int read_reply(struct once *o) {
        ssize_t n;

        if (o->program.from < 0)
                return 0;
        n = buffer_read(&o->reply, o->program.from);
        if (n == -EAGAIN)
                return 0;
        if (n == -ENOMEM)
                return (int)n;
        if (n > 0 && buffer_size(&o->reply) <= bridge_reply_max(o->bridge))
                return 1;
        o->too_long = n > 0;
        if (o->too_long)
                program_signal(&o->program, SIGKILL);
        o->program.from = close_fd(o->program.from);
        return 0;
}

/** @return 1: the program has ended; 0; or -errno. */
static int step(struct once *o) {
        struct pollfd polls[] = {
                { .fd = o->bridge->signal_fd, .events = POLLIN },
                { .fd = o->program.pidfd, .events = POLLIN },
                { .fd = o->program.from, .events = POLLIN },
                { .fd = o->program.to, .events = POLLOUT },
        };
        int r = 0;

        if (poll(polls, ARRAY_SIZE(polls), -1) < 0)
                return errno == EINTR ? 0 : -errno;
        /* It finishes what it has; there will be no next one. */
        if (polls[0].revents && bridge_take_signal(o->bridge, &o->program) > 0)
                ganger_interrupt(o->bridge->ganger);
        if (polls[2].revents)
                r = read_reply(o);
        if (r >= 0 && polls[3].revents)
                write_payload(o);
        return r < 0 ? r : polls[1].revents != 0;
}

static int conclude(struct once *o, struct ganger_message *m) {
        char words[EXIT_STATUS_FORMAT_MAX];
        int status = program_wait(&o->program), r = 1;
        size_t size;

        for (int i = 0; r > 0 && i < READS_AT_END; i++)
                r = read_reply(o);
        if (r < 0)
                return r;
        size = buffer_size(&o->reply);
        if (o->too_long)
                return bridge_reject_long(o->bridge, m);
        if (status == 0)
                return bridge_accept(o->bridge, m, size > 0 ? buffer_begin(&o->reply) : NULL, size);
        exit_status_format(words, sizeof words, status);
        return bridge_reject(m, words, strlen(words));
}

/** @param ret_end  set if the bridge must end, after an error. */
static int handle(struct bridge *b, struct ganger_message *m, int *ret_end) {
        _cleanup_(once_done) struct once o = { .bridge = b, .program = PROGRAM_NULL };
        int r;

        r = program_start(&o.program, b->options.argv, b->options.in_fd, b->send ? b->options.out_fd : -1);
        if (r < 0) {
                *ret_end = bridge_start_failed(b, r);
                return r;
        }
        r = buffer_append(&o.payload, m->data, m->size);
        if (r == 0)
                write_payload(&o);
        while (r == 0)
                r = step(&o);
        return r < 0 ? r : conclude(&o, m);
}

static int wait_for_message(struct bridge *b) {
        struct pollfd polls[] = {
                { .fd = b->signal_fd, .events = POLLIN },
                { .fd = b->ring_fd, .events = POLLIN },
        };

        if (poll(polls, ARRAY_SIZE(polls), -1) < 0)
                return errno == EINTR ? 0 : -errno;
        if (polls[0].revents && bridge_take_signal(b, NULL) > 0)
                ganger_interrupt(b->ganger);
        return 0;
}

int once_run(struct bridge *b) {
        struct ganger_message m;
        int end = END_FAILED, r;

        r = program_find(b->options.argv[0]);
        if (r < 0)
                return bridge_start_failed(b, r);
        r = bridge_ready(b);
        while (r == 0) {
                r = ganger_ring_receive(b->receive, &m, 0);
                if (r == 0)
                        r = handle(b, &m, &end);
                else if (r == -EAGAIN)
                        r = wait_for_message(b);
        }
        return r == -ESHUTDOWN ? END_WELL : end;
}
