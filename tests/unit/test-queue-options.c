/* SPDX-License-Identifier: MIT */
/* What a queue does besides: limits of dead letters, messages that rest. One thread at a time. */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "harness.h"
#include "shm/queue.h"
#include "shm/recover.h"

#define SLOTS 8

static struct region region;
static struct queue sender, receiver, other;
static struct object object;            /* as one sees it who recovers */

/** A ring of its own for each test: `extra` says what is special. */
static void ring_open(const struct geometry *extra) {
        struct geometry g = *extra;
        _cleanup_(closep) int fd = -1;

        g.kind = OBJECT_QUEUE;
        g.slots = SLOTS;
        g.message_max = 48;
        fd = region_create("test", &g);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(region_map(&region, fd, &g), 0);
        queue_open(&sender, &region, 1, 1, -1);
        queue_open(&receiver, &region, 2, 1, -1);
        queue_open(&other, &region, 3, 1, -1);
        object_open(&object, &region, -1);
}

static void teardown(void) {
        region_unmap(&region);
}

static int send_number(struct queue *q, uint64_t n) {
        struct lease l;
        int r = queue_reserve(q, &l);

        if (r < 0)
                return r;
        memcpy(l.data, &n, sizeof n);
        queue_commit(q, &l, sizeof n);
        return 0;
}

static uint64_t number(const struct lease *l) {
        uint64_t n;

        ck_assert_uint_eq(l->size, sizeof n);
        memcpy(&n, l->data, sizeof n);
        return n;
}

#define RECEIVE(q, lease, expected)                                     \
        do {                                                            \
                ck_assert_int_eq(queue_receive(q, lease), 0);           \
                ck_assert_uint_eq(number(lease), expected);             \
        } while (0)

static void die(uint32_t participant) {
        const struct seat seat = { .object = &object, .first = participant, .count = 1, .generation = 1 };

        recover_process(NULL, &seat, 1, "killed by SIGKILL", NULL);
}

/* ---- dead letters ------------------------------------------------------------------------------ */

static uint64_t word(uint32_t slot) {
        return atomic_load(&queue_slot(&object.queue, slot)->word);
}

static uint32_t count_dead(void) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < SLOTS; i++)
                n += word_state(word(i)) == SLOT_DEAD;
        return n;
}

static uint32_t send_and_reject(uint64_t n) {
        struct lease l;

        ck_assert_int_eq(send_number(&sender, n), 0);
        RECEIVE(&receiver, &l, n);
        ck_assert_int_eq(queue_reject(&receiver, l.slot, "never"), 1);
        return l.slot;
}

START_TEST(senders_are_refused_until_there_is_room_for_dead_letters) {
        uint32_t first, second;
        struct lease l;

        ring_open(&(struct geometry){ .max_deliveries = 1, .dead_max = 2, .policy = QUEUE_DEAD_REFUSE });
        first = send_and_reject(1);
        second = send_and_reject(2);
        for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(send_number(&sender, 3), -EDQUOT);
                ck_assert_int_eq(send_number(&other, 3), -EDQUOT);
        }
        ck_assert_int_eq(queue_reserve_wait(&sender, &l, 1), -ETIMEDOUT);
        ck_assert(queue_dead_drop(&object.queue, first, word(first)));
        queue_dead_settled(&object.queue);
        ck_assert_int_eq(send_number(&sender, 3), 0);
        ck_assert_int_eq(send_number(&other, 4), 0);
        RECEIVE(&receiver, &l, 3);
        ck_assert_int_eq(queue_reject(&receiver, l.slot, NULL), 1);
        ck_assert_int_eq(send_number(&sender, 5), -EDQUOT);
        ck_assert(queue_dead_retry(&object.queue, second, word(second)));
        queue_dead_settled(&object.queue);
        ck_assert_int_eq(send_number(&sender, 5), 0);
        RECEIVE(&receiver, &l, 2);
        ck_assert_uint_eq(l.deliveries, 1);
}
END_TEST

START_TEST(the_oldest_dead_letter_makes_room) {
        uint32_t slots[5];

        ring_open(&(struct geometry){ .max_deliveries = 1, .dead_max = 3, .policy = QUEUE_DEAD_DROP_OLDEST });
        for (uint64_t i = 0; i < 5; i++)
                slots[i] = send_and_reject(i);
        ck_assert_uint_eq(count_dead(), 3);
        ck_assert_uint_eq(object.queue.control->dropped, 2);
        for (uint64_t i = 0; i < 5; i++)
                ck_assert_int_eq(word_state(word(slots[i])), i < 2 ? SLOT_FREE : SLOT_DEAD);
        for (uint64_t i = 0; i < 5 * SLOTS; i++)
                (void)send_and_reject(i);
        ck_assert_uint_eq(count_dead(), 3);
        ck_assert_uint_eq(object.queue.control->dropped, 2 + 5 * SLOTS);
}
END_TEST

/* One process held them all: recovery has many to drop at once. */
START_TEST(many_deaths_at_once_keep_to_the_limit) {
        struct lease l[SLOTS];

        ring_open(&(struct geometry){ .max_deliveries = 1, .dead_max = 2, .policy = QUEUE_DEAD_DROP_OLDEST });
        for (uint64_t i = 0; i < 3; i++)
                (void)send_and_reject(i);
        for (uint64_t i = 0; i < SLOTS - 2; i++) {
                ck_assert_int_eq(send_number(&sender, i), 0);
                RECEIVE(&other, &l[i], i);
        }
        die(3);
        ck_assert_uint_eq(count_dead(), 2);
        ck_assert_int_eq(word_state(word(l[SLOTS - 3].slot)), SLOT_DEAD);
        ck_assert_int_eq(word_state(word(l[SLOTS - 4].slot)), SLOT_DEAD);
        die(3);
        ck_assert_uint_eq(count_dead(), 2);
}
END_TEST

START_TEST(no_limit_is_no_limit) {
        ring_open(&(struct geometry){ .max_deliveries = 1 });
        for (uint64_t i = 0; i < SLOTS; i++)
                (void)send_and_reject(i);
        ck_assert_uint_eq(count_dead(), SLOTS);
        ck_assert_int_eq(send_number(&sender, 1), -EAGAIN);
        /* Somebody hostile asks senders to count. */
        atomic_store(&object.queue.control->quota, UINT64_MAX);
        ck_assert_int_eq(send_number(&sender, 1), -EAGAIN);
}
END_TEST

/* ---- rest -------------------------------------------------------------------------------------- */

/* Time is not waited for: what rests, rests for an hour, and becomes due by the test's hand. */
#define HOUR (3600 * USEC_PER_SEC)

/** Let all that rests be due. */
static void let_time_pass(void) {
        for (uint32_t i = 0; i < SLOTS; i++)
                if (object.queue.due[i])
                        object.queue.due[i] = 1;
        if (queue_alarm(&object.queue) != UINT64_MAX)
                queue_alarm_set(&object.queue, 1);
}

START_TEST(what_comes_back_rests) {
        struct lease l;

        ring_open(&(struct geometry){ .max_deliveries = 3, .delay_msec = 3600 * 1000 });
        for (uint64_t i = 0; i < 3; i++)
                ck_assert_int_eq(send_number(&sender, i), 0);
        RECEIVE(&other, &l, 0);
        RECEIVE(&receiver, &l, 1);
        ck_assert_uint_eq(queue_alarm(&object.queue), UINT64_MAX);
        ck_assert_int_eq(queue_reject(&receiver, l.slot, "later"), 0);
        ck_assert_uint_gt(queue_alarm(&object.queue), now_usec());
        ck_assert_uint_le(queue_alarm(&object.queue), now_usec() + HOUR + USEC_PER_MSEC);
        die(3);
        /* Others do not wait for it, for laps. */
        RECEIVE(&receiver, &l, 2);
        ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
        for (uint64_t i = 10; i < 10 + 3 * SLOTS; i++) {
                ck_assert_int_eq(send_number(&sender, i), 0);
                RECEIVE(&receiver, &l, i);
                ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
        }
        ck_assert_int_eq(queue_receive(&receiver, &l), -EAGAIN);
        ck_assert_int_eq(queue_receive_wait(&receiver, &l, now_usec() + 2000, NULL), -ETIMEDOUT);
        let_time_pass();
        RECEIVE(&receiver, &l, 0);
        ck_assert_uint_eq(l.deliveries, 2);
        RECEIVE(&sender, &l, 1);
        ck_assert_uint_eq(queue_alarm(&object.queue), UINT64_MAX);
        ck_assert_int_eq(queue_receive(&receiver, &l), -EAGAIN);
}
END_TEST

START_TEST(each_message_may_rest_as_long_as_it_likes) {
        struct lease l[3], again;

        ring_open(&(struct geometry){ .max_deliveries = 9 });
        for (uint64_t i = 0; i < 3; i++) {
                ck_assert_int_eq(send_number(&sender, i), 0);
                RECEIVE(&receiver, &l[i], i);
        }
        ck_assert_int_eq(queue_reject_after(&receiver, l[0].slot, NULL, 2 * HOUR), 0);
        ck_assert_int_eq(queue_reject_after(&receiver, l[1].slot, NULL, HOUR), 0);
        ck_assert_uint_le(queue_alarm(&object.queue), now_usec() + HOUR + USEC_PER_MSEC);
        ck_assert_int_eq(queue_reject(&receiver, l[2].slot, NULL), 0);
        RECEIVE(&other, &again, 2);
        ck_assert_int_eq(queue_receive(&other, &again), -EAGAIN);
        /* The hour is over; the other rests on, and the alarm is for it. */
        object.queue.due[l[1].slot] = 1;
        queue_alarm_set(&object.queue, 1);
        RECEIVE(&other, &again, 1);
        ck_assert_int_eq(queue_receive(&other, &again), -EAGAIN);
        ck_assert_uint_gt(queue_alarm(&object.queue), now_usec() + HOUR);
        let_time_pass();
        RECEIVE(&other, &again, 0);
}
END_TEST

/* Somebody who always finds messages must find the one that has rested too. */
START_TEST(what_has_rested_is_not_starved) {
        struct lease l;
        bool found = false;

        ring_open(&(struct geometry){ .max_deliveries = 9 });
        ck_assert_int_eq(send_number(&sender, 1), 0);
        RECEIVE(&receiver, &l, 1);
        ck_assert_int_eq(queue_reject_after(&receiver, l.slot, NULL, HOUR), 0);
        for (uint64_t i = 0; i < 200 && !found; i++) {
                ck_assert_int_eq(send_number(&sender, 100 + i), 0);
                ck_assert_int_eq(queue_receive(&receiver, &l), 0);
                found = number(&l) == 1;
                ck_assert(!found || i > 50);
                ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
                if (i == 50)
                        let_time_pass();
        }
        ck_assert(found);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("queue-options");
        TCase *c = tcase_create("queue-options");
        const TTest *tests[] = {
                senders_are_refused_until_there_is_room_for_dead_letters, the_oldest_dead_letter_makes_room,
                many_deaths_at_once_keep_to_the_limit, no_limit_is_no_limit, what_comes_back_rests,
                each_message_may_rest_as_long_as_it_likes, what_has_rested_is_not_starved,
        };

        tcase_add_checked_fixture(c, NULL, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
