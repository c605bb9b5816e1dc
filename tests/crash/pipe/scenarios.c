/* SPDX-License-Identifier: MIT */

/*
 * Scenarios: short programs for three workers
 *
 * A replacement runs the body of the one it replaces. Workers that loop for ever are meant to end asleep: the checks tell whether
 * they may.
 */

#include <errno.h>

#include "pipe/world.h"

/** The first record does not fit before the end of the ring. */
#define NEAR_END (UINT64_C(5) * CAPACITY - 1024)
/** Positions are compared by their difference: some scenarios begin where they wrap. */
#define LAST ((uint64_t)-1408)

/** Take an end; if somebody has it, once more when nobody else can go on. */
static bool take(struct actor *a, enum pipe_end end) {
        if (op_take(a, end) == 0)
                return true;
        sim_hold();
        return op_take(a, end) == 0;
}

/* ---- writers ------------------------------------------------------------------------------------- */

/** Until `n` were sent, by this incarnation or those before. */
static void send_until(struct actor *a, unsigned int n) {
        if (!take(a, PIPE_WRITER))
                return;
        while (op_sent() < n)
                (void)op_send(a, WAIT);
        op_leave(a);
}

static void send_2(struct actor *a) {
        send_until(a, 2);
}

static void send_3(struct actor *a) {
        send_until(a, 3);
}

static void send_4(struct actor *a) {
        send_until(a, 4);
}

static void send_look(struct actor *a) {
        if (!take(a, PIPE_WRITER))
                return;
        for (unsigned int i = 0; i < 4; i++)
                (void)op_send(a, LOOK);
        op_leave(a);
}

static void send_batches(struct actor *a) {
        if (!take(a, PIPE_WRITER))
                return;
        while (op_sent() < 4) {
                (void)op_append(a, WAIT);
                (void)op_append(a, WAIT);
                op_publish(a);
        }
        op_leave(a);
}

/** More than the ring holds, without publishing; leaving does. */
static void append_3(struct actor *a) {
        if (!take(a, PIPE_WRITER))
                return;
        while (op_sent() < 3)
                (void)op_append(a, WAIT);
        op_leave(a);
}

/* ---- readers ------------------------------------------------------------------------------------- */

static void consume(struct actor *a) {
        if (!take(a, PIPE_READER))
                return;
        for (;;) {
                (void)op_peek(a, WAIT);
                op_consume(a);
        }
}

static void receive(struct actor *a) {
        if (!take(a, PIPE_READER))
                return;
        for (;;)
                (void)op_receive(a, WAIT);
}

static void receive_look(struct actor *a) {
        if (!take(a, PIPE_READER))
                return;
        for (unsigned int i = 0; i < 4; i++)
                (void)op_receive(a, LOOK);
        op_leave(a);
}

/** All that are there, consumed in one step. */
static void consume_batches(struct actor *a) {
        if (!take(a, PIPE_READER))
                return;
        for (;;) {
                (void)op_peek(a, WAIT);
                while (op_peek(a, LOOK) == 0)
                        ;
                op_consume(a);
        }
}

static void consume_2(struct actor *a) {
        if (!take(a, PIPE_READER))
                return;
        for (unsigned int i = 0; i < 2; i++) {
                (void)op_peek(a, WAIT);
                op_consume(a);
        }
        /* This one is left to the next reader. */
        (void)op_peek(a, LOOK);
        op_leave(a);
}

static void poll_always(struct actor *a) {
        if (!take(a, PIPE_READER))
                return;
        for (;;) {
                (void)op_peek(a, POLL);
                op_consume(a);
        }
}

/* ---- waiting for any of several ------------------------------------------------------------------ */

/** More than the ring holds, published when there is no room. Nobody else has this end: what was there stays. */
static void append_any(struct actor *a, enum how how) {
        if (!take(a, PIPE_WRITER))
                return;
        while (op_sent() < 3) {
                op_wait_any(a, how);
                if (op_append(a, LOOK) < 0)
                        sim_fail("room that was there is gone");
        }
        op_leave(a);
}

static void append_any_3(struct actor *a) {
        append_any(a, WAIT);
}

static void append_any_poll(struct actor *a) {
        append_any(a, POLL);
}

static void consume_any(struct actor *a, enum how how) {
        if (!take(a, PIPE_READER))
                return;
        for (;;) {
                op_wait_any(a, how);
                if (op_receive(a, LOOK) < 0)
                        sim_fail("a record that was there is gone");
        }
}

static void consume_any_always(struct actor *a) {
        consume_any(a, WAIT);
}

static void consume_any_poll(struct actor *a) {
        consume_any(a, POLL);
}

/** A writer that went away, and left records. */
static void setup_two(struct actor *a) {
        (void)op_take(a, PIPE_WRITER);
        (void)op_send(a, LOOK);
        (void)op_send(a, LOOK);
        op_leave(a);
}

const struct scenario pipe_scenarios[] = {
        { .head = { .name = "look", .what = "sends and receives, and never waits", .switches = 2 }, .start = LAST,
          .body = { send_look, receive_look }, .replaced = true },
        { .head = { .name = "stream", .what = "waits for space and for records, round the ring", .delays = true },
          .start = NEAR_END, .body = { send_3, consume }, .replaced = true },
        { .head = { .name = "copy", .what = "copied out while the writer waits for the space", .delays = true },
          .start = NEAR_END, .body = { send_3, receive }, .replaced = true },
        { .head = { .name = "batches", .what = "two records a step, all consumed in one; positions wrap",
                    .delays = true }, .start = LAST, .body = { send_batches, consume_batches }, .replaced = true },
        { .head = { .name = "flush", .what = "a full ring of records that were not published", .delays = true },
          .start = NEAR_END, .body = { append_3, consume }, .replaced = true },
        { .head = { .name = "take-over", .what = "ends of somebody who went away", .switches = 2 }, .setup = setup_two,
          .start = NEAR_END, .body = { send_4, consume }, .replaced = true },
        { .head = { .name = "writers", .what = "two want to write" }, .start = NEAR_END,
          .body = { send_2, send_2, consume }, .replaced = true },
        { .head = { .name = "readers", .what = "two want to read", .delays = true }, .setup = setup_two, .start = LAST,
          .body = { send_3, consume_2, consume }, .replaced = true },
        { .head = { .name = "poller", .what = "waits for records with a descriptor", .delays = true }, .start = NEAR_END,
          .body = { send_2, poll_always }, .replaced = true },
        { .head = { .name = "pipe-any", .what = "both ends wait among other things", .delays = true }, .start = NEAR_END,
          .body = { append_any_3, consume_any_always }, .replaced = true },
        { .head = { .name = "pipe-any-polls", .what = "the same with descriptors", .delays = true }, .start = NEAR_END,
          .body = { append_any_poll, consume_any_poll }, .replaced = true },
};
const size_t n_pipe_scenarios = sizeof pipe_scenarios / sizeof pipe_scenarios[0];
