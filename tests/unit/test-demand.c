/* SPDX-License-Identifier: MIT */
/* Demand: what is watched, that starts have a limit over a simulated year, and when a worker is idle. */

#include "base/time.h"
#include "daemon/policy/demand.h"
#include "harness.h"
#include "sequence.h"

#define SEEDS 40
#define YEAR_USEC (UINT64_C(365) * 24 * 3600 * USEC_PER_SEC)
#define STARTS 20000

START_TEST(nothing_is_watched_while_something_runs) {
        for (int wanted = 0; wanted < 2; wanted++)
                for (size_t busy = 0; busy < 3; busy++)
                        for (size_t resting = 0; resting < 3; resting++) {
                                const struct demand_facts facts = { .wanted = wanted, .n_busy = busy, .n_resting = resting };
                                enum demand_mode expected = wanted && resting > 0 ? DEMAND_WATCH : DEMAND_NOTHING;

                                ck_assert_int_eq(demand_mode(&facts), busy > 0 ? DEMAND_RUNS : expected);
                        }
}
END_TEST

START_TEST(one_that_serves_and_ends_is_not_held_up) {
        struct demand d = DEMAND_NULL;
        uint64_t now = USEC_PER_SEC;

        /* Ten a second, for an hour. */
        for (int i = 0; i < 36000; i++, now += USEC_PER_SEC / 10)
                ck_assert_uint_eq(demand_start(&d, now), 0);
}
END_TEST

/* Whoever asks too early is told when to come back, and then is let in: no more than a burst within any period. */
START_TEST(no_more_than_a_burst_within_any_period) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct demand d = DEMAND_NULL;
                static uint64_t at[STARTS];
                uint64_t now = sequence_next(&s) % YEAR_USEC + 1, later;

                for (size_t n = 0; n < STARTS; n++) {
                        now += sequence_next(&s) % (sequence_next(&s) % 10 == 0 ? 5 * USEC_PER_SEC : 1000);
                        later = demand_start(&d, now);
                        if (later > 0) {
                                ck_assert_uint_gt(later, now);
                                ck_assert_uint_le(later, now + DEMAND_PERIOD_USEC);
                                now = later;
                                ck_assert_uint_eq(demand_start(&d, now), 0);
                        }
                        at[n] = now;
                        if (n >= DEMAND_BURST)
                                ck_assert_uint_ge(now - at[n - DEMAND_BURST], DEMAND_PERIOD_USEC);
                }
        }
}
END_TEST

START_TEST(idle_is_a_whole_period_without_anything) {
        struct demand d = DEMAND_NULL;

        demand_begin(&d, 7);
        ck_assert(!demand_is_idle(&d, true, 7));
        ck_assert(!demand_is_idle(&d, false, 8));
        ck_assert(!demand_is_idle(&d, true, 8));
        ck_assert(demand_is_idle(&d, false, 8));
        /* A count that is lower is another one, too: a ring was made anew. */
        ck_assert(!demand_is_idle(&d, false, 3));
        ck_assert(demand_is_idle(&d, false, 3));
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("demand", nothing_is_watched_while_something_runs, one_that_serves_and_ends_is_not_held_up,
                                         no_more_than_a_burst_within_any_period, idle_is_a_whole_period_without_anything));
}
