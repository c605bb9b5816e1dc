/* SPDX-License-Identifier: MIT */
/* Schedules: the grid of runs over simulated years, and what is done with one that has not ended. */

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/policy/schedule.h"
#include "harness.h"
#include "sequence.h"

#define SEC USEC_PER_SEC
#define SEEDS 50
#define RUNS 5000

START_TEST(runs_are_on_a_grid) {
        static const struct {
                uint64_t first, every, after, next;
        } cases[] = {
                { 100, 10, 100, 110 },
                { 100, 10, 101, 110 },
                { 100, 10, 109, 110 },
                { 100, 10, 110, 120 },
                { 100, 10, 50, 100 },           /* a clock that is before the beginning */
                { 100, 10, 987654, 987660 },    /* what was missed is not made up for */
                { 100, UINT64_MAX / 2, 100, 100 + UINT64_MAX / 2 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                ck_assert_uint_eq(schedule_next(cases[i].first, cases[i].every, 0, cases[i].after, 12345), cases[i].next);
        ck_assert_uint_eq(schedule_next(UINT64_MAX - 5, 10, 0, UINT64_MAX - 3, 0), USEC_INFINITY);
}
END_TEST

/** Whoever asks anew at each run, late by whatever, has one run in each interval, none twice, and no drift. */
START_TEST(runs_over_years) {
        struct sequence s = SEQUENCE((uint64_t)_i + 1);
        uint64_t every = 1 + sequence_below(&s, 86400 * SEC), jitter = sequence_below(&s, 2 * every);
        uint64_t first = sequence_below(&s, 1000 * SEC);
        uint64_t most = jitter < every ? jitter : every - 1, now = first, slot = 0;

        for (int i = 0; i < RUNS; i++) {
                uint64_t at = schedule_next(first, every, jitter, now, sequence_next(&s)), this_slot;

                ck_assert_uint_gt(at, now);
                this_slot = (at - first) / every;
                ck_assert_uint_le((at - first) % every, most);
                ck_assert_uint_gt(this_slot, slot);
                /* The next interval, if nobody was late. */
                ck_assert_uint_eq(this_slot, (now - first) / every + 1);
                now = at + (sequence_below(&s, 10) == 0 ? sequence_below(&s, 5 * every) : 0);
                slot = (now - first) / every;
        }
}
END_TEST

START_TEST(what_still_runs) {
        for (enum schedule_overlap o = 0; o < _SCHEDULE_OVERLAP_N; o++)
                ck_assert_int_eq(schedule_action(o, false), SCHEDULE_START);
        ck_assert_int_eq(schedule_action(SCHEDULE_SKIP, true), SCHEDULE_NOTHING);
        ck_assert_int_eq(schedule_action(SCHEDULE_QUEUE, true), SCHEDULE_START_LATER);
        ck_assert_int_eq(schedule_action(SCHEDULE_KILL, true), SCHEDULE_RESTART);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("schedule");
        TCase *c = tcase_create("schedule");

        tcase_add_test(c, runs_are_on_a_grid);
        tcase_add_test(c, what_still_runs);
        tcase_add_loop_test(c, runs_over_years, 0, SEEDS);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
