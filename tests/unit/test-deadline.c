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

int main(void) {
        return harness_run(HARNESS_SUITE("deadline", an_extension_only_puts_off));
}
