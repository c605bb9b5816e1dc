/* SPDX-License-Identifier: MIT */
/* Counters: changes one by one, a look at all of them at once, and somebody who is killed while he counts. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "harness.h"
#include "shm/counter.h"
#include "shm/recover.h"

#define COUNTERS 3

static struct region region;
static struct counter one, two;
static struct object object;

static void setup(void) {
        const struct geometry g = { .kind = OBJECT_COUNTER, .slots = COUNTERS, .fences = !region_barrier_is_available() };
        _cleanup_(closep) int fd = region_create("test", &g);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(region_map(&region, fd, &g), 0);
        counter_open(&one, &region, 1);
        counter_open(&two, &region, 2);
        object_open(&object, &region, -1);
}

static void teardown(void) {
        region_unmap(&region);
}

static int64_t get(const struct counter *c, uint32_t i) {
        int64_t value;

        ck_assert_int_eq(counter_get(c, i, &value), 0);
        return value;
}

START_TEST(numbers_are_added_and_set) {
        int64_t before = -1;

        for (uint32_t i = 0; i < COUNTERS; i++)
                ck_assert_int_eq(get(&one, i), 0);
        for (int64_t k = 0; k < 10; k++) {
                ck_assert_int_eq(counter_add(k % 3 ? &one : &two, 1, 5, &before), 0);
                ck_assert_int_eq(before, 5 * k);
        }
        ck_assert_int_eq(get(&two, 1), 50);
        ck_assert_int_eq(get(&two, 0), 0);
        ck_assert_int_eq(get(&two, 2), 0);
        ck_assert_int_eq(counter_set(&one, 1, INT64_MAX), 0);
        ck_assert_int_eq(counter_add(&two, 1, 1, NULL), 0);
        ck_assert_int_eq(get(&one, 1), INT64_MIN);
}
END_TEST

START_TEST(swapped_only_if_it_is_what_was_expected) {
        int64_t expected = 1;

        ck_assert_int_eq(counter_compare_and_swap(&one, 2, &expected, 7), 1);
        ck_assert_int_eq(expected, 0);
        ck_assert_int_eq(counter_compare_and_swap(&one, 2, &expected, 7), 0);
        ck_assert_int_eq(counter_compare_and_swap(&two, 2, &expected, 8), 1);
        ck_assert_int_eq(expected, 7);
        ck_assert_int_eq(get(&two, 2), 7);
}
END_TEST

START_TEST(a_snapshot_has_all_of_them) {
        uint64_t words[COUNTERS];
        int64_t values[COUNTERS];

        for (uint32_t i = 0; i < COUNTERS; i++)
                ck_assert_int_eq(counter_add(&one, i, -(int64_t)i, NULL), 0);
        ck_assert_int_eq(counter_snapshot(&two, COUNTERS, values, words), 0);
        for (uint32_t i = 0; i < COUNTERS; i++)
                ck_assert_int_eq(values[i], -(int64_t)i);
}
END_TEST

START_TEST(a_value_outlives_whoever_wrote_it) {
        const struct seat seat = { .object = &object, .first = 1, .count = 1, .generation = 1 };
        struct counter next;

        ck_assert_int_eq(counter_set(&one, 0, 4), 0);
        recover_process(NULL, &seat, 1, "killed", NULL);
        counter_open(&next, &region, 1);
        ck_assert_int_eq(get(&next, 0), 4);
        ck_assert_int_eq(counter_add(&next, 0, 1, NULL), 0);
        ck_assert_int_eq(counter_add(&next, 0, 1, NULL), 0);
        ck_assert_int_eq(get(&two, 0), 6);
}
END_TEST

/** Counter 0 is as large as counter 1, or one larger: at every instant. */
static _Noreturn void count_in_turn(void) {
        for (;;)
                for (uint32_t i = 0; i < 2; i++)
                        if (counter_add(&two, i, 1, NULL) < 0)
                                _exit(1);
}

START_TEST(a_snapshot_is_of_one_instant_whoever_is_killed) {
        for (int round = 0; round < 20; round++) {
                pid_t pid;

                for (uint32_t i = 0; i < 2; i++)
                        ck_assert_int_eq(counter_set(&one, i, 0), 0);
                ck_assert_int_eq(madvise(region.base, region.size, MADV_DOFORK), 0);
                pid = fork();
                if (pid == 0)
                        count_in_turn();
                for (int n = 0; n < 2000; n++) {
                        uint64_t words[2];
                        int64_t values[2];

                        if (counter_snapshot(&one, 2, values, words) == 0)
                                ck_assert_int_eq((values[0] - values[1]) & ~INT64_C(1), 0);
                }
                kill(pid, SIGKILL);
                ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
                ck_assert_int_eq((get(&one, 0) - get(&one, 1)) & ~INT64_C(1), 0);
                ck_assert_int_eq(counter_add(&one, 0, 1, NULL), 0);
        }
}
END_TEST

START_TEST(a_geometry_makes_sense_or_not) {
        struct geometry g = { .kind = OBJECT_COUNTER, .slots = COUNTERS_MAX };

        ck_assert_int_eq(geometry_check(&g), 0);
        g.slots++;
        ck_assert_int_eq(geometry_check(&g), -E2BIG);
        g.slots = 0;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g = (struct geometry){ .kind = OBJECT_COUNTER, .slots = 1, .policy = 1 };
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
}
END_TEST

START_TEST(any_bytes_do_no_harm) {
        uint32_t *bytes = region.base;

        srandom(1);
        for (int round = 0; round < 50; round++) {
                uint64_t words[COUNTERS];
                int64_t values[COUNTERS], value = 0;

                for (size_t i = 0; i < region.size / sizeof *bytes; i++)
                        bytes[i] = round == 0 ? UINT32_MAX : (uint32_t)random() << 1 ^ (uint32_t)random();
                for (uint32_t i = 0; i < COUNTERS; i++) {
                        ck_assert_int_eq(counter_get(&one, i, &value), 0);
                        ck_assert_int_eq(counter_compare_and_swap(&two, i, &value, 3), 0);
                        ck_assert_int_eq(counter_add(&one, i, 1, NULL), 0);
                        ck_assert_int_eq(get(&two, i), 4);
                }
                ck_assert_int_eq(counter_snapshot(&one, COUNTERS, values, words), 0);
        }
}
END_TEST

int main(void) {
        Suite *s = suite_create("counter");
        TCase *c = tcase_create("counter");
        const TTest *tests[] = {
                numbers_are_added_and_set, swapped_only_if_it_is_what_was_expected, a_snapshot_has_all_of_them,
                a_value_outlives_whoever_wrote_it, a_snapshot_is_of_one_instant_whoever_is_killed,
                a_geometry_makes_sense_or_not, any_bytes_do_no_harm,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(s, c);
        return harness_run(s);
}
