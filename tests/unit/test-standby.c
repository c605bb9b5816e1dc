/* SPDX-License-Identifier: MIT */
/* Spares: how many there are, that none is ready while one that works has no process, and that no role moves for nothing. */

#include <string.h>

#include "base/cleanup.h"
#include "daemon/policy/standby.h"
#include "harness.h"
#include "sequence.h"

#define SEATS_MAX 9
#define STEPS 20000

static size_t count_workers(const struct standby_seat *seats, size_t n) {
        size_t workers = 0;

        for (size_t i = 0; i < n; i++)
                workers += !seats[i].spare;
        return workers;
}

START_TEST(who_begins_as_a_spare) {
        struct standby_seat seats[5] = { 0 };

        ck_assert_uint_eq(standby_assign(seats, 5, 3), 2);
        for (size_t i = 0; i < 5; i++)
                ck_assert(seats[i].spare == (i >= 3));
        ck_assert_uint_eq(standby_assign(seats, 5, 3), 0);
}
END_TEST

START_TEST(who_is_lost_is_the_next_spare) {
        struct standby_seat seats[3] = { { STANDBY_READY, false }, { STANDBY_READY, false }, { STANDBY_READY, true } };

        seats[0].level = STANDBY_GONE;
        ck_assert_uint_eq(standby_assign(seats, 3, 2), 2);
        ck_assert(seats[0].spare && !seats[1].spare && !seats[2].spare);
        /* Its replacement is there: nothing moves back. */
        seats[0].level = STANDBY_READY;
        ck_assert_uint_eq(standby_assign(seats, 3, 2), 0);
}
END_TEST

START_TEST(one_that_only_starts_takes_over_nothing) {
        struct standby_seat seats[2] = { { STANDBY_LATER, false }, { STANDBY_COMING, true } };

        ck_assert_uint_eq(standby_assign(seats, 2, 1), 0);
        seats[1].level = STANDBY_READY;
        ck_assert_uint_eq(standby_assign(seats, 2, 1), 2);
        ck_assert(seats[0].spare && !seats[1].spare);
}
END_TEST

/** What must hold after each step, whatever was before. */
static void check_assigned(const struct standby_seat *before, const struct standby_seat *after, size_t n, size_t wanted,
                           size_t moved) {
        size_t differ = 0;

        ck_assert_uint_eq(count_workers(after, n), MIN(n, wanted));
        for (size_t i = 0; i < n; i++) {
                differ += before[i].spare != after[i].spare;
                for (size_t k = 0; k < n; k++)
                        ck_assert(!(after[i].spare && after[i].level == STANDBY_READY && !after[k].spare &&
                                    after[k].level <= STANDBY_LATER));
        }
        ck_assert(differ <= moved && (moved == 0) == (differ == 0));
        /* Nobody who is ready gives its role away while one that is not keeps it. */
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < n; k++)
                        ck_assert(!(!before[i].spare && after[i].spare && after[i].level == STANDBY_READY &&
                                    !after[k].spare && after[k].level < STANDBY_READY));
}

START_TEST(whatever_happens) {
        struct standby_seat seats[SEATS_MAX] = { 0 }, before[SEATS_MAX];
        struct sequence s = SEQUENCE(7);
        size_t n = 3, wanted = 2;

        for (int step = 0; step < STEPS; step++) {
                if (sequence_next(&s) % 50 == 0) {
                        n = sequence_next(&s) % (SEATS_MAX + 1);
                        wanted = sequence_next(&s) % (SEATS_MAX + 1);
                } else if (n > 0)
                        seats[sequence_next(&s) % n].level = (enum standby_level)(sequence_next(&s) % (STANDBY_READY + 1));
                memcpy(before, seats, sizeof before);
                check_assigned(before, seats, n, wanted, standby_assign(seats, n, wanted));
                ck_assert_uint_eq(standby_assign(seats, n, wanted), 0);
        }
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                who_begins_as_a_spare, who_is_lost_is_the_next_spare, one_that_only_starts_takes_over_nothing,
                whatever_happens,
        };
        Suite *suite = suite_create("standby");
        TCase *c = tcase_create("standby");

        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
