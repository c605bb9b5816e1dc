/* SPDX-License-Identifier: MIT */
/* Long messages in a ring of small slots, as a program sees them. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ganger.h"
#include "harness.h"

#define SLOT_SIZE 64
#define MESSAGE_MAX (1 << 20)
#define HEAP_SIZE (2 * MESSAGE_MAX)
#define BLOCK 4096
#define BLOCKS (HEAP_SIZE / BLOCK)

static struct ganger_host *host;
static struct ganger_member *member;
static struct ganger *g;
static struct ganger_ring *jobs, *results;
static char text[MESSAGE_MAX];

static void setup(void) {
        const struct ganger_definition d = {
                .kind = GANGER_QUEUE, .slots = 2 * BLOCKS, .message_max = MESSAGE_MAX, .max_deliveries = 3,
                .slot_size = SLOT_SIZE, .heap_size = HEAP_SIZE,
        };

        ck_assert_int_eq(ganger_host_new(&host, NULL), 0);
        ck_assert_int_eq(ganger_host_add(host, "jobs", &d), 0);
        ck_assert_int_eq(ganger_host_add(host, "results", &d), 0);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 2, &member), 0);
        ck_assert_int_eq(ganger_member_join(member, &g), 0);
        ck_assert_int_eq(ganger_ring_open(g, "jobs", GANGER_RECEIVE | GANGER_SEND, &jobs), 0);
        ck_assert_int_eq(ganger_ring_open(g, "results", GANGER_RECEIVE | GANGER_SEND, &results), 0);
        for (size_t i = 0; i < sizeof text; i++)
                text[i] = (char)(i * 7 + i / BLOCK);
}

static void teardown(void) {
        g = ganger_leave(g);
        host = ganger_host_free(host);
}

static void take(struct ganger_ring *ring, size_t size) {
        struct ganger_message m;

        ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), 0);
        ck_assert_uint_eq(m.size, size);
        ck_assert_int_eq(memcmp(m.data, text, size), 0);
        ck_assert_int_eq(ganger_acknowledge(&m), 0);
}

/** Is every block of the heap free? */
static void check_all_is_free(struct ganger_ring *ring) {
        struct ganger_message m[BLOCKS + 1];

        ck_assert_int_eq(ganger_ring_reserve_many(ring, BLOCK, m, BLOCKS + 1, 0), BLOCKS);
        for (int i = 0; i < BLOCKS; i++)
                ck_assert_int_eq(ganger_cancel(&m[i]), 0);
}

START_TEST(any_size_is_sent_and_received) {
        static const size_t sizes[] = { 0, 1, SLOT_SIZE, SLOT_SIZE + 1, BLOCK, BLOCK + 1, MESSAGE_MAX };

        ck_assert_uint_eq(ganger_ring_message_max(jobs), MESSAGE_MAX);
        for (size_t i = 0; i < 5 * ARRAY_SIZE(sizes); i++) {
                ck_assert_int_eq(ganger_ring_send(jobs, text, sizes[i % ARRAY_SIZE(sizes)], 0), 0);
                take(jobs, sizes[i % ARRAY_SIZE(sizes)]);
        }
        ck_assert_int_eq(ganger_ring_send(jobs, text, MESSAGE_MAX + 1, 0), -EMSGSIZE);
        check_all_is_free(jobs);
}
END_TEST

START_TEST(a_message_is_no_longer_than_was_reserved) {
        struct ganger_message m, out, *outs[] = { &out };

        ck_assert_int_eq(ganger_ring_reserve(jobs, 2 * BLOCK, &m, 0), 0);
        memcpy(m.data, text, 2 * BLOCK);
        m.size = 2 * BLOCK + 1;
        ck_assert_int_eq(ganger_commit(&m), -EMSGSIZE);
        ck_assert_int_eq(ganger_commit_many(&m, 1), -EMSGSIZE);
        m.size = 2 * BLOCK;
        ck_assert_int_eq(ganger_commit(&m), 0);
        take(jobs, 2 * BLOCK);

        ck_assert_int_eq(ganger_ring_reserve(jobs, 1, &out, 0), 0);
        out.size = SLOT_SIZE + 1;
        ck_assert_int_eq(ganger_commit(&out), -EMSGSIZE);
        ck_assert_int_eq(ganger_forward_many(NULL, 0, outs, 1), -EMSGSIZE);
        out.size = SLOT_SIZE;
        memcpy(out.data, text, SLOT_SIZE);
        ck_assert_int_eq(ganger_commit(&out), 0);
        take(jobs, SLOT_SIZE);
}
END_TEST

START_TEST(what_was_reserved_for_nothing_is_free_again) {
        struct ganger_message m;

        ck_assert_int_eq(ganger_ring_reserve(jobs, MESSAGE_MAX, &m, 0), 0);
        memcpy(m.data, text, BLOCK);
        m.size = BLOCK;
        ck_assert_int_eq(ganger_commit(&m), 0);
        ck_assert_int_eq(ganger_ring_reserve(jobs, MESSAGE_MAX, &m, 0), 0);
        memcpy(m.data, text, 3);
        m.size = 3;
        ck_assert_int_eq(ganger_commit_many(&m, 1), 0);
        ck_assert_int_eq(ganger_ring_send(jobs, text, MESSAGE_MAX, 0), 0);
        take(jobs, BLOCK);
        take(jobs, 3);
        take(jobs, MESSAGE_MAX);
        check_all_is_free(jobs);
}
END_TEST

START_TEST(long_messages_are_forwarded) {
        struct ganger_message in, out;

        for (int i = 0; i < 10; i++) {
                ck_assert_int_eq(ganger_ring_send(jobs, text, MESSAGE_MAX, 0), 0);
                ck_assert_int_eq(ganger_ring_receive(jobs, &in, 0), 0);
                ck_assert_int_eq(ganger_ring_reserve(results, MESSAGE_MAX, &out, 0), 0);
                memcpy(out.data, in.data, BLOCK + 1);
                out.size = BLOCK + 1;
                ck_assert_int_eq(ganger_forward(&in, &out), 0);
                take(results, BLOCK + 1);
        }
        check_all_is_free(jobs);
        check_all_is_free(results);
}
END_TEST

START_TEST(long_messages_have_numbers) {
        uint64_t last;

        ck_assert_int_eq(ganger_ring_produce(jobs, 5, &last), 0);
        ck_assert_int_eq(ganger_ring_send_sequenced(jobs, 1, text, MESSAGE_MAX, 0), 0);
        ck_assert_int_eq(ganger_ring_send_sequenced(jobs, 1, text, MESSAGE_MAX, 0), -EALREADY);
        take(jobs, MESSAGE_MAX);
        check_all_is_free(jobs);
}
END_TEST

/* Killed while it holds one, writes one, and has written half of one. */
START_TEST(the_dead_leave_nothing_in_the_heap) {
        struct ganger_recovery recovery = { 0 };
        struct ganger_member *other;
        int status;
        pid_t pid;

        ck_assert_int_eq(ganger_ring_send(jobs, text, MESSAGE_MAX, 0), 0);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 1, &other), 0);
        pid = fork();
        if (pid == 0) {
                struct ganger_message in, out;
                struct ganger_ring *a, *b;
                struct ganger *child;

                if (ganger_member_join(other, &child) < 0 || ganger_ring_open(child, "jobs", GANGER_RECEIVE, &a) < 0 ||
                    ganger_ring_open(child, "results", GANGER_SEND, &b) < 0 || ganger_ring_receive(a, &in, 0) < 0 ||
                    ganger_ring_reserve(b, MESSAGE_MAX, &out, 0) < 0)
                        _exit(1);
                memcpy(out.data, in.data, in.size / 2);
                raise(SIGKILL);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status));
        ck_assert_int_eq(ganger_member_recover(other, "killed", &recovery), 0);
        ck_assert_uint_eq(recovery.returned, 1);
        ck_assert_uint_eq(recovery.cancelled, 1);
        ganger_member_free(other);
        check_all_is_free(results);
        take(jobs, MESSAGE_MAX);
        check_all_is_free(jobs);
}
END_TEST

/* One who waits for room is woken by whoever makes some, however little the first that is freed. */
START_TEST(a_sender_waits_for_room) {
        struct ganger_message m[3];
        struct ganger_member *other;
        int status;
        pid_t pid;

        ck_assert_int_eq(ganger_ring_send(jobs, text, BLOCK, 0), 0);
        ck_assert_int_eq(ganger_ring_send(jobs, text, MESSAGE_MAX, 0), 0);
        ck_assert_int_eq(ganger_ring_send(jobs, text, MESSAGE_MAX - BLOCK, 0), 0);
        ck_assert_int_eq(ganger_ring_send(jobs, text, MESSAGE_MAX, 0), -EAGAIN);
        ck_assert_int_eq(ganger_host_admit(host, NULL, 0, 1, &other), 0);
        pid = fork();
        if (pid == 0) {
                struct ganger_ring *ring;
                struct ganger *child;

                if (ganger_member_join(other, &child) < 0 || ganger_ring_open(child, "jobs", GANGER_SEND, &ring) < 0)
                        _exit(1);
                _exit(ganger_ring_send(ring, text, MESSAGE_MAX, -1) < 0);
        }
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(ganger_ring_receive(jobs, &m[i], 0), 0);
        for (int i = 0; i < 2; i++)
                ck_assert_int_eq(ganger_acknowledge(&m[i]), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        ck_assert_int_eq(ganger_acknowledge(&m[2]), 0);
        ganger_member_free(other);
        take(jobs, MESSAGE_MAX);
}
END_TEST

START_TEST(a_definition_must_make_sense) {
        struct ganger_definition d = {
                .kind = GANGER_QUEUE, .slots = 8, .message_max = 100, .max_deliveries = 3, .slot_size = 50, .heap_size = 100,
        };

        ck_assert_int_eq(ganger_host_add(host, "good", &d), 0);
        d.heap_size = 99;
        ck_assert_int_eq(ganger_host_add(host, "bad", &d), -EINVAL);
        d.heap_size = 0;
        ck_assert_int_eq(ganger_host_add(host, "bad", &d), -EINVAL);
        d.heap_size = (1u << 30) + 1;
        ck_assert_int_eq(ganger_host_add(host, "bad", &d), -E2BIG);
        d.kind = GANGER_COUNTER;
        ck_assert_int_eq(ganger_host_add(host, "bad", &d), -EINVAL);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("ganger-heap");
        TCase *c = tcase_create("ganger-heap");
        const TTest *tests[] = {
                any_size_is_sent_and_received, a_message_is_no_longer_than_was_reserved,
                what_was_reserved_for_nothing_is_free_again, long_messages_are_forwarded, long_messages_have_numbers,
                the_dead_leave_nothing_in_the_heap, a_sender_waits_for_room, a_definition_must_make_sense,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
