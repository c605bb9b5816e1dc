/* SPDX-License-Identifier: MIT */
/* Restart limits: OTP's intensity, against a slow and obvious count over a simulated year. */

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/policy/limit.h"
#include "harness.h"
#include "sequence.h"

#define SEEDS 50
#define YEAR_USEC (UINT64_C(365) * 24 * 3600 * USEC_PER_SEC)
#define RESTARTS_MAX 4096

/* What OTP's supervisor does: count those still in the period, this one included; more than N: give up. */
START_TEST(limits_are_those_of_otp) {
        static const struct {
                uint32_t max;
                uint64_t period_sec;
                uint64_t at_sec[8];
                int granted;            /* of those, before the first that is not */
        } cases[] = {
                { 1, 5, { 10, 15 }, 1 },                /* on the edge: still counts */
                { 1, 5, { 10, 16, 22, 28 }, 4 },
                { 3, 10, { 1, 2, 3, 4 }, 3 },
                { 3, 10, { 1, 2, 3, 12, 13, 14, 15 }, 6 },
                { 3, 10, { 1, 5, 10, 12, 16, 21, 23 }, 7 },
                { 2, 1, { 7, 7, 7 }, 2 },               /* all at once */
                { 5, 60, { 1, 2, 3, 4, 5, 62 }, 6 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct restart_limit l = RESTART_LIMIT_NULL;
                int granted = 0;

                for (size_t k = 0; k < ARRAY_SIZE(cases[i].at_sec) && cases[i].at_sec[k]; k++, granted++)
                        if (!restart_limit_admit(&l, cases[i].max, cases[i].period_sec * USEC_PER_SEC,
                                                 cases[i].at_sec[k] * USEC_PER_SEC))
                                break;
                ck_assert_msg(granted == cases[i].granted, "case %zu: %d", i, granted);
                restart_limit_done(&l);
        }
}
END_TEST

static unsigned count_since(const uint64_t *at, size_t n, uint64_t from) {
        unsigned count = 0;

        while (n > 0 && at[n - 1] >= from) {
                count++;
                n--;
        }
        return count;
}

static void simulate_year(uint64_t seed) {
        struct sequence s = SEQUENCE(seed);
        uint32_t max = 1 + (uint32_t)sequence_below(&s, RESTART_LIMIT_MAX);
        uint64_t period = 1 + sequence_below(&s, 3600 * USEC_PER_SEC), now = period + 1;
        uint64_t granted[RESTARTS_MAX];
        struct restart_limit l = RESTART_LIMIT_NULL;
        size_t n = 0;

        while (now < YEAR_USEC && n < RESTARTS_MAX) {
                bool room = count_since(granted, n, now - period) < max;

                ck_assert_msg(restart_limit_admit(&l, max, period, now) == room, "seed %d", (int)seed);
                if (room)
                        granted[n++] = now;
                ck_assert_uint_le(l.n, RESTART_LIMIT_MAX);
                /* Bursts at the speed of a fork, then silence. */
                now += sequence_below(&s, 3) ? sequence_below(&s, period / max + 1)
                                             : sequence_wide(&s) % (2 * period);
        }
        ck_assert_uint_gt(n, 0);
        restart_limit_done(&l);
}

START_TEST(no_window_of_a_year_has_more_than_the_limit) {
        for (uint64_t seed = 0; seed < SEEDS; seed++)
                simulate_year(seed);
}
END_TEST

START_TEST(extreme_limits_are_survived) {
        struct restart_limit l = RESTART_LIMIT_NULL;

        for (uint64_t i = 0; i < 1000; i++)
                ck_assert(restart_limit_admit(&l, 0, USEC_PER_SEC, i));
        ck_assert_msg(l.n == 0 && l.allocated == 0, "no limit costs nothing");

        for (uint64_t i = 0; i < 1000; i++)
                ck_assert(restart_limit_admit(&l, UINT32_MAX, USEC_INFINITY, i) == (i < RESTART_LIMIT_MAX));
        ck_assert(!restart_limit_admit(&l, 1, USEC_INFINITY, USEC_INFINITY));
        restart_limit_clear(&l);
        ck_assert(restart_limit_admit(&l, 1, USEC_INFINITY, USEC_INFINITY));
        restart_limit_done(&l);
        restart_limit_done(&l);
}
END_TEST

START_TEST(times_outlive_the_manager) {
        struct restart_limit l = RESTART_LIMIT_NULL, successor = RESTART_LIMIT_NULL;

        for (uint64_t i = 1; i <= 3; i++)
                ck_assert(restart_limit_admit(&l, 3, 100, i));
        ck_assert_int_eq(restart_limit_restore(&successor, l.at_usec, l.n, 50), 0);
        ck_assert(!restart_limit_admit(&successor, 3, 100, 60));
        ck_assert(restart_limit_admit(&successor, 3, 100, 102));
        restart_limit_done(&l);
        restart_limit_done(&successor);
}
END_TEST

START_TEST(damaged_records_are_survived) {
        static const uint64_t damaged[] = { 5, 3, 7, UINT64_MAX, 8, 1000 };
        uint64_t many[3 * RESTART_LIMIT_MAX];
        struct restart_limit l = RESTART_LIMIT_NULL;

        ck_assert_int_eq(restart_limit_restore(&l, damaged, ARRAY_SIZE(damaged), 100), 0);
        ck_assert_uint_eq(l.n, 3);
        ck_assert(l.at_usec[0] == 5 && l.at_usec[1] == 7 && l.at_usec[2] == 8);

        for (size_t i = 0; i < ARRAY_SIZE(many); i++)
                many[i] = i;
        ck_assert_int_eq(restart_limit_restore(&l, many, ARRAY_SIZE(many), 10000), 0);
        ck_assert_uint_eq(l.n, RESTART_LIMIT_MAX);
        ck_assert_uint_eq(l.at_usec[l.n - 1], ARRAY_SIZE(many) - 1);

        ck_assert_int_eq(restart_limit_restore(&l, NULL, 0, 10000), 0);
        ck_assert_uint_eq(l.n, 0);
        restart_limit_done(&l);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("limit", limits_are_those_of_otp,
                                         no_window_of_a_year_has_more_than_the_limit,
                                         extreme_limits_are_survived, times_outlive_the_manager,
                                         damaged_records_are_survived));
}
