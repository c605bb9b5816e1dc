/* SPDX-License-Identifier: MIT */

/*
 * Scenarios: short programs for three workers
 *
 * A replacement runs the body of the one it replaces. Workers that wait for ever are meant to end asleep: the checks tell whether
 * they may.
 */

#include "semaphore/world.h"

static void take_and_give(struct actor *a) {
        op_acquire(a);
        op_release(a);
}

static void take_and_give_twice(struct actor *a) {
        take_and_give(a);
        take_and_give(a);
}

static void take_two(struct actor *a) {
        op_acquire(a);
        op_acquire(a);
        op_release(a);
        op_release(a);
}

static void try_twice(struct actor *a) {
        for (int i = 0; i < 2; i++)
                if (op_try(a) == 0)
                        op_release(a);
}

static void take_and_hold(struct actor *a) {
        op_acquire(a);
        sim_hold();
        op_release(a);
}

static void take_and_keep(struct actor *a) {
        op_acquire(a);
}

static void take_two_and_hold(struct actor *a) {
        op_acquire(a);
        op_acquire(a);
        sim_hold();
        op_release(a);
        op_release(a);
}

/** Until nobody else is faster. */
static void take_any(struct actor *a, bool polls) {
        do
                op_wait_any(a, polls);
        while (op_try(a) < 0);
        op_release(a);
}

static void watch_and_give(struct actor *a) {
        take_any(a, false);
}

static void poll_and_give(struct actor *a) {
        take_any(a, true);
}

/** Told of a permit, it takes none: that is nobody else's loss. */
static void watch_only(struct actor *a) {
        op_wait_any(a, false);
}

static void others_must_be_done(void) {
        if (!sim_is_done(1) || !sim_is_done(2))
                sim_fail("asleep while a permit is there for everybody");
}

/* ---- tokens -------------------------------------------------------------------------------------- */

static void outsider(struct actor *a) {
        op_outsider_acquire(a);
        op_outsider_release(a);
}

static void outsider_always(struct actor *a) {
        for (int i = 0; i < 3; i++)
                outsider(a);
}

/* ---- counters ------------------------------------------------------------------------------------ */

static void add_three(struct actor *a) {
        for (unsigned int k = 0; k < 3; k++)
                op_add(a, 0, k);
}

static void add_or_swap(struct actor *a) {
        op_swap(a, 0, 0);
        op_add(a, 0, 1);
        op_swap(a, 0, 2);
}

static void get_three(struct actor *a) {
        for (int i = 0; i < 3; i++)
                op_get(a, 0);
}

/** Counter 0 goes first: it is never behind counter 1, and never more than one change ahead. */
static void add_in_turn(struct actor *a) {
        for (int i = 0; i < 3; i++) {
                op_shift(a, 0, 1);
                op_shift(a, 1, 1);
        }
}

static void snapshot_in_turn(struct actor *a) {
        int64_t values[COUNTERS];

        if (op_snapshot(a, values) && (values[0] < values[1] || values[0] > values[1] + 1))
                sim_fail("the counters were never so");
}

/** Never are both of them 1: what fools who looks at values, or at the same word twice. */
static void there_and_back(struct actor *a) {
        for (int i = 0; i < 2; i++) {
                op_shift(a, 0, 1);
                op_shift(a, 0, -1);
                op_shift(a, 1, 1);
                op_shift(a, 1, -1);
        }
}

static void snapshot_there_and_back(struct actor *a) {
        int64_t values[COUNTERS];

        if (op_snapshot(a, values) && (values[0] & ~1 || values[1] & ~1 || (values[0] && values[1])))
                sim_fail("the counters were never so");
}

const struct scenario semaphore_scenarios[] = {
        { .head = { .name = "mutex", .what = "one permit, three in turn", .delays = true },
          .body = { take_and_give, take_and_give, take_and_give }, .kind = OBJECT_SEMAPHORE, .slots = 1, .replaced = true },
        { .head = { .name = "twice", .what = "one permit, two who come again", .switches = 2, .delays = true },
          .body = { take_and_give_twice, take_and_give_twice }, .kind = OBJECT_SEMAPHORE, .slots = 1, .replaced = true },
        { .head = { .name = "permits", .what = "two permits for three", .delays = true },
          .body = { take_and_give_twice, take_and_give, take_and_give }, .kind = OBJECT_SEMAPHORE, .slots = 2,
          .replaced = true },
        { .head = { .name = "several", .what = "one gives back two, and two wait", .delays = true },
          .body = { take_two, take_and_hold, take_and_give }, .kind = OBJECT_SEMAPHORE, .slots = 3, .replaced = true },
        { .head = { .name = "both-at-once", .what = "two are let in by one who gives back two", .delays = true },
          .body = { take_two_and_hold, take_and_keep, take_and_keep }, .kind = OBJECT_SEMAPHORE, .slots = 2 },
        { .head = { .name = "try", .what = "some wait, one only tries" },
          .body = { try_twice, take_and_give, take_two }, .kind = OBJECT_SEMAPHORE, .slots = 2, .replaced = true },
        { .head = { .name = "held-for-long", .what = "a permit that is held stops nobody who needs another" },
          .quiet = others_must_be_done, .body = { take_and_hold, take_and_give, take_and_give },
          .kind = OBJECT_SEMAPHORE, .slots = 2, .replaced = true },
        { .head = { .name = "watch", .what = "two wait for the permit among other things", .delays = true },
          .body = { take_and_hold, watch_and_give, watch_and_give }, .kind = OBJECT_SEMAPHORE, .slots = 1, .replaced = true },
        { .head = { .name = "watch-polls", .what = "the same with descriptors", .delays = true, .brief = true },
          .body = { take_and_hold, poll_and_give, poll_and_give }, .kind = OBJECT_SEMAPHORE, .slots = 1, .replaced = true },
        { .head = { .name = "watch-and-sleep", .what = "one sleeps, and one is told and takes none", .delays = true },
          .body = { take_and_hold, watch_only, take_and_give }, .kind = OBJECT_SEMAPHORE, .slots = 1 },
        { .head = { .name = "watch-two", .what = "whichever of two permits comes first", .delays = true },
          .body = { take_and_give_twice, take_and_hold, watch_and_give }, .kind = OBJECT_SEMAPHORE, .slots = 2,
          .replaced = true },
        { .head = { .name = "tokens", .what = "one token, two members", .switches = 2, .delays = true },
          .body = { take_and_give_twice, take_and_give }, .kind = OBJECT_SEMAPHORE, .slots = 1, .policy = SEMAPHORE_POSIX,
          .replaced = true },
        { .head = { .name = "tokens-3", .what = "two tokens, three members", .delays = true },
          .body = { take_and_give_twice, take_and_give, take_and_give }, .kind = OBJECT_SEMAPHORE, .slots = 2,
          .policy = SEMAPHORE_POSIX, .replaced = true },
        { .head = { .name = "missed", .what = "a permit moves on before one who looks for it", .switches = 2 },
          .body = { take_and_give, take_and_give, take_and_hold }, .kind = OBJECT_SEMAPHORE, .slots = 2,
          .policy = SEMAPHORE_POSIX, .replaced = true },
        { .head = { .name = "outsider", .what = "one who knows the tokens only" },
          .body = { take_and_give_twice, outsider_always, take_and_give }, .kind = OBJECT_SEMAPHORE, .slots = 2,
          .policy = SEMAPHORE_POSIX, .replaced = true, .outsider = { [1] = true } },
        { .head = { .name = "tokens-several", .what = "tokens, and one who takes two" },
          .body = { take_two, take_and_give_twice, try_twice }, .kind = OBJECT_SEMAPHORE, .slots = 3,
          .policy = SEMAPHORE_POSIX, .replaced = true },
        { .head = { .name = "add", .what = "two add, one reads", .switches = 2 },
          .body = { add_three, add_three, get_three }, .kind = OBJECT_COUNTER, .slots = COUNTERS },
        { .head = { .name = "read", .what = "one adds, one reads", .switches = 3 },
          .body = { add_three, get_three }, .kind = OBJECT_COUNTER, .slots = COUNTERS },
        { .head = { .name = "swap", .what = "one compares and swaps, one adds, one reads" },
          .body = { add_or_swap, add_three, get_three }, .kind = OBJECT_COUNTER, .slots = COUNTERS },
        { .head = { .name = "snapshot", .what = "two counters changed in turn", .switches = 3 },
          .body = { add_in_turn, snapshot_in_turn }, .kind = OBJECT_COUNTER, .slots = COUNTERS },
        { .head = { .name = "there-and-back", .what = "values that come back", .switches = 3 },
          .body = { there_and_back, snapshot_there_and_back }, .kind = OBJECT_COUNTER, .slots = COUNTERS },
};
const size_t n_semaphore_scenarios = sizeof semaphore_scenarios / sizeof semaphore_scenarios[0];
