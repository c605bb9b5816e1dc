/* SPDX-License-Identifier: MIT */
/* A limit of lines in a period: who asks is let through or counted, and each is told of once. */

#include "base/time.h"
#include "daemon/policy/rate.h"
#include "harness.h"
#include "sequence.h"

#define PERIOD (30 * USEC_PER_SEC)

START_TEST(the_first_pass_and_the_others_are_counted) {
        struct rate r = RATE_NULL;
        uint64_t now = 5;

        for (int i = 0; i < 100; i++, now++) {
                ck_assert_uint_eq(rate_turn(&r, PERIOD, now), 0);
                ck_assert_int_eq(rate_admit(&r, 10, now), i < 10);
        }
        ck_assert_uint_eq(rate_turn(&r, PERIOD, 5 + PERIOD - 1), 0);
        ck_assert_uint_eq(rate_turn(&r, PERIOD, 5 + PERIOD), 90);
        ck_assert_uint_eq(rate_turn(&r, PERIOD, 5 + PERIOD), 0);
        ck_assert(rate_admit(&r, 10, 5 + PERIOD));
}
END_TEST

START_TEST(without_a_limit_all_pass) {
        struct rate r = RATE_NULL;

        for (uint64_t now = 1; now < 1000; now++)
                ck_assert(rate_admit(&r, 0, now));
        ck_assert_uint_eq(rate_turn(&r, PERIOD, PERIOD * 2), 0);
}
END_TEST

START_TEST(a_period_without_end_never_ends) {
        struct rate r = RATE_NULL;

        ck_assert(rate_admit(&r, 1, 1));
        ck_assert(!rate_admit(&r, 1, 2));
        ck_assert_uint_eq(rate_turn(&r, USEC_INFINITY, USEC_INFINITY - 1), 0);
}
END_TEST

/* A year of lines, with limits that change: nobody is forgotten, and in no period more pass than may. */
START_TEST(each_is_told_of_once) {
        uint64_t passed = 0, told = 0, asked = 0, now = 1, in_period = 0;
        struct sequence sequence = SEQUENCE(7);
        struct rate r = RATE_NULL;

        while (now < UINT64_C(365) * 86400 * USEC_PER_SEC) {
                uint64_t dropped = rate_turn(&r, PERIOD, now);

                told += dropped;
                if (r.since_usec == 0)
                        in_period = 0;
                asked++;
                if (rate_admit(&r, 20, now)) {
                        passed++;
                        ck_assert_uint_le(++in_period, 20);
                }
                now += sequence_next(&sequence) % (sequence_next(&sequence) % 50 ? USEC_PER_SEC : 300 * PERIOD);
        }
        ck_assert_uint_eq(asked, passed + told + r.dropped);
        ck_assert_uint_gt(told, 0);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("rate", the_first_pass_and_the_others_are_counted, without_a_limit_all_pass,
                                         a_period_without_end_never_ends, each_is_told_of_once));
}
