/* SPDX-License-Identifier: MIT */
/*
 * The broadcast ring, one thread at a time: what readers see, what is missed, who stops the writer, and what recovery
 * does.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "harness.h"
#include "shm/broadcast.h"
#include "shm/recover.h"

#define CAPACITY 1024
#define MESSAGE_MAX 96
#define SLOTS 3
/** Numbers of 8 bytes that fit: records of 32, and the head of the next one. */
#define FIT ((CAPACITY - 16) / 32)

static struct region region;
static struct object object;            /* as one sees it who recovers */
static struct broadcast writer, first, second;

static void ring_open(uint32_t policy) {
        const struct geometry g = {
                .kind = OBJECT_BROADCAST, .policy = policy, .capacity = CAPACITY, .message_max = MESSAGE_MAX,
                .slots = policy == BROADCAST_LOSSY ? 0 : SLOTS,
        };
        _cleanup_(closep) int fd = region_create("test", &g);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(region_map(&region, fd, &g), 0);
        broadcast_open(&writer, &region, 1, 1, -1);
        broadcast_open(&first, &region, 2, 1, -1);
        broadcast_open(&second, &region, 3, 1, -1);
        object_open(&object, &region, -1);
        ck_assert_int_eq(broadcast_claim(&writer), 0);
}

static void teardown(void) {
        region_unmap(&region);
}

static int send_bytes(struct broadcast *b, const void *data, uint32_t size) {
        void *to;
        int r = broadcast_reserve(b, size, &to);

        if (r < 0)
                return r;
        broadcast_write(to, data, size);
        broadcast_append(b, size);
        broadcast_publish(b);
        return 0;
}

static int send_number(uint64_t n) {
        return send_bytes(&writer, &n, sizeof n);
}

#define RECEIVE(reader, number, expected_missed)                                                \
        do {                                                                                    \
                uint64_t _n;                                                                    \
                struct view _v;                                                                 \
                ck_assert_int_eq(broadcast_receive(reader, &_n, sizeof _n, &_v), 0);            \
                ck_assert_uint_eq(_v.size, sizeof _n);                                          \
                ck_assert_uint_eq(_n, number);                                                  \
                ck_assert_uint_eq(_v.missed, expected_missed);                                  \
        } while (0)

static int look(struct broadcast *b) {
        unsigned char buffer[MESSAGE_MAX];
        struct view v;

        return broadcast_receive(b, buffer, sizeof buffer, &v);
}

static void die(uint32_t participant) {
        const struct seat seat = { .object = &object, .first = participant, .count = 1, .generation = 1 };

        recover_process(NULL, &seat, 1, "killed by SIGKILL", NULL);
}

START_TEST(every_reader_sees_every_message) {
        ring_open((uint32_t)_i);
        ck_assert_int_eq(broadcast_subscribe(&first, false), 0);
        ck_assert_int_eq(broadcast_subscribe(&second, false), 0);
        for (uint64_t i = 0; i < 300; i++) {
                ck_assert_int_eq(send_number(i), 0);
                RECEIVE(&first, i, 0);
                if (i % 8 == 7)
                        for (uint64_t k = i - 7; k <= i; k++)
                                RECEIVE(&second, k, 0);
        }
        ck_assert_int_eq(look(&first), -EAGAIN);
}
END_TEST

START_TEST(sizes_wrap_whole) {
        unsigned char data[MESSAGE_MAX], got[MESSAGE_MAX];
        struct view v;

        ring_open((uint32_t)_i);
        ck_assert_int_eq(broadcast_subscribe(&first, false), 0);
        for (uint32_t i = 0; i < 2000; i++) {
                uint32_t size = i * 7 % (MESSAGE_MAX + 1);

                memset(data, (int)i, size);
                ck_assert_int_eq(send_bytes(&writer, data, size), 0);
                ck_assert_int_eq(broadcast_receive(&first, got, sizeof got, &v), 0);
                ck_assert_uint_eq(v.size, size);
                ck_assert_uint_eq(v.missed, 0);
                ck_assert(memcmp(got, data, size) == 0);
        }
}
END_TEST

START_TEST(who_is_overtaken_is_told_how_many_it_missed) {
        ring_open(BROADCAST_LOSSY);
        ck_assert_int_eq(broadcast_subscribe(&first, false), 0);
        for (uint64_t i = 0; i < FIT; i++)
                send_number(i);
        for (uint64_t i = 0; i < FIT; i++)
                RECEIVE(&first, i, 0);
        for (uint64_t i = 0; i < 1000; i++)
                send_number(i);
        /* At the oldest that is kept: no more is gone than makes a sixteenth of room at once. */
        struct view v;
        uint64_t n;
        ck_assert_int_eq(broadcast_receive(&first, &n, sizeof n, &v), 0);
        ck_assert_uint_eq(v.missed, n);
        ck_assert_uint_ge(n, 1000 - FIT);
        ck_assert_uint_le(n, 1000 - FIT + CAPACITY / 16 / 32 + 1);
        for (n++; n < 1000; n++)
                RECEIVE(&first, n, 0);
        ck_assert_int_eq(look(&first), -EAGAIN);
}
END_TEST

START_TEST(late_joiners_begin_where_they_ask) {
        ring_open((uint32_t)_i);
        for (uint64_t i = 0; i < 5; i++)
                send_number(i);
        ck_assert_int_eq(broadcast_subscribe(&first, true), 0);
        ck_assert_int_eq(broadcast_subscribe(&second, false), 0);
        ck_assert_int_eq(look(&second), -EAGAIN);
        send_number(5);
        for (uint64_t i = 0; i < 6; i++)
                RECEIVE(&first, i, 0);
        RECEIVE(&second, 5, 0);
}
END_TEST

START_TEST(one_that_does_not_fit_the_buffer_stays) {
        unsigned char small[4];
        struct view v = { 0 };

        ring_open((uint32_t)_i);
        ck_assert_int_eq(broadcast_subscribe(&first, false), 0);
        send_number(7);
        ck_assert_int_eq(broadcast_receive(&first, small, sizeof small, &v), -EMSGSIZE);
        ck_assert_uint_eq(v.size, 0);
        RECEIVE(&first, 7, 0);
}
END_TEST

START_TEST(a_batch_is_seen_at_once) {
        ring_open(BROADCAST_LOSSY);
        ck_assert_int_eq(broadcast_subscribe(&first, false), 0);
        for (uint64_t i = 0; i < 3; i++) {
                void *to;

                ck_assert_int_eq(broadcast_reserve(&writer, sizeof i, &to), 0);
                broadcast_write(to, &i, sizeof i);
                broadcast_append(&writer, sizeof i);
                ck_assert_int_eq(look(&first), -EAGAIN);
        }
        broadcast_publish(&writer);
        for (uint64_t i = 0; i < 3; i++)
                RECEIVE(&first, i, 0);
}
END_TEST

/* What is not published is not there: neither a reservation nor a batch. */
START_TEST(the_next_writer_goes_on_where_the_last_one_stopped) {
        struct broadcast next;
        void *to;

        ring_open((uint32_t)_i);
        ck_assert_int_eq(broadcast_subscribe(&first, false), 0);
        for (uint64_t i = 0; i < 40; i++) {
                send_number(i);
                RECEIVE(&first, i, 0);
        }
        broadcast_open(&next, &region, 9, 1, -1);
        ck_assert_int_eq(broadcast_claim(&next), -EBUSY);
        ck_assert_int_eq(broadcast_reserve(&writer, MESSAGE_MAX, &to), 0);
        memset(to, 0xff, MESSAGE_MAX);
        broadcast_append(&writer, 8);
        die(1);
        die(1); /* idempotent */
        ck_assert_int_eq(broadcast_claim(&next), 0);
        ck_assert_uint_eq(next.sequence, 40);
        for (uint64_t i = 40; i < 80; i++) {
                ck_assert_int_eq(send_bytes(&next, &i, sizeof i), 0);
                RECEIVE(&first, i, 0);
        }
}
END_TEST

START_TEST(the_slowest_stops_the_writer) {
        uint64_t n = 0;

        ring_open((uint32_t)_i);
        ck_assert_int_eq(broadcast_subscribe(&first, false), 0);
        ck_assert_int_eq(broadcast_subscribe(&second, false), 0);
        while (send_number(n) == 0)
                n++;
        ck_assert_uint_eq(n, FIT);
        ck_assert_int_eq(send_number(n), -EAGAIN);
        for (uint64_t i = 0; i < n; i++)
                RECEIVE(&first, i, 0);
        ck_assert_int_eq(send_number(n), -EAGAIN);
        RECEIVE(&second, 0, 0);
        ck_assert_int_eq(send_number(n), 0);
        ck_assert_int_eq(send_number(n), -EAGAIN);
        /* The dead stop nobody. */
        die(3);
        for (uint64_t i = 1; i < FIT; i++)
                ck_assert_int_eq(send_number(n + i), 0);
        ck_assert_int_eq(send_number(n), -EAGAIN);
        for (uint64_t i = 0; i < FIT; i++)
                RECEIVE(&first, n + i, 0);
        broadcast_close(&first);
        for (uint64_t i = 0; i < 3 * FIT; i++)
                ck_assert_int_eq(send_number(i), 0);
}
END_TEST

START_TEST(who_is_slow_is_dropped_and_comes_again) {
        uint64_t missed = 7;
        struct view v;

        ring_open(BROADCAST_DROP);
        ck_assert_int_eq(broadcast_subscribe(&first, false), 0);
        ck_assert_int_eq(broadcast_subscribe(&second, false), 0);
        ck_assert_int_eq(broadcast_subscribe_again(&first, false, &missed), -EISCONN);
        send_number(0);
        RECEIVE(&first, 0, 0);
        ck_assert_int_eq(broadcast_peek(&second, &v), 0);
        for (uint64_t i = 1; i < 100; i++)
                ck_assert_int_eq(send_number(i), 0);
        ck_assert_int_eq(broadcast_consume(&second, &v), -ENOTCONN);
        ck_assert_int_eq(look(&first), -ENOTCONN);
        ck_assert_int_eq(look(&first), -ENOTCONN);
        ck_assert_uint_eq(missed, 7);
        ck_assert_int_eq(broadcast_subscribe_again(&first, false, &missed), 0);
        ck_assert_uint_eq(missed, 99);
        ck_assert_int_eq(broadcast_subscribe_again(&second, true, &missed), 0);
        RECEIVE(&second, missed, 0);
        send_number(100);
        RECEIVE(&first, 100, 0);
}
END_TEST

START_TEST(peeked_at_until_consumed) {
        struct view v;

        ring_open(BROADCAST_WAIT);
        ck_assert_int_eq(broadcast_subscribe(&first, false), 0);
        ck_assert_int_eq(broadcast_peek(&first, &v), -EAGAIN);
        send_number(1);
        send_number(2);
        for (int i = 0; i < 2; i++) {
                ck_assert_int_eq(broadcast_peek(&first, &v), 0);
                ck_assert_uint_eq(*(const uint64_t *)v.data, 1);
                ck_assert_uint_eq((uintptr_t)v.data % 16, 0);
        }
        ck_assert_int_eq(broadcast_consume(&first, &v), 0);
        RECEIVE(&first, 2, 0);
}
END_TEST

START_TEST(there_are_so_many_places) {
        struct broadcast readers[SLOTS + 1];

        ring_open(BROADCAST_DROP);
        for (int round = 0; round < 3; round++) {
                for (uint32_t i = 0; i <= SLOTS; i++) {
                        broadcast_open(&readers[i], &region, 10 + i, 1, -1);
                        ck_assert_int_eq(broadcast_subscribe(&readers[i], true), i < SLOTS ? 0 : -EUSERS);
                }
                for (uint32_t i = 0; i < SLOTS; i++)
                        if (round == 1)
                                die(10 + i);
                        else
                                broadcast_close(&readers[i]);
        }
}
END_TEST

START_TEST(geometry_must_make_sense) {
        const struct geometry good = {
                .kind = OBJECT_BROADCAST, .capacity = 4096, .message_max = 2016, .policy = BROADCAST_WAIT, .slots = 64,
        };
        struct geometry g;

#define EXPECT(r, ...)                                                                          \
        do {                                                                                    \
                g = good;                                                                       \
                __VA_ARGS__;                                                                    \
                ck_assert_int_eq(geometry_check(&g), r);                                        \
        } while (0)
        EXPECT(0, );
        EXPECT(-EINVAL, g.capacity = 4097);
        EXPECT(-EINVAL, g.capacity = 64);
        EXPECT(-EINVAL, g.capacity = 0);
        EXPECT(-E2BIG, g.capacity = 1u << 31);
        EXPECT(-E2BIG, g.message_max = 2017);
        EXPECT(-EINVAL, g.message_max = 0);
        EXPECT(-EINVAL, g.policy = 4);
        EXPECT(-EINVAL, g.slots = 0);
        EXPECT(-E2BIG, g.slots = 65);
        EXPECT(-EINVAL, g.policy = BROADCAST_LOSSY);
        EXPECT(0, g.policy = BROADCAST_LOSSY, g.slots = 0);
}
END_TEST

/* The longest message can always be sent, wherever the ring stands. */
START_TEST(the_longest_fits) {
        unsigned char data[BROADCAST_CAPACITY_MIN], got[BROADCAST_CAPACITY_MIN];
        const struct geometry g = {
                .kind = OBJECT_BROADCAST, .capacity = BROADCAST_CAPACITY_MIN, .policy = BROADCAST_WAIT, .slots = 1,
                .message_max = broadcast_message_limit(BROADCAST_CAPACITY_MIN),
        };
        _cleanup_(closep) int fd = region_create("test", &g);
        struct view v;

        ck_assert_int_eq(region_map(&region, fd, &g), 0);
        broadcast_open(&writer, &region, 1, 1, -1);
        broadcast_open(&first, &region, 2, 1, -1);
        ck_assert_int_eq(broadcast_claim(&writer), 0);
        ck_assert_int_eq(broadcast_subscribe(&first, false), 0);
        for (uint32_t i = 0; i < 1000; i++) {
                uint32_t size = i % 3 ? i % (g.message_max + 1) : g.message_max;

                memset(data, (int)i, sizeof data);
                ck_assert_int_eq(send_bytes(&writer, data, size), 0);
                ck_assert_int_eq(broadcast_receive(&first, got, sizeof got, &v), 0);
                ck_assert_uint_eq(v.size, size);
                ck_assert(memcmp(got, data, size) == 0);
        }
}
END_TEST

/* ---- memory that cannot be trusted --------------------------------------------------------------- */

static uint64_t noise(uint64_t *state) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

/* Whatever is in the memory: nothing crashes, hangs, or reads beyond it (the sanitizers look). */
START_TEST(damage_does_no_harm) {
        uint64_t state = 88172645463325252u, missed;
        unsigned char buffer[MESSAGE_MAX];
        struct view v;
        void *to;

        ring_open((uint32_t)_i);
        ck_assert_int_eq(broadcast_subscribe(&first, true), 0);
        for (int round = 0; round < 3000; round++) {
                uint64_t *words = region.base;
                size_t n = region.size / 8, from = geometry_shared_size(&region.geometry) / 8;

                for (int k = 0; k < 40; k++)
                        words[(k % 3 == 0 ? 16 : from) + noise(&state) % (k % 2 ? 64 : n - from)] =
                                noise(&state) >> noise(&state) % 64 << noise(&state) % 5;
                for (int k = 0; k < 8; k++) {
                        (void)broadcast_receive(&first, buffer, sizeof buffer, &v);
                        if (broadcast_peek(&first, &v) == 0)
                                (void)broadcast_consume(&first, &v);
                        if (broadcast_reserve(&writer, (uint32_t)noise(&state) % (MESSAGE_MAX + 1), &to) == 0)
                                broadcast_append(&writer, 0);
                        broadcast_publish(&writer);
                }
                (void)broadcast_subscribe_again(&first, round % 2, &missed);
                broadcast_close(&second);
                (void)broadcast_subscribe(&second, round % 2);
                die(1);
                broadcast_open(&writer, &region, 1, 1, -1);
                if (broadcast_claim(&writer) < 0) {
                        atomic_store(&writer.published->writer, 0);
                        ck_assert_int_eq(broadcast_claim(&writer), 0);
                }
        }
}
END_TEST

/* A process that only receives cannot write to messages; whoever tries dies of it. */
START_TEST(messages_are_read_only) {
        int status;
        pid_t pid;

        ring_open(BROADCAST_WAIT);
        send_number(1);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                struct region mine;
                _cleanup_(closep) int fd = region_create("mine", &object.region.geometry);
                struct broadcast b;

                if (region_map(&mine, fd, &object.region.geometry) < 0 ||
                    region_protect(&mine, geometry_shared_size(&mine.geometry)) < 0)
                        _exit(1);
                broadcast_open(&b, &mine, 2, 1, -1);
                if (broadcast_subscribe(&b, true) < 0 || look(&b) != -EAGAIN)
                        _exit(2);
                broadcast_close(&b);
                signal(SIGSEGV, SIG_DFL); /* the sanitizers would handle it */
                ((volatile unsigned char *)b.records)[0] = 1;
                _exit(3);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("broadcast");
        TCase *c = tcase_create("broadcast");

        tcase_add_checked_fixture(c, NULL, teardown);
        tcase_add_loop_test(c, every_reader_sees_every_message, 0, _BROADCAST_POLICY_N);
        tcase_add_loop_test(c, sizes_wrap_whole, 0, _BROADCAST_POLICY_N);
        tcase_add_test(c, who_is_overtaken_is_told_how_many_it_missed);
        tcase_add_loop_test(c, late_joiners_begin_where_they_ask, 0, _BROADCAST_POLICY_N);
        tcase_add_loop_test(c, one_that_does_not_fit_the_buffer_stays, 0, _BROADCAST_POLICY_N);
        tcase_add_test(c, a_batch_is_seen_at_once);
        tcase_add_loop_test(c, the_next_writer_goes_on_where_the_last_one_stopped, 0, _BROADCAST_POLICY_N);
        tcase_add_test(c, who_is_slow_is_dropped_and_comes_again);
        tcase_add_loop_test(c, the_slowest_stops_the_writer, BROADCAST_WAIT, BROADCAST_WAIT + 1);
        tcase_add_loop_test(c, the_slowest_stops_the_writer, BROADCAST_REFUSE, BROADCAST_REFUSE + 1);
        tcase_add_test(c, peeked_at_until_consumed);
        tcase_add_test(c, there_are_so_many_places);
        tcase_add_test(c, geometry_must_make_sense);
        tcase_add_test(c, the_longest_fits);
        tcase_add_loop_test(c, damage_does_no_harm, 0, _BROADCAST_POLICY_N);
        tcase_add_test(c, messages_are_read_only);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
