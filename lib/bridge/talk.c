/* SPDX-License-Identifier: MIT */

/*
 * Lines and frames: one program, one message out at a time
 *
 * Requests are written and replies read without blocking, so that neither side ever waits for the other to
 * read. What the program writes when no message is out, or what is no reply, means that the two no longer
 * agree on whose reply is whose: then the program is killed and the bridge fails, so that both begin
 * again.
 *
 * Invariant: `busy` exactly while `message` is received and not finished.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "base/text.h"
#include "bridge/bridge.h"
#include "bridge/program.h"
#include "bridge/protocol.h"

/**
 * Reads after the program's end: more than any pipe holds, and an end to it if a child of the program
 * still writes.
 */
#define READS_AT_END 64

struct talk {
        struct bridge *bridge;
        struct program program;
        struct reader replies;
        struct buffer request;          /* what is left of it to write */
        struct ganger_message message;
        bool busy;
        bool stopping;                  /* somebody asked us to */
        bool draining;                  /* no more messages: its input is closed */
        const char *broken;             /* why it was killed; NULL: it was not */
        bool lies;                      /* … whatever its exit status says */
};

static void talk_done(struct talk *t) {
        program_done(&t->program);
        reader_done(&t->replies);
        buffer_done(&t->request);
}

/**
 * It does not speak as it should. The message is rejected when it has ended: if it was ending just now,
 * and closed its pipes therefore, its exit status is the better reason.
 */
static void break_off(struct talk *t, const char *why, bool lies) {
        if (t->broken)
                return;
        t->broken = why;
        t->lies = lies;
        program_signal(&t->program, SIGKILL);
}

/* ---- requests ---------------------------------------------------------------------------------- */

static void write_request(struct talk *t) {
        if (t->program.to < 0 || buffer_write(&t->request, t->program.to) == 0)
                return;
        buffer_drop(&t->request, buffer_size(&t->request));
        break_off(t, "the program closed its input", false);
}

static int begin(struct talk *t) {
        const char *refused = t->replies.protocol->request(&t->request, t->message.data, t->message.size);

        if (refused && !refused[0])
                return -ENOMEM;
        if (refused)
                return bridge_reject(&t->message, refused, strlen(refused));
        t->busy = true;
        write_request(t);
        return 0;
}

static bool wants_message(const struct talk *t) {
        return !t->busy && !t->draining && !t->broken && !t->replies.skipping &&
               buffer_size(&t->request) == 0;
}

/** Give the program a message if it is ready for one, and there is one. */
static int feed(struct talk *t) {
        int r = 0;

        while (r == 0 && wants_message(t)) {
                r = ganger_ring_receive(t->bridge->receive, &t->message, 0);
                if (r == -EAGAIN)
                        return 0;
                if (r == -ESHUTDOWN) {
                        t->draining = true;
                        t->program.to = close_fd(t->program.to);
                        return 0;
                }
                if (r == 0)
                        r = begin(t);
        }
        return r;
}

/* ---- replies ----------------------------------------------------------------------------------- */

static int finish(struct talk *t, const struct unit *u) {
        struct reply reply = reply_parse(u->data, u->size);

        if (reply.kind == REPLY_BAD) {
                bridge_log("not a reply: %.*s", (int)MIN(u->size, (size_t)200), u->data);
                break_off(t, "not a reply from the program", true);
                return 0;
        }
        t->busy = false;
        if (reply.kind == REPLY_OK)
                return bridge_accept(t->bridge, &t->message, reply.text, reply.size);
        return bridge_reject(&t->message, reply.text ? reply.text : "", reply.size);
}

/** No message is out, and this is no rest of a reply that was too long. Last words are its own business. */
static void take_unasked(struct talk *t) {
        if (t->draining)
                buffer_drop(&t->replies.buffer, buffer_size(&t->replies.buffer));
        else if (reader_has_more(&t->replies))
                break_off(t, "the program wrote without being asked", true);
}

static int take_replies(struct talk *t) {
        int r = 0;

        while (r == 0 && !t->broken) {
                struct unit u = { .kind = UNIT_NONE };

                if (t->busy || t->replies.skipping)
                        u = reader_next(&t->replies);
                if (!t->busy) {
                        if (u.kind != UNIT_NONE)
                                break_off(t, "the program wrote without being asked", true);
                        else if (!t->replies.skipping)
                                take_unasked(t);
                        return 0;
                }
                switch (u.kind) {
                case UNIT_NONE:
                        return 0;
                case UNIT_WHOLE:
                        r = finish(t, &u);
                        break;
                case UNIT_LONG:
                        t->busy = false;
                        r = bridge_reject_long(t->bridge, &t->message);
                        break;
                case UNIT_BAD:
                        break_off(t, "not a frame from the program", true);
                        break;
                }
        }
        return r;
}

/** @return 1: there was something; 0: there is nothing more; or -errno. */
static int read_replies(struct talk *t) {
        ssize_t n;
        int r;

        if (t->program.from < 0)
                return 0;
        n = buffer_read(&t->replies.buffer, t->program.from);
        if (n == -EAGAIN)
                return 0;
        if (n == -ENOMEM)
                return (int)n;
        if (n <= 0) {
                t->program.from = close_fd(t->program.from);
                if (!t->draining)
                        break_off(t, "the program closed its output", false);
                return 0;
        }
        r = take_replies(t);
        return r < 0 ? r : 1;
}

/* ---- the loop ---------------------------------------------------------------------------------- */

/** Asked to stop, we take no more messages: receiving says so. */
static void take_signal(struct talk *t) {
        if (bridge_take_signal(t->bridge, &t->program) == 0)
                return;
        t->stopping = true;
        ganger_interrupt(t->bridge->ganger);
}

/** Wait until something happens, and see to it. @return 1: the program has ended; 0; or -errno. */
static int step(struct talk *t) {
        bool writing = t->program.to >= 0 && buffer_size(&t->request) > 0;
        struct pollfd polls[] = {
                { .fd = t->bridge->signal_fd, .events = POLLIN },
                { .fd = t->program.pidfd, .events = POLLIN },
                { .fd = t->program.from, .events = POLLIN },
                { .fd = writing ? t->program.to : -1, .events = POLLOUT },
                { .fd = wants_message(t) ? t->bridge->ring_fd : -1, .events = POLLIN },
        };
        int r = 0;

        if (poll(polls, ARRAY_SIZE(polls), -1) < 0)
                return errno == EINTR ? 0 : -errno;
        if (polls[0].revents)
                take_signal(t);
        if (polls[2].revents)
                r = read_replies(t);
        if (r >= 0 && polls[3].revents)
                write_request(t);
        return r < 0 ? r : polls[1].revents != 0;
}

/** The program has ended: take what it has written, and reject the message if it is still out. */
static int conclude(struct talk *t) {
        char words[EXIT_STATUS_FORMAT_MAX];
        const char *reason = words;
        int status = program_wait(&t->program), r = 1;
        bool killed = t->broken && (t->lies || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));

        take_signal(t); /* if it hit both of us, the program's end may have been quicker */
        for (int i = 0; r > 0 && i < READS_AT_END && !killed; i++)
                r = read_replies(t);
        if (r < 0)
                return END_FAILED;
        exit_status_format(words, sizeof words, status);
        if (t->broken && (killed || t->lies)) {
                bridge_log("%s; killed it", t->broken);
                reason = t->broken;
                status = END_PROTOCOL;
        }
        if (!t->busy)
                return bridge_end_as(status, t->stopping || t->draining);
        return bridge_reject(&t->message, reason, strlen(reason)) < 0 ? END_FAILED : status;
}

static int loop(struct talk *t) {
        int r = bridge_ready(t->bridge);

        while (r == 0) {
                r = feed(t);
                if (r == 0)
                        r = step(t);
        }
        return r < 0 ? END_FAILED : conclude(t);
}

int talk_run(struct bridge *b) {
        _cleanup_(talk_done) struct talk t = { .bridge = b, .program = PROGRAM_NULL };
        const struct protocol *protocol = b->options.io == IO_FRAMES ? &protocol_frames : &protocol_lines;
        int r;

        r = program_start(&t.program, b->options.argv, b->options.in_fd, b->options.out_fd);
        if (r < 0)
                return bridge_start_failed(b, r);
        reader_init(&t.replies, protocol, bridge_reply_max(b) + strlen("FAIL "));
        return loop(&t);
}
