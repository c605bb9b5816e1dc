/* SPDX-License-Identifier: MIT */
/* The tests of the keeper's promises find the faults that are put in on purpose. */

#include <stdlib.h>

#include "harness.h"
#include "keeper-fixture.h"

static bool kept_with_fault(bool (*promise)(void), const char *fault) {
        bool kept;

        ck_assert_int_eq(setenv("GANGER_FAULT", fault, 1), 0);
        kept = promise();
        unsetenv("GANGER_FAULT");
        return kept;
}

START_TEST(double_spawn_is_found) {
        ck_assert(!kept_with_fault(promise_never_two, "double-spawn"));
}
END_TEST

START_TEST(drop_exit_is_found) {
        ck_assert(!kept_with_fault(promise_exit_is_repeated, "drop-exit"));
}
END_TEST

START_TEST(no_pdeathsig_is_found) {
        ck_assert(!kept_with_fault(promise_death_with_keeper, "no-pdeathsig"));
}
END_TEST

START_TEST(reap_endlessly_is_found) {
        ck_assert(!kept_with_fault(promise_reaping_yields, "reap-endlessly"));
}
END_TEST

START_TEST(an_unknown_fault_breaks_nothing) {
        ck_assert(kept_with_fault(promise_never_two, "no-such-fault"));
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("keeper-faults", double_spawn_is_found, drop_exit_is_found, no_pdeathsig_is_found,
                                         reap_endlessly_is_found, an_unknown_fault_breaks_nothing));
}
