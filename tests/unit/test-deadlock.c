/* SPDX-License-Identifier: MIT */
/* Deadlocks: what is one, what is none, and for any graph that nobody who is told could go on. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/policy/deadlock.h"
#include "harness.h"
#include "sequence.h"

#define MANY 12
#define NONE DEADLOCK_NONE

struct picture {
        struct wait_hold holds[MANY];
        uint32_t waits[MANY], free[MANY];
        struct wait_graph graph;
};

/* "thread holds lock" pairs, and what each thread waits for. */
#define PICTURE(n_of_threads, n_of_locks, n_of_holds, ...)                                              \
        (struct picture){ .graph = { .n_threads = (n_of_threads), .n_locks = (n_of_locks), .n_holds = (n_of_holds) }, __VA_ARGS__ }

static struct deadlocks find(struct picture *p) {
        struct deadlocks d = DEADLOCKS_NULL;

        p->graph.holds = p->holds;
        p->graph.waits = p->waits;
        p->graph.free = p->free;
        ck_assert_int_eq(deadlocks_find(&p->graph, &d), 0);
        return d;
}

static size_t count(struct picture *p) {
        _cleanup_(deadlocks_done) struct deadlocks d = find(p);

        return d.n;
}

START_TEST(two_who_wait_for_each_other) {
        struct picture p = PICTURE(2, 2, 2, .holds = { { 0, 0 }, { 1, 1 } }, .waits = { 1, 0 });
        _cleanup_(deadlocks_done) struct deadlocks d = find(&p);

        ck_assert_uint_eq(d.n, 1);
        ck_assert_uint_eq(d.lengths[0], 2);
        ck_assert_uint_eq(d.steps[0].thread, 0);
        ck_assert_uint_eq(d.steps[0].lock, 1);
        ck_assert_uint_eq(d.steps[1].thread, 1);
        ck_assert_uint_eq(d.steps[1].lock, 0);
}
END_TEST

START_TEST(waiting_is_no_deadlock) {
        struct picture nothing = PICTURE(0, 0, 0, .waits = { 0 });
        struct picture one = PICTURE(2, 1, 1, .holds = { { 0, 0 } }, .waits = { NONE, 0 });
        struct picture chain = PICTURE(3, 2, 2, .holds = { { 0, 0 }, { 1, 1 } }, .waits = { NONE, 0, 1 });
        struct picture lost = PICTURE(1, 1, 0, .waits = { 0 }, .free = { 1 }); /* it was woken, and is not there yet */

        ck_assert_uint_eq(count(&nothing), 0);
        ck_assert_uint_eq(count(&one), 0);
        ck_assert_uint_eq(count(&chain), 0);
        ck_assert_uint_eq(count(&lost), 0);
}
END_TEST

START_TEST(one_can_wait_for_itself) {
        struct picture p = PICTURE(1, 1, 1, .holds = { { 0, 0 } }, .waits = { 0 });
        _cleanup_(deadlocks_done) struct deadlocks d = find(&p);

        ck_assert_uint_eq(d.n, 1);
        ck_assert_uint_eq(d.lengths[0], 1);
}
END_TEST

START_TEST(every_permit_must_be_in_it) {
        /* Lock 0 has two permits: threads 0 and 2 have one each. */
        struct picture p = PICTURE(3, 2, 3, .holds = { { 0, 0 }, { 1, 1 }, { 2, 0 } }, .waits = { 1, 0, NONE });

        ck_assert_uint_eq(count(&p), 0);
        p.waits[2] = 1;
        ck_assert_uint_eq(count(&p), 1);
        p.free[0] = 1;
        ck_assert_uint_eq(count(&p), 0);
}
END_TEST

START_TEST(those_behind_a_cycle_are_not_in_it) {
        struct picture p = PICTURE(4, 3, 3, .holds = { { 1, 0 }, { 2, 1 }, { 0, 2 } }, .waits = { 0, 1, 0, 2 });
        _cleanup_(deadlocks_done) struct deadlocks d = find(&p);

        ck_assert_uint_eq(d.n, 1);
        ck_assert_uint_eq(d.lengths[0], 2);
        for (size_t i = 0; i < 2; i++)
                ck_assert(d.steps[i].thread == 1 || d.steps[i].thread == 2);
}
END_TEST

START_TEST(two_cycles_are_two) {
        struct picture p = PICTURE(4, 4, 4, .holds = { { 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 3 } }, .waits = { 1, 0, 3, 2 });

        ck_assert_uint_eq(count(&p), 2);
}
END_TEST

START_TEST(numbers_are_checked) {
        struct picture p = PICTURE(1, 1, 1, .holds = { { 1, 0 } }, .waits = { NONE });
        struct deadlocks d = DEADLOCKS_NULL;

        p.graph.holds = p.holds;
        p.graph.waits = p.waits;
        p.graph.free = p.free;
        ck_assert_int_eq(deadlocks_find(&p.graph, &d), -EINVAL);
        p.holds[0] = (struct wait_hold){ 0, 0 };
        p.waits[0] = 1;
        ck_assert_int_eq(deadlocks_find(&p.graph, &d), -EINVAL);
}
END_TEST

/* Whether a thread can ever go on, tried by letting threads go on one by one. */
static bool can_go_on(const struct picture *p, uint32_t thread) {
        bool done[MANY] = { false }, changed = true;

        while (changed) {
                changed = false;
                for (uint32_t t = 0; t < p->graph.n_threads; t++) {
                        bool can = p->waits[t] == NONE || p->free[p->waits[t]] > 0, held = false;

                        for (size_t i = 0; i < p->graph.n_holds && !can; i++)
                                if (p->holds[i].lock == p->waits[t]) {
                                        held = true;
                                        can = done[p->holds[i].thread];
                                }
                        can |= !held;
                        changed |= can && !done[t];
                        done[t] |= can;
                }
        }
        return done[thread];
}

static bool holds(const struct picture *p, uint32_t thread, uint32_t lock) {
        for (size_t i = 0; i < p->graph.n_holds; i++)
                if (p->holds[i].thread == thread && p->holds[i].lock == lock)
                        return true;
        return false;
}

START_TEST(in_any_graph_who_is_told_is_stuck) {
        unsigned int found = 0;

        for (uint64_t seed = 0; seed < 20000; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct picture p = PICTURE(2 + sequence_next(&s) % 5, 1 + sequence_next(&s) % 5, sequence_next(&s) % MANY, .waits = { 0 });
                bool any_stuck = false;

                for (size_t i = 0; i < p.graph.n_holds; i++)
                        p.holds[i] = (struct wait_hold){ (uint32_t)(sequence_next(&s) % p.graph.n_threads),
                                                         (uint32_t)(sequence_next(&s) % p.graph.n_locks) };
                for (size_t i = 0; i < p.graph.n_threads; i++)
                        p.waits[i] = sequence_next(&s) % 4 == 0 ? NONE : (uint32_t)(sequence_next(&s) % p.graph.n_locks);
                for (size_t i = 0; i < p.graph.n_locks; i++)
                        p.free[i] = sequence_next(&s) % 5 == 0;
                {
                        _cleanup_(deadlocks_done) struct deadlocks d = find(&p);
                        const struct deadlock_step *step = d.steps;

                        for (size_t c = 0; c < d.n; step += d.lengths[c++])
                                for (size_t i = 0; i < d.lengths[c]; i++) {
                                        const struct deadlock_step *next = &step[(i + 1) % d.lengths[c]];

                                        ck_assert(!can_go_on(&p, step[i].thread));
                                        ck_assert_uint_eq(p.waits[step[i].thread], step[i].lock);
                                        ck_assert(holds(&p, next->thread, step[i].lock));
                                }
                        for (uint32_t t = 0; t < p.graph.n_threads; t++)
                                any_stuck |= !can_go_on(&p, t);
                        ck_assert_int_eq(d.n > 0, any_stuck);
                        found += d.n > 0;
                }
        }
        ck_assert_uint_gt(found, 1000);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("deadlock", two_who_wait_for_each_other, waiting_is_no_deadlock, one_can_wait_for_itself,
                                         every_permit_must_be_in_it, those_behind_a_cycle_are_not_in_it, two_cycles_are_two,
                                         numbers_are_checked, in_any_graph_who_is_told_is_stuck));
}
