/* SPDX-License-Identifier: MIT */
/* What the public side of a ring offers besides sending and receiving: batches, rest, numbered messages. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "gang-rig.h"
#include "harness.h"

#define SLOTS 8
#define MESSAGE_MAX 48
#define HANDLES 4

static struct rig_ring jobs, results;
static struct rig_member member, child;
static struct ganger *g;
static struct ganger_ring *ring;

static void setup(void) {
        rig_ring_open(&jobs, "jobs", SLOTS, MESSAGE_MAX, 3);
        rig_ring_open(&results, "results", SLOTS, MESSAGE_MAX, 3);
        rig_member_open(&member, "resize", 0);
        rig_member_give(&member, &jobs, GANGER_RECEIVE | GANGER_SEND, HANDLES);
        rig_member_give(&member, &results, GANGER_RECEIVE | GANGER_SEND, HANDLES);
        rig_member_open(&child, "resize", 1);
        rig_member_give(&child, &jobs, GANGER_RECEIVE | GANGER_SEND, HANDLES);
        g = rig_member_join(&member);
        ck_assert_int_eq(ganger_ring_open(g, "jobs", GANGER_RECEIVE | GANGER_SEND, &ring), 0);
}

static void teardown(void) {
        g = ganger_leave(g);
        rig_member_close(&member);
        rig_member_close(&child);
        rig_ring_close(&jobs);
        rig_ring_close(&results);
}

static void write_number(struct ganger_message *m, uint64_t n) {
        memcpy(m->data, &n, sizeof n);
        m->size = sizeof n;
}

static uint64_t read_number(const struct ganger_message *m) {
        uint64_t n;

        ck_assert_uint_eq(m->size, sizeof n);
        memcpy(&n, m->data, sizeof n);
        return n;
}

/* ---- batches ----------------------------------------------------------------------------------- */

START_TEST(a_batch_is_what_fits) {
        struct ganger_message out[SLOTS + 2], in[SLOTS + 2];

        ck_assert_int_eq(ganger_ring_receive_many(ring, in, 2, 0), -EAGAIN);
        for (unsigned int round = 0; round < 5; round++) {
                ck_assert_int_eq(ganger_ring_reserve_many(ring, 8, out, SLOTS + 2, 0), SLOTS);
                ck_assert_int_eq(ganger_ring_reserve_many(ring, 8, in, 1, 0), -EAGAIN);
                for (uint64_t i = 0; i < SLOTS; i++)
                        write_number(&out[i], i);
                ck_assert_int_eq(ganger_commit_many(out, SLOTS), 0);
                ck_assert_int_eq(ganger_ring_receive_many(ring, in, 3, 0), 3);
                ck_assert_int_eq(ganger_ring_receive_many(ring, in + 3, SLOTS, 0), SLOTS - 3);
                for (uint64_t i = 0; i < SLOTS; i++) {
                        ck_assert_uint_eq(read_number(&in[i]), i);
                        ck_assert_uint_eq(in[i].deliveries, 1);
                }
                ck_assert_int_eq(ganger_acknowledge_many(in, SLOTS), 0);
        }
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_FREE), SLOTS);
        ck_assert_int_eq(ganger_ring_receive_many(ring, in, 0, 0), -EINVAL);
        ck_assert_int_eq(ganger_ring_reserve_many(ring, 8, in, 0, 0), -EINVAL);
        ck_assert_int_eq(ganger_ring_reserve_many(ring, MESSAGE_MAX + 1, in, 2, 0), -EMSGSIZE);
        ck_assert_int_eq(ganger_commit_many(out, 0), 0);
}
END_TEST

START_TEST(a_batch_with_a_mistake_does_nothing) {
        struct ganger_message m[3], copy[2];

        ck_assert_int_eq(ganger_ring_reserve_many(ring, 8, m, 3, 0), 3);
        for (unsigned int i = 0; i < 3; i++)
                write_number(&m[i], i);
        m[2].size = MESSAGE_MAX + 1;
        ck_assert_int_eq(ganger_commit_many(m, 3), -EMSGSIZE);
        ck_assert_int_eq(ganger_acknowledge_many(m, 3), -EINVAL);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_WRITING), 3);
        m[2].size = 8;
        ck_assert_int_eq(ganger_commit_many(m, 3), 0);
        ck_assert_int_eq(ganger_commit_many(m, 3), -EINVAL);
        ck_assert_int_eq(ganger_ring_receive_many(ring, m, 3, 0), 3);
        copy[0] = copy[1] = m[1];
        ck_assert_int_eq(ganger_acknowledge_many(copy, 2), -EINVAL);
        ck_assert_int_eq(ganger_acknowledge(&m[1]), -EINVAL);
        m[1] = m[2];
        ck_assert_int_eq(ganger_acknowledge_many(m, 2), 0);
        ck_assert_uint_eq(rig_ring_count(&jobs, SLOT_FREE), SLOTS);
}
END_TEST

START_TEST(a_batch_may_go_to_several_rings) {
        struct ganger_message m[4];
        struct ganger_ring *other = NULL;

        ck_assert_int_eq(ganger_ring_open(g, "results", GANGER_RECEIVE | GANGER_SEND, &other), 0);
        for (unsigned int i = 0; i < 4; i++) {
                ck_assert_int_eq(ganger_ring_reserve(i % 2 ? other : ring, 8, &m[i], 0), 0);
                write_number(&m[i], i);
        }
        ck_assert_int_eq(ganger_commit_many(m, 4), 0);
        ck_assert_int_eq(ganger_ring_receive_many(ring, m, 4, 0), 2);
        ck_assert_int_eq(ganger_ring_receive_many(other, m + 2, 4, 0), 2);
        ck_assert_uint_eq(read_number(&m[1]), 2);
        ck_assert_uint_eq(read_number(&m[3]), 3);
        ck_assert_int_eq(ganger_acknowledge_many(m, 4), 0);
        ganger_ring_close(other);
}
END_TEST

#define RECEIVERS 3

/** A process that takes one message, with a handle that none of its brothers has. @return its pid. */
static pid_t take_one(unsigned int number) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                struct ganger *mine = rig_member_join(&child);
                struct ganger_ring *handle = NULL;
                struct ganger_message m;

                for (unsigned int i = 0; i <= number; i++)
                        if (ganger_ring_open(mine, "jobs", GANGER_RECEIVE, &handle) < 0)
                                _exit(EXIT_FAILURE);
                if (ganger_ring_receive(handle, &m, -1) < 0 || ganger_acknowledge(&m) < 0)
                        _exit(EXIT_FAILURE);
                _exit(EXIT_SUCCESS);
        }
        return pid;
}

START_TEST(a_batch_wakes_all_whom_it_is_for) {
        struct ganger_message m[RECEIVERS];
        int status;

        for (unsigned int round = 0; round < 10; round++) {
                for (unsigned int i = 0; i < RECEIVERS; i++)
                        (void)take_one(i);
                ck_assert_int_eq(ganger_ring_reserve_many(ring, 8, m, RECEIVERS, 0), RECEIVERS);
                for (unsigned int i = 0; i < RECEIVERS; i++)
                        write_number(&m[i], i);
                ck_assert_int_eq(ganger_commit_many(m, RECEIVERS), 0);
                for (unsigned int i = 0; i < RECEIVERS; i++) {
                        ck_assert_int_gt(wait(&status), 0);
                        ck_assert_int_eq(status, 0);
                }
        }
}
END_TEST

/* ---- rest -------------------------------------------------------------------------------------- */

#define SHORT_USEC 3000

START_TEST(a_rest_ends_by_itself) {
        struct ganger_message m;

        ck_assert_int_eq(ganger_ring_send(ring, "x", 1, 0), 0);
        ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), 0);
        ck_assert_int_eq(ganger_reject_after(&m, NULL, -1), -EINVAL);
        ck_assert_int_eq(ganger_reject_after(&m, NULL, GANGER_DELAY_MAX_USEC + 1), -EINVAL);
        ck_assert_int_eq(ganger_reject_after(&m, "later", SHORT_USEC), 0);
        ck_assert_int_eq(ganger_reject_after(&m, "later", SHORT_USEC), -EINVAL);
        ck_assert_int_eq(ganger_ring_receive(ring, &m, -1), 0);
        ck_assert_uint_eq(m.deliveries, 2);
        ck_assert_int_eq(ganger_reject_after(&m, "later", 0), 0);
        ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), 0);
        ck_assert_int_eq(ganger_reject_after(&m, "never", SHORT_USEC), 1);
}
END_TEST

/* The message rests while nobody else does anything: the descriptor must come to life by itself. */
START_TEST(a_poller_is_told_when_a_rest_ends) {
        struct ganger_message m;
        struct pollfd p = { .fd = ganger_ring_fd(ring), .events = POLLIN };

        ck_assert_int_ge(p.fd, 0);
        for (unsigned int round = 0; round < 3; round++) {
                int r;

                ck_assert_int_eq(ganger_ring_send(ring, "x", 1, 0), 0);
                ck_assert_int_eq(ganger_ring_receive(ring, &m, 0), 0);
                ck_assert_int_eq(ganger_reject_after(&m, "later", SHORT_USEC), 0);
                while ((r = ganger_ring_receive(ring, &m, 0)) == -EAGAIN)
                        ck_assert_int_eq(poll(&p, 1, -1), 1);
                ck_assert_int_eq(r, 0);
                ck_assert_uint_eq(m.deliveries, 2);
                ck_assert_int_eq(ganger_acknowledge(&m), 0);
        }
}
END_TEST

/* ---- numbered messages ------------------------------------------------------------------------- */

START_TEST(numbers_are_accepted_once) {
        struct ganger_ring *second = NULL;
        struct ganger_message m;
        uint64_t last = 99;

        ck_assert_int_eq(ganger_ring_sequence(ring, 5, &last), -ENOENT);
        ck_assert_int_eq(ganger_ring_send_sequenced(ring, 1, "x", 1, 0), -EINVAL);
        ck_assert_int_eq(ganger_ring_produce(ring, UINT64_MAX, &last), -EINVAL);
        ck_assert_uint_eq(last, 99);
        ck_assert_int_eq(ganger_ring_produce(ring, 5, &last), 0);
        ck_assert_uint_eq(last, 0);
        ck_assert_int_eq(ganger_ring_produce(ring, 6, &last), -EALREADY);
        ck_assert_int_eq(ganger_ring_send_sequenced(ring, 0, "x", 1, 0), -EALREADY);
        ck_assert_int_eq(ganger_ring_send_sequenced(ring, 3, "x", 1, 0), 0);
        ck_assert_int_eq(ganger_ring_send_sequenced(ring, 3, "x", 1, 0), -EALREADY);
        ck_assert_int_eq(ganger_ring_send_sequenced(ring, 4, NULL, MESSAGE_MAX + 1, 0), -EMSGSIZE);
        ck_assert_int_eq(ganger_ring_reserve(ring, 8, &m, 0), 0);
        write_number(&m, 7);
        ck_assert_int_eq(ganger_commit_sequenced(&m, 2), -EALREADY);
        ck_assert_int_eq(ganger_commit_sequenced(&m, 4), 0);
        ck_assert_int_eq(ganger_commit_sequenced(&m, 5), -EINVAL);

        ck_assert_int_eq(ganger_ring_open(g, "jobs", GANGER_RECEIVE, &second), 0);
        ck_assert_int_eq(ganger_ring_produce(second, 5, &last), -EACCES);
        ck_assert_int_eq(ganger_ring_sequence(second, 5, &last), 0);
        ck_assert_uint_eq(last, 4);
        ganger_ring_close(second);
}
END_TEST

START_TEST(one_handle_is_a_producer_until_it_is_closed) {
        struct ganger_ring *second = NULL;
        uint64_t last = 0;

        ck_assert_int_eq(ganger_ring_open(g, "jobs", GANGER_SEND, &second), 0);
        ck_assert_int_eq(ganger_ring_produce(ring, 5, &last), 0);
        ck_assert_int_eq(ganger_ring_send_sequenced(ring, 12, "x", 1, 0), 0);
        ck_assert_int_eq(ganger_ring_produce(second, 5, &last), -EBUSY);
        ganger_ring_close(ring);
        ck_assert_int_eq(ganger_ring_produce(second, 5, &last), 0);
        ck_assert_uint_eq(last, 12);
        ck_assert_int_eq(ganger_ring_produce(ring, 5, &last), -EACCES);
        ck_assert_int_eq(ganger_ring_sequence(ring, 5, &last), -EACCES);
        ganger_ring_close(second);
}
END_TEST

START_TEST(a_ring_has_so_many_producers) {
        uint64_t last = 0;

        for (uint64_t key = 0; key <= GANGER_PRODUCERS_MAX; key++) {
                struct ganger_ring *handle = NULL;

                ck_assert_int_eq(ganger_ring_open(g, "jobs", GANGER_SEND, &handle), 0);
                ck_assert_int_eq(ganger_ring_produce(handle, key, &last), key < GANGER_PRODUCERS_MAX ? 0 : -EUSERS);
                ganger_ring_close(handle);
        }
        ck_assert_int_eq(ganger_ring_produce(ring, 77, &last), 0);
}
END_TEST

#define LIVES 20
#define PER_LIFE 50

/** A producer that counts on from what was accepted, until it is killed. @return its pid. */
static pid_t produce(void) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                struct ganger *mine = rig_member_join(&child);
                struct ganger_ring *handle = NULL;
                uint64_t n = 0;

                if (ganger_ring_open(mine, "jobs", GANGER_SEND, &handle) < 0 || ganger_ring_produce(handle, 0, &n) < 0)
                        _exit(EXIT_FAILURE);
                for (;;) {
                        n++;
                        if (ganger_ring_send_sequenced(handle, n, &n, sizeof n, -1) < 0)
                                _exit(EXIT_FAILURE);
                }
        }
        return pid;
}

START_TEST(replacements_go_on_where_the_killed_were) {
        struct ganger_message m;
        uint64_t expected = 1;
        int status;

        for (unsigned int life = 0; life < LIVES; life++) {
                pid_t pid = produce();

                for (unsigned int i = 0; i < PER_LIFE + life; i++, expected++) {
                        ck_assert_int_eq(ganger_ring_receive(ring, &m, -1), 0);
                        ck_assert_uint_eq(read_number(&m), expected);
                        ck_assert_int_eq(ganger_acknowledge(&m), 0);
                }
                kill(pid, SIGKILL);
                ck_assert_int_eq(waitpid(pid, &status, 0), pid);
                ck_assert(WIFSIGNALED(status));
                rig_member_recover(&child, "killed", NULL);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("ganger-queue");
        TCase *c = tcase_create("ganger-queue");
        const TTest *tests[] = {
                a_batch_is_what_fits, a_batch_with_a_mistake_does_nothing, a_batch_may_go_to_several_rings,
                a_batch_wakes_all_whom_it_is_for, a_rest_ends_by_itself, a_poller_is_told_when_a_rest_ends,
                numbers_are_accepted_once, one_handle_is_a_producer_until_it_is_closed, a_ring_has_so_many_producers,
                replacements_go_on_where_the_killed_were,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
