/* SPDX-License-Identifier: MIT */
/* Back-off: its shape, its bounds for any options and random words, and when a row of failures ends. */

#include "base/cleanup.h"
#include "daemon/policy/backoff.h"
#include "harness.h"
#include "sequence.h"

#define SEEDS 2000

START_TEST(the_first_restart_is_at_once) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct backoff b = { sequence_next(&s), sequence_next(&s) };

                ck_assert_uint_eq(backoff_delay(&b, 0, sequence_next(&s)), 0);
        }
}
END_TEST

START_TEST(delays_grow_by_two_and_stop_at_the_maximum) {
        const struct backoff b = { 100 * USEC_PER_MSEC, 10 * USEC_PER_SEC };
        static const uint64_t middle_msec[] = { 0, 100, 200, 400, 800, 1600, 3200, 6400, 8000, 8000, 8000 };

        for (uint32_t failures = 0; failures < ARRAY_SIZE(middle_msec); failures++) {
                uint64_t middle = middle_msec[failures] * USEC_PER_MSEC, lowest = UINT64_MAX, highest = 0;
                struct sequence s = SEQUENCE(failures);

                for (unsigned i = 0; i < SEEDS; i++) {
                        uint64_t delay = backoff_delay(&b, failures, sequence_next(&s));

                        lowest = MIN(lowest, delay);
                        highest = MAX(highest, delay);
                }
                ck_assert_uint_ge(lowest, middle - middle / 4);
                ck_assert_uint_le(highest, middle + middle / 4);
                /* The jitter is used: they do not all start together, not even at the maximum. */
                ck_assert_uint_ge(highest - lowest, middle * 2 / 5);
        }
}
END_TEST

START_TEST(no_delay_exceeds_the_maximum) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct backoff b = { sequence_wide(&s), sequence_wide(&s) };
                uint64_t max = MAX(b.delay_usec, b.delay_max_usec);

                for (uint32_t i = 0; i < 200; i++) {
                        uint32_t failures = i < 100 ? i : (uint32_t)sequence_wide(&s);
                        uint64_t delay = backoff_delay(&b, failures, sequence_next(&s));

                        ck_assert_uint_le(delay, max);
                        ck_assert((delay == 0) == (failures == 0 || b.delay_usec == 0));
                }
        }
}
END_TEST

START_TEST(extreme_options_are_survived) {
        const struct backoff forever = { USEC_INFINITY, USEC_INFINITY }, none = { 0, USEC_PER_SEC };
        const struct backoff tiny = { 1, 1 }, upside_down = { 10 * USEC_PER_SEC, USEC_PER_SEC };

        ck_assert_uint_gt(backoff_delay(&forever, UINT32_MAX, UINT64_MAX), USEC_INFINITY / 2);
        ck_assert_uint_eq(backoff_delay(&none, 5, 12345), 0);
        ck_assert_uint_eq(backoff_delay(&tiny, 5, 12345), 1);
        ck_assert_uint_le(backoff_delay(&upside_down, 5, UINT64_MAX), 10 * USEC_PER_SEC);
        ck_assert_uint_ge(backoff_delay(&upside_down, 5, 0), 6 * USEC_PER_SEC);
}
END_TEST

START_TEST(a_row_ends_after_being_ready_for_a_while) {
        const struct backoff b = { 100 * USEC_PER_MSEC, 60 * USEC_PER_SEC };

        ck_assert(!backoff_resets(&b, 3, 0));
        ck_assert(!backoff_resets(&b, 3, BACKOFF_RESET_USEC - 1));
        ck_assert(backoff_resets(&b, 3, BACKOFF_RESET_USEC));
        ck_assert_msg(!backoff_resets(&b, 30, 47 * USEC_PER_SEC), "shorter than the delay that was due");
        ck_assert(backoff_resets(&b, 30, 48 * USEC_PER_SEC));
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("backoff", the_first_restart_is_at_once,
                                         delays_grow_by_two_and_stop_at_the_maximum,
                                         no_delay_exceeds_the_maximum, extreme_options_are_survived,
                                         a_row_ends_after_being_ready_for_a_while));
}
