/* SPDX-License-Identifier: MIT */
/* The heap of a queue, one thread at a time: where long messages lie, and what frees it. */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "harness.h"
#include "shm/member.h"
#include "shm/queue-fast.h"
#include "shm/recover.h"

#define SLOTS 8
#define BLOCKS 4
#define BLOCK 64
#define SLOT_SIZE 32
#define MESSAGE_MAX (BLOCKS * BLOCK)
#define MAX_DELIVERIES 2

static const struct geometry geometry = {
        .kind = OBJECT_QUEUE, .slots = SLOTS, .message_max = MESSAGE_MAX, .max_deliveries = MAX_DELIVERIES,
        .slot_size = SLOT_SIZE, .heap = BLOCKS * BLOCK,
};

static struct region region;
static struct queue sender, receiver, other;
static struct object object;            /* as one sees it who recovers */

static void setup(void) {
        _cleanup_(closep) int fd = region_create("test", &geometry);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(region_map(&region, fd, &geometry), 0);
        queue_open(&sender, &region, 1, 1, -1);
        queue_open(&receiver, &region, 2, 1, -1);
        queue_open(&other, &region, 3, 1, -1);
        object_open(&object, &region, -1);
        ck_assert_uint_eq(sender.heap.n, BLOCKS);
}

static void teardown(void) {
        region_unmap(&region);
}

static bool is_in_heap(const void *p) {
        const unsigned char *blocks = sender.heap.blocks;

        return (const unsigned char *)p >= blocks && (const unsigned char *)p < blocks + BLOCKS * BLOCK;
}

/** A message of so many bytes of one value. */
static int send_bytes(struct queue *q, uint32_t size, int byte) {
        struct lease l;
        int r = queue_reserve_sized(q, size, &l);

        if (r < 0)
                return r;
        ck_assert_int_eq(is_in_heap(l.data), size > SLOT_SIZE);
        memset(l.data, byte, size);
        queue_commit(q, &l, size);
        return 0;
}

static void receive_bytes(struct queue *q, struct lease *l, uint32_t size, int byte) {
        const unsigned char *data;

        ck_assert_int_eq(queue_receive(q, l), 0);
        ck_assert_uint_eq(l->size, size);
        ck_assert_int_eq(is_in_heap(l->data), size > SLOT_SIZE);
        data = l->data;
        for (uint32_t i = 0; i < size; i++)
                ck_assert_int_eq(data[i], byte);
}

static void take_bytes(struct queue *q, uint32_t size, int byte) {
        struct lease l;

        receive_bytes(q, &l, size, byte);
        ck_assert_int_eq(queue_acknowledge(q, l.slot), 0);
}

/** Is all of the heap free, in one piece? */
static void check_all_is_free(void) {
        struct lease l;

        ck_assert_int_eq(queue_reserve_sized(&other, MESSAGE_MAX, &l), 0);
        queue_cancel(&other, &l);
}

static void die(uint32_t participant) {
        const struct seat seat = { .object = &object, .first = participant, .count = 1, .generation = 1 };

        recover_process(NULL, &seat, 1, "killed by SIGKILL", NULL);
}

START_TEST(messages_of_any_size_come_in_order) {
        static const uint32_t sizes[] = { 0, SLOT_SIZE, SLOT_SIZE + 1, BLOCK, BLOCK + 1, 2 * BLOCK };

        for (int round = 0; round < 5 * SLOTS; round++) {
                uint32_t a = sizes[round % 6], b = sizes[round / 6 % 6];

                ck_assert_int_eq(send_bytes(&sender, a, round), 0);
                ck_assert_int_eq(send_bytes(&sender, b, round + 100), 0);
                take_bytes(&receiver, a, round);
                take_bytes(&receiver, b, round + 100);
        }
        ck_assert_int_eq(send_bytes(&sender, MESSAGE_MAX, 1), 0);
        take_bytes(&receiver, MESSAGE_MAX, 1);
        check_all_is_free();
}
END_TEST

START_TEST(a_full_heap_stops_long_messages_only) {
        struct lease l;

        for (int i = 0; i < BLOCKS; i++)
                ck_assert_int_eq(send_bytes(&sender, BLOCK, i), 0);
        ck_assert_int_eq(send_bytes(&sender, BLOCK, 0), -EAGAIN);
        ck_assert_int_eq(queue_reserve_sized_wait(&sender, BLOCK, &l, now_usec()), -ETIMEDOUT);
        for (int i = BLOCKS; i < SLOTS; i++)
                ck_assert_int_eq(send_bytes(&sender, SLOT_SIZE, i), 0);
        ck_assert_int_eq(send_bytes(&sender, SLOT_SIZE, 0), -EAGAIN);
        for (int i = 0; i < SLOTS; i++)
                take_bytes(&receiver, i < BLOCKS ? BLOCK : SLOT_SIZE, i);
        check_all_is_free();
}
END_TEST

START_TEST(one_who_finds_no_room_uses_up_nothing) {
        struct lease l;
        uint64_t tail;

        ck_assert_int_eq(send_bytes(&sender, MESSAGE_MAX, 1), 0);
        tail = atomic_load(&sender.control->tail);
        for (int i = 0; i < 3 * SLOTS; i++)
                ck_assert_int_eq(queue_reserve_sized(&other, BLOCK, &l), -EAGAIN);
        ck_assert_uint_eq(atomic_load(&sender.control->tail), tail);
        take_bytes(&receiver, MESSAGE_MAX, 1);
}
END_TEST

/* The blocks must lie side by side. */
START_TEST(room_in_pieces_is_no_room) {
        struct lease l[BLOCKS];

        for (int i = 0; i < BLOCKS; i++)
                ck_assert_int_eq(send_bytes(&sender, BLOCK, i), 0);
        for (int i = 0; i < BLOCKS; i++)
                receive_bytes(&receiver, &l[i], BLOCK, i);
        queue_acknowledge(&receiver, l[0].slot);
        queue_acknowledge(&receiver, l[2].slot);
        ck_assert_int_eq(send_bytes(&sender, 2 * BLOCK, 9), -EAGAIN);
        queue_acknowledge(&receiver, l[1].slot);
        ck_assert_int_eq(send_bytes(&sender, 3 * BLOCK, 9), 0);
        queue_acknowledge(&receiver, l[3].slot);
        take_bytes(&receiver, 3 * BLOCK, 9);
        check_all_is_free();
}
END_TEST

START_TEST(whatever_frees_a_slot_frees_its_blocks) {
        struct lease l;

        ck_assert_int_eq(queue_reserve_sized(&sender, MESSAGE_MAX, &l), 0);
        ck_assert_int_eq(send_bytes(&other, BLOCK, 0), -EAGAIN);
        queue_cancel(&sender, &l);
        check_all_is_free();

        ck_assert_int_eq(queue_reserve_sized(&sender, MESSAGE_MAX, &l), 0);
        die(1);
        check_all_is_free();
}
END_TEST

START_TEST(what_comes_back_keeps_its_blocks) {
        struct lease l;
        uint64_t w;

        ck_assert_int_eq(send_bytes(&sender, MESSAGE_MAX, 5), 0);
        receive_bytes(&receiver, &l, MESSAGE_MAX, 5);
        die(2);
        ck_assert_int_eq(send_bytes(&sender, BLOCK, 0), -EAGAIN);
        queue_open(&receiver, &region, 2, 2, -1);
        receive_bytes(&receiver, &l, MESSAGE_MAX, 5);
        ck_assert_int_eq(queue_reject(&receiver, l.slot, "twice"), 1);

        /* A dead letter, over many laps of the ring. */
        for (int i = 0; i < 3 * SLOTS; i++) {
                ck_assert_int_eq(send_bytes(&sender, SLOT_SIZE, i), 0);
                take_bytes(&receiver, SLOT_SIZE, i);
        }
        ck_assert_int_eq(send_bytes(&sender, BLOCK, 0), -EAGAIN);
        w = atomic_load(&queue_slot(&receiver, l.slot)->word);
        ck_assert(queue_dead_retry(&receiver, l.slot, w));
        receive_bytes(&receiver, &l, MESSAGE_MAX, 5);
        ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
        check_all_is_free();
}
END_TEST

/* Whatever stands in a slot by now: a block is another message's only if it was claimed for it. */
START_TEST(a_slot_that_is_used_again_holds_no_old_blocks) {
        struct lease held[SLOTS];

        for (int i = 0; i < SLOTS; i++) {
                ck_assert_int_eq(send_bytes(&sender, BLOCK, i), 0);
                take_bytes(&receiver, BLOCK, i);
        }
        for (int i = 0; i < SLOTS - 1; i++) {
                ck_assert_int_eq(send_bytes(&sender, 1, i), 0);
                receive_bytes(&receiver, &held[i], 1, i);
        }
        ck_assert_int_eq(send_bytes(&sender, MESSAGE_MAX, 3), 0);
        take_bytes(&receiver, MESSAGE_MAX, 3);
}
END_TEST

START_TEST(what_is_reserved_too_much_is_given_back) {
        struct lease l;

        ck_assert_int_eq(queue_reserve_sized(&sender, MESSAGE_MAX, &l), 0);
        ck_assert_uint_eq(queue_room(&sender, queue_slot(&sender, l.slot)), MESSAGE_MAX);
        memset(l.data, 7, 3);
        queue_commit(&sender, &l, 3);
        ck_assert_int_eq(send_bytes(&other, MESSAGE_MAX - BLOCK, 8), 0);
        ck_assert_int_eq(queue_receive(&receiver, &l), 0);
        ck_assert_uint_eq(l.size, 3);
        ck_assert_mem_eq(l.data, "\7\7\7", 3);
        ck_assert_int_eq(queue_acknowledge(&receiver, l.slot), 0);
        take_bytes(&receiver, MESSAGE_MAX - BLOCK, 8);
        check_all_is_free();
}
END_TEST

START_TEST(the_last_lap_is_as_any_other) {
        uint64_t lap = (UINT64_C(1) << WORD_LAP_BITS) - 1;

        for (uint32_t i = 0; i < SLOTS; i++) {
                atomic_store(&queue_slot(&sender, i)->word, word_make(lap, 0, 0, SLOT_FREE));
                atomic_store(&queue_slot(&sender, i)->passed, (uint32_t)lap);
        }
        atomic_store(&sender.control->tail, lap << sender.log2);
        for (int i = 0; i < 3 * SLOTS; i++) {
                ck_assert_int_eq(send_bytes(&sender, MESSAGE_MAX, i), 0);
                ck_assert_int_eq(send_bytes(&other, BLOCK, i), -EAGAIN);
                take_bytes(&receiver, MESSAGE_MAX, i);
        }
}
END_TEST

START_TEST(damage_does_not_lead_out_of_the_heap) {
        struct slot *s;
        struct lease l;

        ck_assert_int_eq(send_bytes(&sender, 2 * BLOCK, 1), 0);
        s = queue_slot(&sender, 0);
        memcpy(s->data, &(uint32_t){ BLOCKS - 1 }, 4);
        ck_assert_int_eq(queue_receive(&receiver, &l), 0);
        ck_assert_uint_eq(l.size, BLOCK);
        ck_assert_int_eq(queue_reject(&receiver, l.slot, NULL), 0);
        memcpy(s->data, &(uint32_t){ UINT32_MAX }, 4);
        ck_assert_int_eq(queue_receive(&receiver, &l), 0);
        ck_assert_uint_eq(l.size, 0);
}
END_TEST

START_TEST(geometry_must_go_together) {
        struct geometry g = geometry;

        ck_assert_int_eq(geometry_check(&g), 0);
        g.slot_size = MESSAGE_MAX;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g.slot_size = 0;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g = geometry;
        g.heap = 0;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g.slot_size = MESSAGE_MAX;
        ck_assert_int_eq(geometry_check(&g), 0);
        g = geometry;
        g.heap = MESSAGE_MAX - 1;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g.heap = MESSAGE_MAX;
        ck_assert_int_eq(geometry_check(&g), 0);
        g.heap = QUEUE_HEAP_MAX + 1;
        ck_assert_int_eq(geometry_check(&g), -E2BIG);
        g = (struct geometry){ .kind = OBJECT_PIPE, .capacity = 4096, .message_max = 64 };
        ck_assert_int_eq(geometry_check(&g), 0);
        g.heap = 4096;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
}
END_TEST

/* A heap has whole blocks, one more rather than one less. */
START_TEST(a_heap_of_one_message_holds_one) {
        const struct geometry g = {
                .kind = OBJECT_QUEUE, .slots = 2, .message_max = 5000, .max_deliveries = 1, .slot_size = 1, .heap = 5000,
        };
        _cleanup_(closep) int fd = region_create("test", &g);
        struct region r = REGION_NULL;
        struct queue q;
        struct lease l;

        ck_assert_int_eq(region_map(&r, fd, &g), 0);
        queue_open(&q, &r, 1, 1, -1);
        ck_assert_uint_gt((uint64_t)q.heap.n << q.heap.log2, 5000 - 1);
        ck_assert_int_eq(queue_reserve_sized(&q, 5000, &l), 0);
        memset(l.data, 1, 5000);
        ck_assert_uint_eq(queue_room(&q, queue_slot(&q, l.slot)), 5000);
        ck_assert_int_eq(queue_reserve_sized(&q, 2, &l), -EAGAIN);
        region_unmap(&r);
}
END_TEST

START_TEST(blocks_fit_the_messages) {
        struct geometry g = { .kind = OBJECT_QUEUE, .message_max = 4096, .heap = 1 << 20 };

        ck_assert_uint_eq(queue_block_log2(&g), 6);
        g.message_max = 1 << 20;
        ck_assert_uint_eq(queue_block_log2(&g), 12);
        g.message_max = 4096;
        g.heap = 64 << 20;
        ck_assert_uint_eq(queue_block_log2(&g), 10);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("queue-heap");
        TCase *c = tcase_create("queue-heap");
        const TTest *tests[] = {
                messages_of_any_size_come_in_order, a_full_heap_stops_long_messages_only,
                one_who_finds_no_room_uses_up_nothing, room_in_pieces_is_no_room, whatever_frees_a_slot_frees_its_blocks,
                what_comes_back_keeps_its_blocks, a_slot_that_is_used_again_holds_no_old_blocks,
                what_is_reserved_too_much_is_given_back, the_last_lap_is_as_any_other, damage_does_not_lead_out_of_the_heap,
                geometry_must_go_together, a_heap_of_one_message_holds_one, blocks_fit_the_messages,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
