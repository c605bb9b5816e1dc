/* SPDX-License-Identifier: MIT */
/*
 * The monitor, one thread at a time: what each operation does to the word, what recovery leaves, and what one sees who
 * looks.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "harness.h"
#include "shm/monitor.h"
#include "shm/recover.h"

#define CONDITIONS 2
#define LONG_AGO 1

static struct region region;
static struct monitor one, two, three;
static struct object object;            /* as one sees it who recovers */

static void setup_conditions(uint32_t conditions) {
        const struct geometry g = {
                .kind = OBJECT_MONITOR, .slots = conditions, .fences = !region_barrier_is_available(),
        };
        _cleanup_(closep) int fd = region_create("test", &g);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(region_map(&region, fd, &g), 0);
        monitor_open(&one, &region, 1, 1, -1);
        monitor_open(&two, &region, 2, 1, -1);
        monitor_open(&three, &region, RING_PARTICIPANTS, 1, -1);
        object_open(&object, &region, -1);
}

static void setup(void) {
        setup_conditions(CONDITIONS);
}

static void teardown(void) {
        region_unmap(&region);
}

static void die(uint32_t participant, struct recovery *ret) {
        const struct seat seat = { .object = &object, .first = participant, .count = 1, .generation = 1 };

        recover_process(NULL, &seat, 1, "killed by SIGKILL", ret);
}

START_TEST(one_has_the_lock) {
        for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(monitor_lock(&one, LONG_AGO), 0);
                ck_assert(monitor_holds(&one) && !monitor_holds(&two));
                ck_assert_int_eq(monitor_try(&two), -EAGAIN);
                ck_assert_int_eq(monitor_lock(&two, LONG_AGO), -ETIMEDOUT);
                ck_assert_int_eq(monitor_lock(&one, LONG_AGO), -EDEADLK);
                ck_assert_int_eq(monitor_unlock(&two), -EPERM);
                ck_assert_int_eq(monitor_unlock(&one), 0);
                ck_assert_int_eq(monitor_unlock(&one), -EPERM);
                ck_assert_int_eq(monitor_lock(&two, LONG_AGO), 0);
                ck_assert_int_eq(monitor_unlock(&two), 0);
        }
}
END_TEST

START_TEST(the_next_one_is_told_of_a_death) {
        struct recovery got = { 0 };

        ck_assert_int_eq(monitor_lock(&one, LONG_AGO), 0);
        die(1, &got);
        ck_assert_uint_eq(got.locks, 1);
        die(1, &got);
        ck_assert_uint_eq(got.locks, 1);
        ck_assert_int_eq(monitor_consistent(&two), -EPERM);
        ck_assert_int_eq(monitor_lock(&two, LONG_AGO), -EOWNERDEAD);
        ck_assert_int_eq(monitor_lock(&three, LONG_AGO), -ETIMEDOUT);
        /* Who has it knows; a wait does not begin. */
        ck_assert_int_eq(monitor_wait(&two, 0, LONG_AGO, NULL), -EOWNERDEAD);
        ck_assert_int_eq(monitor_consistent(&two), 0);
        ck_assert_int_eq(monitor_consistent(&two), -EINVAL);
        ck_assert_int_eq(monitor_unlock(&two), 0);
        ck_assert_int_eq(monitor_lock(&three, LONG_AGO), 0);
        ck_assert_int_eq(monitor_unlock(&three), 0);
}
END_TEST

START_TEST(the_next_one_may_die_too) {
        struct recovery got = { 0 };

        monitor_lock(&one, LONG_AGO);
        die(1, &got);
        ck_assert_int_eq(monitor_lock(&two, LONG_AGO), -EOWNERDEAD);
        die(2, &got);
        ck_assert_int_eq(monitor_lock(&three, LONG_AGO), -EOWNERDEAD);
        ck_assert_int_eq(monitor_consistent(&three), 0);
        die(RING_PARTICIPANTS, &got);
        ck_assert_uint_eq(got.locks, 3);
        monitor_open(&one, &region, 1, 2, -1);
        ck_assert_int_eq(monitor_lock(&one, LONG_AGO), -EOWNERDEAD);
}
END_TEST

START_TEST(what_nobody_puts_right_is_lost) {
        struct monitor_view view;

        monitor_lock(&one, LONG_AGO);
        die(1, NULL);
        ck_assert_int_eq(monitor_lock(&two, LONG_AGO), -EOWNERDEAD);
        ck_assert_int_eq(monitor_unlock(&two), 0);
        ck_assert_int_eq(monitor_lock(&two, LONG_AGO), -ENOTRECOVERABLE);
        ck_assert_int_eq(monitor_lock(&three, UINT64_MAX), -ENOTRECOVERABLE);
        ck_assert_int_eq(monitor_wait(&three, 0, UINT64_MAX, NULL), -EPERM);
        monitor_look(&three, &view);
        ck_assert(view.unrecoverable && !view.inconsistent && view.participant == 0);
}
END_TEST

START_TEST(only_the_dead_lose_it) {
        struct monitor again;
        struct recovery got = { 0 };

        monitor_lock(&one, LONG_AGO);
        die(2, &got);
        die(3, &got);
        monitor_unlock(&one);
        die(1, &got);
        ck_assert_uint_eq(got.locks, 0);
        /* The next generation of the same number. */
        monitor_open(&again, &region, 1, 2, -1);
        ck_assert_int_eq(monitor_lock(&again, LONG_AGO), 0);
        die(1, &got);
        ck_assert_uint_eq(got.locks, 0);
        ck_assert(monitor_holds(&again));
}
END_TEST

START_TEST(a_reservation_keeps_others_away) {
        atomic_store(&one.control->reserved, one.owner);
        ck_assert_int_eq(monitor_try(&two), -EAGAIN);
        ck_assert_int_eq(monitor_lock(&two, LONG_AGO), -ETIMEDOUT);
        ck_assert_int_eq(monitor_try(&one), 0);
        monitor_unlock(&one);
        /* Not if it may be stopped; not once it is dead. */
        object.ops->set_stopped(&object, 1);
        ck_assert_int_eq(monitor_try(&two), 0);
        monitor_unlock(&two);
        object.ops->set_stopped(&object, 0);
        ck_assert_int_eq(monitor_try(&two), -EAGAIN);
        die(1, NULL);
        ck_assert_int_eq(monitor_try(&two), 0);
}
END_TEST

START_TEST(who_waits_in_vain_reserves_and_gives_up) {
        struct monitor_view view;

        two.patience = 0;
        monitor_lock(&one, LONG_AGO);
        ck_assert_int_eq(monitor_lock(&two, LONG_AGO), -ETIMEDOUT);
        monitor_look(&three, &view);
        ck_assert_uint_eq(view.reserved, 0);
        ck_assert_uint_eq(view.participant, 1);
        monitor_unlock(&one);
        ck_assert_int_eq(monitor_try(&three), 0);
}
END_TEST

START_TEST(waiting_needs_the_lock_and_returns_with_it) {
        _Atomic uint32_t drain = 0;

        ck_assert_int_eq(monitor_wait(&one, 0, LONG_AGO, NULL), -EPERM);
        monitor_lock(&one, LONG_AGO);
        ck_assert_int_eq(monitor_wait(&one, CONDITIONS, LONG_AGO, NULL), -EINVAL);
        ck_assert_int_eq(monitor_wait(&one, 0, 0, NULL), -EAGAIN);
        ck_assert_int_eq(monitor_wait(&one, 0, LONG_AGO, &drain), -ETIMEDOUT);
        drain = 1;
        ck_assert_int_eq(monitor_wait(&one, 1, UINT64_MAX, &drain), -ESHUTDOWN);
        ck_assert(monitor_holds(&one));
        ck_assert_int_eq(monitor_signal(&one, 0), 0);
        ck_assert_int_eq(monitor_signal(&one, CONDITIONS), -EINVAL);
        ck_assert_int_eq(monitor_broadcast(&one, CONDITIONS - 1), 0);
        ck_assert_int_eq(monitor_broadcast(&one, UINT32_MAX), -EINVAL);
        ck_assert_int_eq(monitor_unlock(&one), 0);
        ck_assert_uint_eq(object.monitor.control->conditions[0].event, 0);
}
END_TEST

START_TEST(one_sees_who_holds_and_who_waits) {
        struct waiting condition = monitor_condition(&one, 1);
        struct monitor_view view;
        uint32_t thread;

        monitor_lock(&two, LONG_AGO);
        monitor_lock(&three, LONG_AGO);
        wait_announce(&three.lock, RING_PARTICIPANTS);
        wait_announce(&one.lock, 1);
        wait_announce_ordered(&condition, 64);
        monitor_look(&object.monitor, &view);
        ck_assert_uint_eq(view.participant, 2);
        ck_assert_uint_eq(view.generation, 1);
        ck_assert_uint_eq(view.thread, (uint32_t)gettid());
        ck_assert_uint_eq(view.count, 1);
        ck_assert_uint_eq(monitor_waiter_after(&object.monitor, MONITOR_LOCK, 0, &thread), 1);
        ck_assert_uint_eq(thread, 0); /* it only looks as if it waited */
        ck_assert_uint_eq(monitor_waiter_after(&object.monitor, MONITOR_LOCK, 1, &thread), RING_PARTICIPANTS);
        ck_assert_uint_eq(thread, (uint32_t)gettid());
        ck_assert_uint_eq(monitor_waiter_after(&object.monitor, MONITOR_LOCK, RING_PARTICIPANTS, &thread), 0);
        ck_assert_uint_eq(monitor_waiter_after(&object.monitor, MONITOR_LOCK, UINT32_MAX - 1, &thread), 0);
        ck_assert_uint_eq(monitor_waiter_after(&object.monitor, 0, 0, NULL), 0);
        ck_assert_uint_eq(monitor_waiter_after(&object.monitor, 1, 0, NULL), 64);
        ck_assert_uint_eq(monitor_waiter_after(&object.monitor, CONDITIONS, 0, NULL), 0);
        die(1, NULL);
        die(64, NULL);
        ck_assert_uint_eq(monitor_waiter_after(&object.monitor, MONITOR_LOCK, 0, NULL), RING_PARTICIPANTS);
        ck_assert_uint_eq(monitor_waiter_after(&object.monitor, 1, 0, NULL), 0);
}
END_TEST

START_TEST(geometry_is_checked) {
        const struct geometry good = { .kind = OBJECT_MONITOR }, most = { .kind = OBJECT_MONITOR, .slots = 64 };
        struct geometry bad = most;

        ck_assert_int_eq(geometry_check(&good), 0);
        ck_assert_int_eq(geometry_check(&most), 0);
        bad.slots = 65;
        ck_assert_int_eq(geometry_check(&bad), -E2BIG);
        bad = most;
        bad.message_max = 1;
        ck_assert_int_eq(geometry_check(&bad), -EINVAL);
        bad = most;
        bad.max_deliveries = 1;
        ck_assert_int_eq(geometry_check(&bad), -EINVAL);
        bad = most;
        bad.policy = 1;
        ck_assert_int_eq(geometry_check(&bad), -EINVAL);
        teardown();
        setup_conditions(0);
        ck_assert_int_eq(monitor_lock(&one, LONG_AGO), 0);
        ck_assert_int_eq(monitor_wait(&one, 0, LONG_AGO, NULL), -EINVAL);
        ck_assert_int_eq(monitor_unlock(&one), 0);
        teardown();
        setup_conditions(64);
        ck_assert_int_eq(monitor_lock(&one, LONG_AGO), 0);
        ck_assert_int_eq(monitor_wait(&one, 63, LONG_AGO, NULL), -ETIMEDOUT);
        die(1, NULL);
        ck_assert_int_eq(monitor_lock(&two, LONG_AGO), -EOWNERDEAD);
}
END_TEST

/* Whatever is in the memory, everything comes to an end and nothing is read elsewhere. */
START_TEST(damage_does_no_harm) {
        uint64_t state = 1;

        for (unsigned int round = 0; round < 2000; round++) {
                struct monitor_view view;
                uint32_t waiters = 0;
                unsigned char *p = (void *)one.control;
                size_t n = round % 3 == 0 ? 64 : region.size - CACHE_LINE;

                for (size_t i = 0; i < n; i++) {
                        state = state * 6364136223846793005u + 1442695040888963407u;
                        p[i] = (unsigned char)(state >> 56);
                }
                (void)monitor_lock(&one, LONG_AGO);
                (void)monitor_wait(&one, 1, LONG_AGO, NULL);
                (void)monitor_consistent(&one);
                (void)monitor_signal(&two, 0);
                (void)monitor_broadcast(&two, 1);
                (void)monitor_unlock(&one);
                die(1, NULL);
                monitor_look(&object.monitor, &view);
                for (uint32_t w = 0; (w = monitor_waiter_after(&object.monitor, 0, w, NULL)) != 0;)
                        waiters++;
                ck_assert_uint_le(waiters, RING_PARTICIPANTS);
                ck_assert_uint_le(view.participant, PARTICIPANT_MAX);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("monitor");
        TCase *c = tcase_create("monitor");
        const TTest *tests[] = {
                one_has_the_lock, the_next_one_is_told_of_a_death, the_next_one_may_die_too,
                what_nobody_puts_right_is_lost, only_the_dead_lose_it, a_reservation_keeps_others_away, who_waits_in_vain_reserves_and_gives_up,
                waiting_needs_the_lock_and_returns_with_it, one_sees_who_holds_and_who_waits, geometry_is_checked,
                damage_does_no_harm,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
