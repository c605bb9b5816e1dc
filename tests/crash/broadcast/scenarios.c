/* SPDX-License-Identifier: MIT */

/*
 * Scenarios: short programs for a writer and two readers
 *
 * A replacement runs the body of the one it replaces. Workers that loop for ever are meant to end asleep: the checks
 * tell whether they may. Who ends closes first: a subscriber that lives and does not read stops the writer, and
 * rightly.
 */

#include <errno.h>

#include "broadcast/world.h"

/** Room for some messages more. */
#define CAPACITY_LARGE 256

static void be_writer(struct actor *a) {
        if (op_claim(a) < 0)
                sim_fail("the writing end cannot be had");
}

/** Send until `n` were sent, by this incarnation or those before. */
static void write_n(struct actor *a, unsigned int n, enum how how) {
        be_writer(a);
        while (n_begun < n && op_send(a, how) == 0)
                ;
        op_close(a);
}

static void write_2(struct actor *a) {
        write_n(a, 2, WAIT);
}

/** One more than fits. */
static void write_4(struct actor *a) {
        write_n(a, 4, WAIT);
}

static void write_4_look(struct actor *a) {
        write_n(a, 4, LOOK);
}

static void write_6(struct actor *a) {
        write_n(a, 6, WAIT);
}

/** More at once than fits. */
static void write_batch(struct actor *a) {
        be_writer(a);
        while (n_begun < 4)
                (void)op_append(a, WAIT);
        op_publish(a);
        op_close(a);
}

/** Whoever comes first. */
static void write_one(struct actor *a) {
        if (op_claim(a) < 0)
                return;
        (void)op_send(a, WAIT);
        op_close(a);
}

static void consume(struct actor *a, enum how how, bool oldest) {
        for (;;) {
                if (op_subscribe(a, oldest) < 0)
                        return;
                while (op_receive(a, how) == 0)
                        ;
        }
}

static void consume_oldest(struct actor *a) {
        consume(a, WAIT, true);
}

static void consume_newest(struct actor *a) {
        consume(a, WAIT, false);
}

static void consume_poll(struct actor *a) {
        consume(a, POLL, true);
}

static void consume_peek(struct actor *a) {
        consume(a, PEEK, true);
}

/* ---- waiting for any of several ------------------------------------------------------------------ */

/** More than fits, published when there is no room. */
static void append_any(struct actor *a, enum how how) {
        be_writer(a);
        while (n_begun < 4) {
                op_wait_any(a, how);
                if (op_append(a, LOOK) < 0)
                        sim_fail("room that was there is gone");
        }
        op_publish(a);
        op_close(a);
}

static void append_any_4(struct actor *a) {
        append_any(a, WAIT);
}

static void append_any_poll(struct actor *a) {
        append_any(a, POLL);
}

/** Nobody takes a message from a reader, but the writer. */
static void consume_any(struct actor *a, enum how how) {
        int r = -ENOTCONN;

        for (;;) {
                if (r == -ENOTCONN && op_subscribe(a, true) < 0)
                        return;
                op_wait_any(a, how);
                r = op_receive(a, LOOK);
                if (r == -EAGAIN && !a->b.overtakes)
                        sim_fail("a message that was there is gone");
        }
}

static void consume_any_always(struct actor *a) {
        consume_any(a, WAIT);
}

static void consume_any_poll(struct actor *a) {
        consume_any(a, POLL);
}

/** Subscribe, and look much later. */
static void hold(struct actor *a, bool oldest) {
        if (op_subscribe(a, oldest) < 0)
                return;
        sim_hold();
        while (op_receive(a, LOOK) == 0)
                ;
        op_close(a);
}

static void hold_oldest(struct actor *a) {
        hold(a, true);
}

static void hold_newest(struct actor *a) {
        hold(a, false);
}

/** Two subscriptions one after the other. */
static void come_and_go(struct actor *a) {
        for (int i = 0; i < 2; i++) {
                if (op_subscribe(a, true) < 0)
                        continue;
                (void)op_receive(a, LOOK);
                op_close(a);
        }
}

static void setup_four(struct actor *a) {
        write_n(a, 4, LOOK);
}

static void setup_two(struct actor *a) {
        write_n(a, 2, LOOK);
}

static void write_8(struct actor *a) {
        write_n(a, 8, WAIT);
}

static void receive_until_drained(struct actor *a) {
        (void)op_subscribe(a, true);
        while (op_receive_drain(a) == 0)
                ;
        op_close(a);
}

/** As the manager does it: the flag, then everybody is woken. */
static void write_and_drain_1(struct actor *a) {
        write_n(a, 1, WAIT);
        sim_boundary();
        atomic_store_explicit(&sim_members[1].drain, 1, memory_order_release);
        wait_wake_all(&a->b.messages);
        sim_hold();
        write_n(a, 2, WAIT);
}

static void drained_must_be_done(void) {
        if (sim_is_done(0) && !sim_is_done(1))
                sim_fail("asleep though it is to drain");
}

static void writer_must_be_done(void) {
        if (sim_sleeps_on(0))
                sim_fail("a reader stops a writer who waits for nobody");
}

const struct scenario broadcast_scenarios[] = {
        { .head = { .name = "lossy", .what = "a reader who may be overtaken", .delays = true }, .quiet = writer_must_be_done,
          .body = { write_4, consume_oldest }, .policy = BROADCAST_LOSSY, .replaced = true },
        { .head = { .name = "lossy-two", .what = "two of them, and nobody is replaced" }, .quiet = writer_must_be_done,
          .body = { write_4, consume_oldest, consume_newest }, .policy = BROADCAST_LOSSY },
        { .head = { .name = "lossy-late", .what = "they come to a ring that is full", .switches = 2 },
          .setup = setup_four, .quiet = writer_must_be_done,
          .body = { write_6, hold_oldest, hold_newest }, .policy = BROADCAST_LOSSY },
        { .head = { .name = "lossy-hold", .what = "a reader that looks much later misses a known number" },
          .quiet = writer_must_be_done, .body = { write_6, hold_newest }, .policy = BROADCAST_LOSSY, .replaced = true },
        { .head = { .name = "lossy-pollers", .what = "two poll", .delays = true },
          .body = { write_2, consume_poll, consume_poll }, .policy = BROADCAST_LOSSY },
        { .head = { .name = "lossy-batch", .what = "several appended, then published at once" },
          .body = { write_batch, consume_oldest }, .policy = BROADCAST_LOSSY, .replaced = true },
        { .head = { .name = "wait", .what = "the writer waits for a reader", .delays = true },
          .body = { write_4, consume_oldest }, .policy = BROADCAST_WAIT, .slots = 2, .replaced = true },
        { .head = { .name = "wait-two", .what = "… for the slower of two, and nobody is replaced" },
          .body = { write_4, consume_oldest, consume_newest }, .policy = BROADCAST_WAIT, .slots = 2 },
        { .head = { .name = "wait-large", .what = "where more is kept than must be" },
          .body = { write_8, consume_oldest }, .policy = BROADCAST_WAIT, .slots = 1, .capacity = CAPACITY_LARGE },
        { .head = { .name = "wait-batch", .what = "more appended than fits" },
          .body = { write_batch, consume_oldest }, .policy = BROADCAST_WAIT, .slots = 2, .replaced = true },
        { .head = { .name = "peek", .what = "looked at where they lie" },
          .body = { write_4, consume_peek }, .policy = BROADCAST_WAIT, .slots = 2, .replaced = true },
        { .head = { .name = "join", .what = "a subscriber comes while the writer makes room", .switches = 2, .delays = true },
          .setup = setup_two, .body = { write_4, hold_oldest }, .policy = BROADCAST_WAIT, .slots = 2, .replaced = true },
        { .head = { .name = "join-sleep", .what = "the same, and it sleeps for more", .switches = 2 },
          .setup = setup_two, .body = { write_4, consume_oldest }, .policy = BROADCAST_WAIT, .slots = 2 },
        { .head = { .name = "slow", .what = "a subscriber who dies stops nobody any longer" },
          .body = { write_4, hold_newest }, .policy = BROADCAST_WAIT, .slots = 2 },
        { .head = { .name = "places", .what = "one place for two" },
          .setup = setup_two, .body = { write_4, come_and_go, hold_oldest }, .policy = BROADCAST_WAIT, .slots = 1 },
        { .head = { .name = "refuse", .what = "the writer is refused while a reader is slow" },
          .body = { write_4_look, hold_newest }, .policy = BROADCAST_REFUSE, .slots = 2, .replaced = true },
        { .head = { .name = "drop", .what = "who is slow is dropped, and comes again" }, .quiet = writer_must_be_done,
          .setup = setup_two, .body = { write_6, hold_newest, consume_oldest }, .policy = BROADCAST_DROP, .slots = 2 },
        { .head = { .name = "drop-peek", .what = "the same, looked at where they lie" }, .quiet = writer_must_be_done,
          .body = { write_4, consume_peek }, .policy = BROADCAST_DROP, .slots = 2, .replaced = true },
        { .head = { .name = "writers", .what = "three want the writing end" },
          .body = { write_one, write_one, write_one }, .policy = BROADCAST_LOSSY, .replaced = true },
        { .head = { .name = "broadcast-any", .what = "writer and reader wait among other things", .delays = true },
          .body = { append_any_4, consume_any_always }, .policy = BROADCAST_WAIT, .slots = 2, .replaced = true },
        { .head = { .name = "broadcast-any-two", .what = "the same, and another reader", .brief = true },
          .body = { append_any_4, consume_any_always, consume_any_always }, .policy = BROADCAST_WAIT, .slots = 2 },
        { .head = { .name = "broadcast-any-polls", .what = "the same with descriptors", .delays = true, .brief = true },
          .body = { append_any_poll, consume_any_poll }, .policy = BROADCAST_WAIT, .slots = 2, .replaced = true },
        { .head = { .name = "broadcast-any-drop", .what = "who is slow is dropped, and told so", .brief = true },
          .quiet = writer_must_be_done, .body = { append_any_4, consume_any_always }, .policy = BROADCAST_DROP, .slots = 2, .replaced = true },
        { .head = { .name = "broadcast-any-lossy", .what = "a reader who may be overtaken", .brief = true },
          .quiet = writer_must_be_done, .body = { append_any_4, consume_any_always }, .policy = BROADCAST_LOSSY, .replaced = true },
        { .head = { .name = "drain", .what = "one stops while messages come", .delays = true },
          .quiet = drained_must_be_done, .body = { write_and_drain_1, receive_until_drained },
          .policy = BROADCAST_WAIT, .slots = 2, .replaced = true },
};
const size_t n_broadcast_scenarios = sizeof broadcast_scenarios / sizeof broadcast_scenarios[0];
