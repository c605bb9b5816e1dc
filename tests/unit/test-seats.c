/* SPDX-License-Identifier: MIT */
/* Seats: no participant is given twice, and no generation comes again. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/seats.h"
#include "harness.h"

START_TEST(blocks_do_not_overlap) {
        struct seats s;
        bool taken[SEATS_PARTICIPANTS + 1] = { false };
        uint32_t first, count, generation, last = 0;

        seats_init(&s);
        while (seats_take(&s, 4, 1, &first, &count, &generation) == 0) {
                ck_assert_uint_gt(generation, last);
                last = generation;
                for (uint32_t i = first; i < first + count; i++) {
                        ck_assert_uint_ge(i, 1);
                        ck_assert_uint_le(i, SEATS_PARTICIPANTS);
                        ck_assert(!taken[i]);
                        taken[i] = true;
                }
        }
        ck_assert_uint_eq(s.n_taken, SEATS_PARTICIPANTS);
        for (uint32_t i = 1; i <= SEATS_PARTICIPANTS; i++)
                ck_assert(taken[i]);
}
END_TEST

START_TEST(fewer_will_do_when_few_are_left) {
        struct seats s;
        uint32_t first, count, generation;

        seats_init(&s);
        ck_assert_int_eq(seats_claim(&s, 1, SEATS_PARTICIPANTS, 7), 0);
        seats_free(&s, 100, 2);
        seats_free(&s, 500, 1);
        ck_assert_int_eq(seats_take(&s, 4, 4, &first, &count, &generation), -EUSERS);
        ck_assert_int_eq(seats_take(&s, 4, 1, &first, &count, &generation), 0);
        ck_assert_uint_eq(first, 100);
        ck_assert_uint_eq(count, 2);
        ck_assert_uint_eq(generation, 8);
        ck_assert_int_eq(seats_take(&s, 1, 1, &first, &count, &generation), 0);
        ck_assert_uint_eq(first, 500);
        ck_assert_int_eq(seats_take(&s, 1, 1, &first, &count, &generation), -EUSERS);
}
END_TEST

START_TEST(claims_are_checked) {
        struct seats s;

        seats_init(&s);
        ck_assert_int_eq(seats_claim(&s, 0, 1, 1), -EINVAL);
        ck_assert_int_eq(seats_claim(&s, 1, 0, 1), -EINVAL);
        ck_assert_int_eq(seats_claim(&s, SEATS_PARTICIPANTS, 2, 1), -EINVAL);
        ck_assert_int_eq(seats_claim(&s, UINT32_MAX, 2, 1), -EINVAL);
        ck_assert_int_eq(seats_claim(&s, 2, UINT32_MAX, 1), -EINVAL);
        ck_assert_int_eq(seats_claim(&s, 10, 4, 1), 0);
        ck_assert_int_eq(seats_claim(&s, 13, 1, 1), -EEXIST);
        ck_assert_int_eq(seats_claim(&s, 14, 1, 3), 0);
        ck_assert_uint_eq(s.next_generation, 4);
        ck_assert_uint_eq(s.n_taken, 5);
}
END_TEST

/* What a manager that was restarted a thousand times sees: takes and gives back at random, against a plain table. */
START_TEST(any_order_of_coming_and_going) {
        struct { uint32_t first, count; } held[256] = { { 0, 0 } };
        static uint8_t owner[SEATS_PARTICIPANTS + 1];
        struct seats s;
        uint32_t generation, last = 0;

        seats_init(&s);
        for (int i = 0; i < 100000; i++) {
                size_t h = (size_t)random() % 256;

                if (held[h].count > 0) {
                        seats_free(&s, held[h].first, held[h].count);
                        memset(owner + held[h].first, 0, held[h].count);
                        held[h].count = 0;
                        continue;
                }
                ck_assert_int_eq(seats_take(&s, (uint32_t)random() % 8 + 1, 1, &held[h].first, &held[h].count,
                                            &generation), 0);
                ck_assert_uint_gt(generation, last);
                last = generation;
                for (uint32_t k = 0; k < held[h].count; k++)
                        ck_assert_uint_eq(owner[held[h].first + k]++, 0);
        }
}
END_TEST

int main(void) {
        srandom(3);
        return harness_run(HARNESS_SUITE("seats", blocks_do_not_overlap, fewer_will_do_when_few_are_left,
                                         claims_are_checked, any_order_of_coming_and_going));
}
