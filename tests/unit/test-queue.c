/* SPDX-License-Identifier: MIT */
/* The queue, one thread at a time: what each operation does to a ring, and what recovery gives back. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "harness.h"
#include "shm/member.h"
#include "shm/queue.h"
#include "shm/recover.h"

#define SLOTS 4
#define MAX_DELIVERIES 3

static struct region region;
static struct queue sender, receiver, other;
static struct object object;            /* as one sees it who recovers */
static int event_fd;

static void setup(void) {
        const struct geometry g = {
                .kind = OBJECT_QUEUE, .slots = SLOTS, .message_max = 48, .max_deliveries = MAX_DELIVERIES,
        };
        _cleanup_(closep) int fd = region_create("test", &g);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(region_map(&region, fd, &g), 0);
        event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        queue_open(&sender, &region, 1, 1, event_fd);
        queue_open(&receiver, &region, 2, 1, event_fd);
        queue_open(&other, &region, 3, 1, event_fd);
        object_open(&object, &region, event_fd);
}

static void teardown(void) {
        region_unmap(&region);
        close(event_fd);
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

static void die(uint32_t participant, struct recovery *ret) {
        const struct seat seat = { .object = &object, .first = participant, .count = 1, .generation = 1 };

        recover_process(NULL, &seat, 1, "killed by SIGKILL", ret);
}

START_TEST(messages_come_in_order) {
        struct lease l;

        for (uint64_t round = 0; round < 3 * SLOTS; round++) {
                for (uint64_t i = 0; i < SLOTS; i++)
                        ck_assert_int_eq(send_number(&sender, round * 100 + i), 0);
                ck_assert_int_eq(send_number(&sender, 0), -EAGAIN);
                for (uint64_t i = 0; i < SLOTS; i++) {
                        RECEIVE(&receiver, &l, round * 100 + i);
                        ck_assert_uint_eq(l.deliveries, 1);
                        ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
                }
                ck_assert_int_eq(queue_receive(&receiver, &l), -EAGAIN);
        }
}
END_TEST

START_TEST(ids_are_stable_and_unique) {
        struct lease l, again;
        uint64_t last = UINT64_MAX;

        for (uint64_t i = 0; i < 5 * SLOTS; i++) {
                ck_assert_int_eq(send_number(&sender, i), 0);
                RECEIVE(&receiver, &l, i);
                ck_assert_uint_ne(l.id, last);
                last = l.id;
                ck_assert_int_eq(queue_reject(&receiver, l.slot, "again"), 0);
                RECEIVE(&receiver, &again, i);
                ck_assert_uint_eq(again.id, l.id);
                ck_assert_uint_eq(again.deliveries, 2);
                ck_assert_int_eq(queue_acknowledge(&receiver, again.slot), 0);
        }
}
END_TEST

START_TEST(only_the_holder_may_finish_and_only_once) {
        struct lease l;

        send_number(&sender, 7);
        RECEIVE(&receiver, &l, 7);
        ck_assert_int_eq(queue_acknowledge(&other, l.slot), -EINVAL);
        ck_assert_int_eq(queue_reject(&other, l.slot, NULL), -EINVAL);
        ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
        ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), -EINVAL);
}
END_TEST

/* Issue 2: a message leased for an hour must not stall the others when the ring comes round. */
START_TEST(a_lease_held_for_long_stalls_nobody) {
        struct lease held, l;

        send_number(&sender, 1000);
        RECEIVE(&other, &held, 1000);
        for (uint64_t i = 0; i < 20 * SLOTS; i++) {
                ck_assert_int_eq(send_number(&sender, i), 0);
                RECEIVE(&receiver, &l, i);
                ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
        }
        ck_assert_uint_eq(number(&held), 1000);
        ck_assert_int_eq(queue_acknowledge(&other, held.slot), 0);
        for (uint64_t i = 0; i < SLOTS; i++)
                ck_assert_int_eq(send_number(&sender, i), 0);
        ck_assert_int_eq(send_number(&sender, 0), -EAGAIN);
}
END_TEST

/* Its slot has been free since an older lap, of which its position is void. */
START_TEST(a_lease_that_ended_late_is_room_behind_one_that_is_held) {
        struct lease held, late, l;

        for (uint64_t i = 0; i < SLOTS; i++)
                ck_assert_int_eq(send_number(&sender, i), 0);
        RECEIVE(&receiver, &held, 0);
        RECEIVE(&receiver, &late, 1);
        for (uint64_t i = 2; i < 2 * SLOTS; i++) {
                RECEIVE(&receiver, &l, i);
                ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
                ck_assert_int_eq(send_number(&sender, i + SLOTS - 2), 0);
        }
        for (uint64_t i = 2 * SLOTS; i < 3 * SLOTS - 2; i++) {
                RECEIVE(&receiver, &l, i);
                ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
        }
        ck_assert_int_eq(queue_acknowledge(&receiver, late.slot), 0);
        for (uint64_t i = 0; i < 2 * SLOTS; i++) {
                ck_assert_int_eq(send_number(&sender, 100 + i), 0);
                RECEIVE(&receiver, &l, 100 + i);
                ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
        }
}
END_TEST

START_TEST(a_ring_full_of_leases_is_full_until_one_ends) {
        struct lease l[SLOTS], x;

        for (uint64_t i = 0; i < SLOTS; i++) {
                send_number(&sender, i);
                RECEIVE(&receiver, &l[i], i);
        }
        for (int i = 0; i < 10; i++)
                ck_assert_int_eq(send_number(&sender, 99), -EAGAIN);
        ck_assert_int_eq(queue_acknowledge(&receiver, l[2].slot), 0);
        ck_assert_int_eq(send_number(&sender, 99), 0);
        ck_assert_int_eq(send_number(&sender, 99), -EAGAIN);
        RECEIVE(&other, &x, 99);
}
END_TEST

START_TEST(the_dead_give_back_what_they_held) {
        struct recovery got = { 0 };
        struct lease l, w;

        send_number(&sender, 1);
        send_number(&sender, 2);
        ck_assert_int_eq(queue_reserve(&sender, &w), 0);
        RECEIVE(&other, &l, 1);
        die(3, &got);
        die(1, &got);
        ck_assert_uint_eq(got.returned, 1);
        ck_assert_uint_eq(got.cancelled, 1);
        RECEIVE(&receiver, &l, 1);
        ck_assert_uint_eq(l.deliveries, 2);
        RECEIVE(&receiver, &l, 2);
        ck_assert_uint_eq(l.deliveries, 1);
        ck_assert_int_eq(queue_receive(&receiver, &l), -EAGAIN);
}
END_TEST

START_TEST(recovery_knows_generations_apart) {
        struct queue next;
        struct recovery got = { 0 };
        struct lease l;

        queue_open(&next, &region, 3, 2, event_fd);
        send_number(&sender, 1);
        RECEIVE(&next, &l, 1);
        die(3, &got);
        ck_assert_uint_eq(got.returned, 0);
        ck_assert_int_eq(queue_acknowledge(&next, l.slot), 0);
}
END_TEST

START_TEST(after_max_deliveries_it_is_a_dead_letter) {
        struct recovery got = { 0 };
        struct lease l;

        send_number(&sender, 1);
        for (uint32_t i = 1; i < MAX_DELIVERIES; i++) {
                RECEIVE(&receiver, &l, 1);
                ck_assert_uint_eq(l.deliveries, i);
                ck_assert_int_eq(queue_reject(&receiver, l.slot, "disk"), 0);
        }
        RECEIVE(&other, &l, 1);
        die(3, &got);
        ck_assert_uint_eq(got.dead, 1);
        ck_assert_int_eq(queue_receive(&receiver, &l), -EAGAIN);
        /* It stays where it is, and is passed over. */
        for (uint64_t i = 0; i < 5 * SLOTS; i++) {
                ck_assert_int_eq(send_number(&sender, i), 0);
                RECEIVE(&receiver, &l, i);
                ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
        }
        ck_assert_str_eq(object.queue.notes[0].text, "killed by SIGKILL");
}
END_TEST

/* A consumer that sends to its own ring must find the free slots behind a returned message. */
START_TEST(a_returned_message_does_not_make_the_ring_full) {
        struct lease back, l;

        send_number(&sender, 0);
        RECEIVE(&receiver, &back, 0);
        for (uint64_t i = 1; i < SLOTS; i++) {
                send_number(&sender, i);
                RECEIVE(&other, &l, i);
                queue_acknowledge(&other, l.slot);
        }
        ck_assert_int_eq(queue_reject(&receiver, back.slot, NULL), 0);
        ck_assert_int_eq(send_number(&sender, 4), 0);
        RECEIVE(&other, &l, 0);
        RECEIVE(&other, &l, 4);
}
END_TEST

START_TEST(a_half_written_message_is_skipped_and_comes_later) {
        struct lease slow, l;
        uint64_t n = 1;

        ck_assert_int_eq(queue_reserve(&sender, &slow), 0);
        ck_assert_int_eq(send_number(&other, 2), 0);
        RECEIVE(&receiver, &l, 2);
        queue_acknowledge(&receiver, l.slot);
        memcpy(slow.data, &n, sizeof n);
        queue_commit(&sender, &slow, sizeof n);
        RECEIVE(&receiver, &l, 1);
}
END_TEST

START_TEST(what_comes_back_is_seen_beyond_a_half_written_message) {
        struct lease slow, first, second, l;

        ck_assert_int_eq(queue_reserve(&sender, &slow), 0);
        ck_assert_int_eq(send_number(&other, 2), 0);
        ck_assert_int_eq(send_number(&other, 3), 0);
        RECEIVE(&receiver, &first, 2);
        RECEIVE(&receiver, &second, 3);
        ck_assert_int_eq(queue_reject(&receiver, first.slot, NULL), 0);
        RECEIVE(&receiver, &l, 2);
        ck_assert_int_eq(queue_receive(&receiver, &l), -EAGAIN);
}
END_TEST

/* ---- senders that are half done, in any order ---------------------------------------------------- */

#define SENDERS 12
#define MANY_SLOTS 16
#define LEASES 5
#define STEPS 200000

/** What there is, as it should be: for each message by its id. */
struct model {
        struct queue senders[SENDERS];
        struct lease writing[SENDERS], leased[LEASES];
        bool is_writing[SENDERS], is_leased[LEASES];
        uint64_t ready[MANY_SLOTS];
        size_t n_ready;
};

/** The same each time. */
static uint32_t any_number(uint32_t below) {
        static uint64_t state = 1;

        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        return (uint32_t)(state >> 33) % below;
}

/** Nothing but leases, and there are fewer of them than slots. */
static bool must_have_room(const struct model *m) {
        for (uint32_t i = 0; i < SENDERS; i++)
                if (m->is_writing[i])
                        return false;
        return m->n_ready == 0;
}

static void step_sender(struct model *m, uint32_t i) {
        if (!m->is_writing[i]) {
                bool must = must_have_room(m);

                m->is_writing[i] = queue_reserve(&m->senders[i], &m->writing[i]) == 0;
                ck_assert(m->is_writing[i] || !must);
                return;
        }
        m->is_writing[i] = false;
        if (any_number(8) == 0) {
                queue_cancel(&m->senders[i], &m->writing[i]);
                return;
        }
        queue_commit(&m->senders[i], &m->writing[i], 0);
        m->ready[m->n_ready++] = m->writing[i].id;
}

/** The first of those that are ready is the next one. */
static void step_receiver(struct model *m, struct queue *q, uint32_t i) {
        size_t first = 0;

        if (m->is_leased[i]) {
                /* Some are held for laps. */
                if (any_number(16 * i + 1) != 0)
                        return;
                ck_assert_int_eq(queue_acknowledge(q, m->leased[i].slot), 0);
                m->is_leased[i] = false;
                return;
        }
        ck_assert_int_eq(queue_has_message(q), m->n_ready > 0);
        ck_assert_int_eq(queue_receive(q, &m->leased[i]), m->n_ready > 0 ? 0 : -EAGAIN);
        if (m->n_ready == 0)
                return;
        for (size_t k = 1; k < m->n_ready; k++)
                if (m->ready[k] < m->ready[first])
                        first = k;
        ck_assert_uint_eq(m->leased[i].id, m->ready[first]);
        m->ready[first] = m->ready[--m->n_ready];
        m->is_leased[i] = true;
}

/* More of them than a receiver remembers (QUEUE_HOLES), finished and cancelled in any order. */
START_TEST(half_written_ones_come_as_soon_as_they_are_ready) {
        const struct geometry g = { .kind = OBJECT_QUEUE, .slots = MANY_SLOTS, .message_max = 48, .max_deliveries = 1 };
        _cleanup_(closep) int fd = region_create("many", &g);
        struct model m = { 0 };
        struct region many;
        struct queue q;
        uint64_t received = 0;

        ck_assert_int_eq(region_map(&many, fd, &g), 0);
        queue_open(&q, &many, SENDERS + 1, 1, -1);
        for (uint32_t i = 0; i < SENDERS; i++)
                queue_open(&m.senders[i], &many, i + 1, 1, -1);
        for (unsigned int n = 0; n < STEPS; n++) {
                /* By turns more is sent than received, and less. */
                uint32_t i = any_number(2 * SENDERS + (n / 1000 % 2 ? 0 : 4 * SENDERS));

                if (i < SENDERS)
                        step_sender(&m, i);
                else
                        step_receiver(&m, &q, i % LEASES);
                received += i >= SENDERS && m.is_leased[i % LEASES];
        }
        ck_assert_uint_gt(received, STEPS / 10);
        region_unmap(&many);
}
END_TEST

START_TEST(forward_commits_both_or_neither) {
        _cleanup_(closep) int fd = member_create("member");
        struct member m;
        struct lease in, out, l;

        ck_assert_int_eq(member_map(&m, fd), 0);
        send_number(&sender, 5);
        RECEIVE(&receiver, &in, 5);
        ck_assert_int_eq(queue_reserve(&receiver, &out), 0);
        memcpy(out.data, &(uint64_t){ 50 }, 8);
        queue_commit_prepare(&receiver, &out, 8);

        /* Killed after the commit point, before anything else: recovery does the rest. */
        m.memory->journals[5].entries[0] = redo_pack(&(struct redo){ .owner = receiver.owner, .slot = out.slot });
        m.memory->journals[5].entries[1] =
                redo_pack(&(struct redo){ .owner = receiver.owner, .slot = in.slot, .acknowledge = true });
        m.memory->journals[5].armed = 2;
        for (int i = 0; i < 2; i++) {
                const struct seat seat = { .object = &object, .first = 2, .count = 1, .generation = 1 };
                struct recovery got = { 0 };

                recover_process(&m, &seat, 1, "killed", &got);
                ck_assert_uint_eq(got.redone, i == 0 ? 2 : 0);
                ck_assert_uint_eq(got.returned + got.cancelled, 0);
        }
        RECEIVE(&other, &l, 50);
        ck_assert_int_eq(queue_receive(&other, &l), -EAGAIN);
        member_unmap(&m);
}
END_TEST

START_TEST(forward_settles_many) {
        _cleanup_(closep) int fd = member_create("member");
        struct settlement s[3];
        struct lease in, out, l;
        struct member m;

        ck_assert_int_eq(member_map(&m, fd), 0);
        send_number(&sender, 5);
        RECEIVE(&receiver, &in, 5);
        for (uint64_t i = 0; i < 2; i++) {
                ck_assert_int_eq(queue_reserve(&receiver, &out), 0);
                memcpy(out.data, &(uint64_t){ 50 + i }, 8);
                queue_commit_prepare(&receiver, &out, 8);
                s[i] = (struct settlement){ .queue = &receiver, .slot = out.slot };
        }
        s[2] = (struct settlement){ .queue = &receiver, .slot = in.slot, .acknowledge = true };
        journal_settle(&m.memory->journals[0], s, 3);
        ck_assert_uint_eq(m.memory->journals[0].armed, 0);
        RECEIVE(&other, &l, 50);
        RECEIVE(&other, &l, 51);
        ck_assert_int_eq(queue_receive(&other, &l), -EAGAIN);
        member_unmap(&m);
}
END_TEST

START_TEST(waiting_ends_in_time) {
        struct lease l;

        ck_assert_int_eq(queue_receive_wait(&receiver, &l, now_usec() + 2000, NULL), -ETIMEDOUT);
        for (uint64_t i = 0; i < SLOTS; i++)
                send_number(&sender, i);
        ck_assert_int_eq(queue_reserve_wait(&sender, &l, now_usec() + 2000), -ETIMEDOUT);
        ck_assert_uint_eq((uint32_t)object.queue.control->messages.sleepers, 0);
        ck_assert_uint_eq((uint32_t)object.queue.control->space.sleepers, 0);
}
END_TEST

START_TEST(draining_ends_a_wait) {
        static _Atomic uint32_t drain = 1;
        struct lease l;

        ck_assert_int_eq(queue_receive_wait(&receiver, &l, UINT64_MAX, &drain), -ESHUTDOWN);
}
END_TEST

START_TEST(the_descriptor_becomes_readable) {
        struct pollfd p = { .fd = event_fd, .events = POLLIN };
        struct lease l;

        send_number(&sender, 1);
        ck_assert_int_eq(poll(&p, 1, 0), 0); /* nobody polls: no system call */
        ck_assert_int_eq(queue_receive_poll(&receiver, &l), 0);
        ck_assert_int_eq(queue_receive_poll(&receiver, &l), -EAGAIN);
        ck_assert_int_eq(queue_receive_poll(&other, &l), -EAGAIN);
        send_number(&sender, 2);
        ck_assert_int_eq(poll(&p, 1, 0), 1);
        ck_assert_int_eq(queue_receive_poll(&receiver, &l), 0);
        ck_assert_int_eq(poll(&p, 1, 0), 1); /* passed on to the other */
        ck_assert_int_eq(queue_receive_poll(&other, &l), -EAGAIN);
        ck_assert_int_eq(poll(&p, 1, 0), 0);
}
END_TEST

START_TEST(memory_is_sealed_and_checked) {
        struct geometry g = { .kind = OBJECT_QUEUE, .slots = 8, .message_max = 100, .max_deliveries = 1 }, bad = g;
        _cleanup_(closep) int fd = region_create("test", &g);
        _cleanup_(closep) int plain = memfd_create("plain", MFD_CLOEXEC);
        struct region r = REGION_NULL;

        ck_assert_int_eq(ftruncate(fd, 0), -1);
        ck_assert_int_eq(ftruncate(fd, 1 << 24), -1);
        ck_assert_int_eq(region_map(&r, plain, &g), -EPERM);
        bad.slots = 4;
        ck_assert_int_eq(region_map(&r, fd, &bad), -EPROTO);
        bad.slots = 1 << 10;
        ck_assert_int_eq(region_map(&r, fd, &bad), -EPROTO);
        ck_assert_int_eq(pwrite(fd, &(uint32_t){ REGION_LAYOUT_VERSION + 1 }, 4, 8), 4);
        ck_assert_int_eq(region_map(&r, fd, &g), -EPROTONOSUPPORT);
        bad.slots = 3;
        ck_assert_int_eq(region_map(&r, fd, &bad), -EINVAL);
        ck_assert_int_eq(region_create("test", &bad), -EINVAL);
        ck_assert_ptr_null(r.base);
}
END_TEST

START_TEST(laps_wrap) {
        ck_assert_int_eq(word_ahead(word_make(0, 0, 0, 0), (UINT64_C(1) << WORD_LAP_BITS) - 1), 1);
        ck_assert_int_eq(word_ahead(word_make((UINT64_C(1) << WORD_LAP_BITS) - 1, 0, 0, 0), 0), -1);
        ck_assert_uint_eq(word_owner(word_make(5, owner_make(2047, 255), 9, SLOT_DEAD)), owner_make(2047, 255));
        ck_assert_uint_eq(word_deliveries(word_make(5, owner_make(2047, 255), 200, SLOT_DEAD)), 200);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("queue");
        TCase *c = tcase_create("queue");
        const TTest *tests[] = {
                messages_come_in_order, ids_are_stable_and_unique, only_the_holder_may_finish_and_only_once,
                a_lease_held_for_long_stalls_nobody, a_lease_that_ended_late_is_room_behind_one_that_is_held,
                a_ring_full_of_leases_is_full_until_one_ends,
                the_dead_give_back_what_they_held, recovery_knows_generations_apart,
                after_max_deliveries_it_is_a_dead_letter, a_returned_message_does_not_make_the_ring_full,
                a_half_written_message_is_skipped_and_comes_later, what_comes_back_is_seen_beyond_a_half_written_message,
                half_written_ones_come_as_soon_as_they_are_ready, forward_commits_both_or_neither,
                forward_settles_many, waiting_ends_in_time, draining_ends_a_wait, the_descriptor_becomes_readable,
                memory_is_sealed_and_checked, laps_wrap,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
