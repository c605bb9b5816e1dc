/* SPDX-License-Identifier: MIT */
/* Deadlines: an extension only puts off, and health is lost by failures in a row. */

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/policy/deadline.h"
#include "harness.h"

START_TEST(an_extension_only_puts_off) {
        /* Within the first time it says nothing new; past it, it counts from now. */
        ck_assert_uint_eq(deadline_extend(100, 50, 110, 10), 150);
        ck_assert_uint_eq(deadline_extend(100, 50, 145, 10), 155);
        ck_assert_uint_eq(deadline_extend(100, 50, 400, 10), 410);
        ck_assert_uint_eq(deadline_extend(100, USEC_INFINITY, 400, 10), USEC_INFINITY);
        ck_assert_uint_eq(deadline_extend(100, 50, 400, USEC_INFINITY), USEC_INFINITY);
}
END_TEST

START_TEST(failures_in_a_row_are_counted) {
        struct health h = HEALTH_NULL;

        ck_assert_int_eq(health_count(&h, false, 2, 1000, 0), HEALTH_POOR);
        ck_assert_int_eq(health_count(&h, true, 2, 1000, 0), HEALTH_FINE);
        ck_assert_int_eq(health_count(&h, false, 2, 1000, 0), HEALTH_POOR);
        ck_assert_int_eq(health_count(&h, false, 2, 1000, 0), HEALTH_LOST);
        h = HEALTH_NULL;
        ck_assert_int_eq(health_count(&h, false, 1, 0, 0), HEALTH_LOST);
        h.failures = UINT32_MAX;
        ck_assert_int_eq(health_count(&h, false, 1, 0, 0), HEALTH_LOST);
        ck_assert_uint_eq(h.failures, UINT32_MAX);
}
END_TEST

START_TEST(a_start_period_ends_with_the_first_success) {
        struct health h = HEALTH_NULL;

        for (int i = 0; i < 9; i++)
                ck_assert_int_eq(health_count(&h, false, 1, 99, 100), HEALTH_POOR);
        ck_assert_uint_eq(h.failures, 0);
        ck_assert_int_eq(health_count(&h, false, 2, 100, 100), HEALTH_POOR);
        ck_assert_int_eq(health_count(&h, false, 2, 100, 100), HEALTH_LOST);
        h = HEALTH_NULL;
        ck_assert_int_eq(health_count(&h, true, 1, 10, 100), HEALTH_FINE);
        ck_assert_int_eq(health_count(&h, false, 1, 20, 100), HEALTH_LOST);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("deadline", an_extension_only_puts_off, failures_in_a_row_are_counted,
                                         a_start_period_ends_with_the_first_success));
}
