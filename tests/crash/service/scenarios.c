/* SPDX-License-Identifier: MIT */

/*
 * Scenarios: short programs for three workers
 *
 * A replacement runs the body of the one it replaces. Workers that loop for ever are meant to end asleep: the
 * checks tell whether they may.
 */

#include <errno.h>

#include "service/world.h"

#define NEVER UINT64_MAX
/** Laps wrap. */
#define LAST_LAP ((UINT64_C(1) << WORD_LAP_BITS) - 1)

/* ---- callers ------------------------------------------------------------------------------------- */

static void call_1(struct actor *a) {
        op_call(a, op_next(a), NEVER);
}

static void call_2(struct actor *a) {
        call_1(a);
        call_1(a);
}

static void call_in_time(struct actor *a) {
        op_call(a, op_next(a), DEADLINE);
}

static void call_in_time_and_again(struct actor *a) {
        call_in_time(a);
        call_1(a);
}

/** Two calls at once; the later one is looked at first. */
static void call_crosswise(struct actor *a) {
        unsigned int first = op_next(a), second;
        struct call c, d;

        (void)op_begin(a, first, NEVER, WAIT, &c);
        second = op_next(a);
        if (op_begin(a, second, NEVER, LOOK, &d) == 0)
                op_end(a, second, &d);
        op_end(a, first, &c);
}

static void give_up_and_call(struct actor *a) {
        unsigned int id = op_next(a);
        struct call c;

        (void)op_begin(a, id, NEVER, WAIT, &c);
        op_give_up(a, id, &c);
        call_1(a);
}

static void give_up_two(struct actor *a) {
        unsigned int first = op_next(a), second;
        struct call c, d;

        (void)op_begin(a, first, NEVER, WAIT, &c);
        second = op_next(a);
        if (op_begin(a, second, NEVER, LOOK, &d) == 0)
                op_give_up(a, second, &d);
        op_give_up(a, first, &c);
}

/* ---- servers ------------------------------------------------------------------------------------- */

static void serve(struct actor *a) {
        for (;;)
                (void)op_serve(a, WAIT);
}

static void serve_1(struct actor *a) {
        (void)op_serve(a, WAIT);
}

static void serve_2(struct actor *a) {
        serve_1(a);
        serve_1(a);
}

static void serve_look(struct actor *a) {
        (void)op_serve(a, LOOK);
}

static void poll_always(struct actor *a) {
        for (;;)
                (void)op_serve(a, POLL);
}

static void hold_1(struct actor *a) {
        struct served r;

        (void)op_receive(a, &r, WAIT);
        sim_hold();
        op_reply(a, &r);
}

static void reject_always(struct actor *a) {
        struct served r;

        for (;;) {
                (void)op_receive(a, &r, WAIT);
                op_reject(a, &r);
        }
}

/** Who has replied cannot reply again, not even to the next call in the same slot, which it serves too. */
static void serve_late(struct actor *a) {
        struct served first, second;

        (void)op_receive(a, &first, WAIT);
        op_reply(a, &first);
        if (service_reply(&a->service, &first, PAYLOAD_SIZE) != -EINVAL)
                sim_fail("replied twice");
        (void)op_receive(a, &second, WAIT);
        if (service_reply(&a->service, &first, PAYLOAD_SIZE) != -EINVAL)
                sim_fail("replied to another call");
        op_reply(a, &second);
}

static void serve_until_drained(struct actor *a) {
        struct served r;

        while (op_receive_drain(a, &r) == 0)
                op_reply(a, &r);
}

/** As the manager does it: the flag, then everybody is woken. */
static void call_and_drain_1(struct actor *a) {
        call_1(a);
        sim_boundary();
        atomic_store_explicit(&sim_members[1].drain, 1, memory_order_release);
        wait_wake_all(&a->service.requests);
        sim_hold();
        call_1(a);
}

static void drained_must_be_done(void) {
        if (sim_sleeps_on(1) && atomic_load(&sim_members[1].drain))
                sim_fail("asleep though it is to drain");
}

/* ---- both ---------------------------------------------------------------------------------------- */

/** Calls, serves whatever there is (its own call, perhaps), and has its result, or does without it. */
static void call_and_serve(struct actor *a) {
        unsigned int id = op_next(a);
        struct call c;
        bool called = op_begin(a, id, NEVER, LOOK, &c) == 0;

        (void)op_serve(a, LOOK);
        (void)op_serve(a, LOOK);
        if (called)
                op_give_up(a, id, &c);
}

/* ---- waiting for any of several ------------------------------------------------------------------ */

/** More often than this nobody is told in vain, with so few others. */
#define VAIN_MAX 8

static void not_in_vain(unsigned int *tries) {
        if (++*tries > VAIN_MAX)
                sim_fail("told again and again of what cannot be had");
}

static void begin_any(struct actor *a, unsigned int id, uint64_t deadline_usec, enum how how, struct call *ret) {
        unsigned int tries = 0;

        do {
                not_in_vain(&tries);
                (void)op_wait_any(a, FOR_SLOT, NULL, 0, how);
        } while (op_begin(a, id, deadline_usec, LOOK, ret) < 0);
}

static void call_any(struct actor *a, uint64_t deadline_usec, enum how how) {
        unsigned int id = op_next(a);
        struct call c;

        begin_any(a, id, deadline_usec, how, &c);
        (void)op_wait_any(a, 0, &c, 1, how);
        op_end_now(a, id, &c);
}

static void call_any_1(struct actor *a) {
        call_any(a, NEVER, WAIT);
}

static void call_any_poll(struct actor *a) {
        call_any(a, NEVER, POLL);
}

static void call_any_in_time(struct actor *a) {
        call_any(a, DEADLINE, WAIT);
}

/** Two at once, and whichever is over first. */
static void call_any_both(struct actor *a) {
        unsigned int id[2];
        struct call c[2];
        size_t first;

        for (unsigned int i = 0; i < 2; i++) {
                id[i] = op_next(a);
                (void)op_begin(a, id[i], NEVER, WAIT, &c[i]);
        }
        first = op_wait_any(a, 0, c, 2, WAIT);
        op_end_now(a, id[first], &c[first]);
        (void)op_wait_any(a, 0, &c[!first], 1, WAIT);
        op_end_now(a, id[!first], &c[!first]);
}

/** One that takes long is no reason to wait for the other one. */
static void one_must_be_over(void) {
        unsigned int ended = 0;

        for (unsigned int id = 0; id < IDS_PER_CALLER; id++)
                ended += history[id].ended;
        if (sim_deaths() == 0 && ended == 0)
                sim_fail("asleep though one of two calls is over");
}

static void serve_any(struct actor *a, enum how how) {
        unsigned int tries = 0;

        for (;;) {
                not_in_vain(&tries);
                (void)op_wait_any(a, FOR_REQUEST, NULL, 0, how);
                if (op_serve(a, LOOK) == 0)
                        tries = 0;
        }
}

static void serve_any_always(struct actor *a) {
        serve_any(a, WAIT);
}

static void serve_any_poll(struct actor *a) {
        serve_any(a, POLL);
}

const struct scenario service_scenarios[] = {
        { .head = { .name = "call", .what = "two call, one serves", .delays = true },
          .body = { call_1, call_1, serve_2 }, .slots = 2, .max_deliveries = 9 },
        { .head = { .name = "call-2", .what = "call after call, in one slot", .switches = 2, .delays = true },
          .body = { call_2, serve }, .slots = 2, .lap = LAST_LAP, .max_deliveries = 9 },
        { .head = { .name = "servers", .what = "one calls, two serve, for ever", .delays = true },
          .body = { call_1, serve, serve }, .slots = 2, .max_deliveries = 9 },
        { .head = { .name = "replaced", .what = "whoever dies is replaced" },
          .body = { call_1, serve }, .slots = 2, .max_deliveries = 9, .replaced = true },
        { .head = { .name = "at-most-once", .what = "a call whose server died fails" },
          .body = { call_1, serve }, .slots = 2, .replaced = true },
        { .head = { .name = "tried-out", .what = "a call that has been tried often enough fails" },
          .body = { call_1, serve }, .slots = 2, .max_deliveries = 1, .replaced = true },
        { .head = { .name = "long", .what = "of two calls at once the one that takes long stops nobody", .delays = true },
          .body = { call_crosswise, serve_1, hold_1 }, .slots = 4, .lap = LAST_LAP, .max_deliveries = 9 },
        { .head = { .name = "late", .what = "who has replied cannot reply again", .switches = 2 },
          .body = { call_2, serve_late }, .slots = 2, .max_deliveries = 9 },
        { .head = { .name = "deadline", .what = "a call expires, while it is served or before" },
          .body = { call_in_time, serve_look, op_pass_time }, .slots = 2, .max_deliveries = 9 },
        { .head = { .name = "deadline-and-again", .what = "a call after one that expired" },
          .body = { call_in_time_and_again, serve, op_pass_time }, .slots = 2, .max_deliveries = 9 },
        { .head = { .name = "give-up", .what = "a call is given up, while it is served or before", .switches = 2 },
          .body = { give_up_and_call, serve }, .slots = 2, .max_deliveries = 9 },
        { .head = { .name = "give-up-space", .what = "a call that is given up leaves its slot to another", .delays = true },
          .body = { give_up_two, call_1, serve }, .slots = 2 },
        { .head = { .name = "reject", .what = "a server rejects", .delays = true },
          .body = { call_1, reject_always }, .slots = 2, .max_deliveries = 9 },
        { .head = { .name = "both", .what = "two call and serve, themselves perhaps", .switches = 2 },
          .body = { call_and_serve, call_and_serve }, .slots = 2, .max_deliveries = 9 },
        { .head = { .name = "both-once", .what = "the same, at most once" },
          .body = { call_and_serve, call_and_serve }, .slots = 4 },
        { .head = { .name = "pollers", .what = "one polls, one sleeps", .delays = true },
          .body = { call_1, poll_always, serve_1 }, .slots = 2, .max_deliveries = 9 },
        { .head = { .name = "service-any", .what = "callers and servers wait among other things", .delays = true },
          .body = { call_any_1, serve_any_always }, .slots = 2, .max_deliveries = 9, .replaced = true },
        { .head = { .name = "service-any-polls", .what = "the same with descriptors", .delays = true },
          .body = { call_any_poll, serve_any_poll }, .slots = 2, .max_deliveries = 9, .replaced = true },
        { .head = { .name = "service-any-twice", .what = "one call after the other", .delays = true, .brief = true },
          .body = { call_2, serve_any_always, serve_1 }, .slots = 4, .max_deliveries = 9 },
        { .head = { .name = "service-any-calls", .what = "two calls at once, whichever is over first", .delays = true,
                    .brief = true }, .quiet = one_must_be_over,
          .body = { call_any_both, serve_1, hold_1 }, .slots = 4, .max_deliveries = 9 },
        { .head = { .name = "service-any-space", .what = "a slot that somebody gives up", .delays = true, .brief = true },
          .body = { give_up_two, call_any_1, serve_any_always }, .slots = 2 },
        { .head = { .name = "service-any-deadline", .what = "a call that expires is over, and nobody serves it" },
          .body = { call_any_in_time, serve_any_always, op_pass_time }, .slots = 2, .max_deliveries = 9 },
        { .head = { .name = "drain", .what = "one stops while calls come" }, .quiet = drained_must_be_done,
          .body = { call_and_drain_1, serve_until_drained, serve_2 }, .slots = 2, .max_deliveries = 9 },
};
const size_t n_service_scenarios = sizeof service_scenarios / sizeof service_scenarios[0];
