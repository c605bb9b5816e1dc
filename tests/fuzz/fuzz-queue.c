/* SPDX-License-Identifier: MIT */

/*
 * Hostile memory: the queue, and everything that its members do
 */

#include "fuzz.h"
#include "shm/queue-fast.h"

/** Leases that are remembered, to be finished, also twice. */
#define LEASES 8

static struct queue queues[FUZZ_PARTICIPANTS];
static struct lease leases[LEASES];

/** The heap holds this many of the longest messages at most. */
#define HEAP_LONGEST 4

/** Every other one with a heap, of one block or some. */
static struct geometry queue_geometry(struct input *in) {
        struct geometry g = {
                .kind = OBJECT_QUEUE,
                .slots = UINT32_C(1) << (1 + input_take(in, 1) % 6),
                .message_max = 1 + (uint32_t)input_take(in, 1) * 3,
                .max_deliveries = 1 + (uint32_t)input_take(in, 1) % DELIVERIES_MAX,
                .fences = true,
        };
        uint32_t heap = (uint32_t)input_take(in, 1);

        if (heap & 1 && g.message_max > 1) {
                g.slot_size = 1 + heap / 2 % (g.message_max - 1);
                g.heap = (g.message_max + REGION_PAGE) * (1 + heap / 2 % HEAP_LONGEST);
        }
        return g;
}

static void queue_open_all(const struct region *region) {
        for (uint32_t i = 0; i < FUZZ_PARTICIPANTS; i++) {
                queue_open(&queues[i], region, 1 + i, FUZZ_GENERATION, -1);
                queues[i].patience.spin = 0;
        }
        for (int i = 0; i < LEASES; i++)
                leases[i] = (struct lease){ 0 };
}

static void write_all(const struct lease *l, uint32_t size) {
        volatile uint8_t *p = l->data;

        for (uint32_t i = 0; i < size; i++)
                p[i] = (uint8_t)i;
}

static void receive(struct queue *q, struct lease *l, int (*how)(struct queue *q, struct lease *ret)) {
        if (how(q, l) == 0)
                fuzz_read(l->data, l->size);
}

static int wait_for_message(struct queue *q, struct lease *ret) {
        return queue_receive_wait(q, ret, FUZZ_LONG_AGO, NULL);
}

static void reserve(struct queue *q, struct lease *l, uint32_t size, bool wait) {
        size %= q->message_max + 1;
        if ((wait ? queue_reserve_sized_wait(q, size, l, FUZZ_LONG_AGO) : queue_reserve_sized(q, size, l)) == 0)
                write_all(l, size);
}

/** Somebody hostile may have changed what it says of its room since; whoever wrote it wrote no more. */
static void commit(struct queue *q, const struct lease *l, uint32_t size) {
        queue_commit(q, l, size % (queue_room(q, queue_slot(q, l->slot)) + 1));
}

static void queue_act(struct input *in) {
        uint64_t what = input_take(in, 1), which = input_take(in, 1);
        struct queue *q = &queues[which % FUZZ_PARTICIPANTS];
        struct lease *l = &leases[which / FUZZ_PARTICIPANTS % LEASES];

        switch (what % 12) {
        case 0: reserve(q, l, (uint32_t)input_take(in, 2), false); break;
        case 1: commit(q, l, (uint32_t)input_take(in, 2)); break;
        case 2: queue_cancel(q, l); break;
        case 3: receive(q, l, queue_receive); break;
        case 4: (void)queue_acknowledge(q, l->slot); break;
        case 5: (void)queue_reject(q, l->slot, "no"); break;
        case 6: receive(q, l, wait_for_message); break;
        case 7: reserve(q, l, (uint32_t)input_take(in, 2), true); break;
        case 8: receive(q, l, queue_receive_poll); break;
        case 9: fuzz_wait_any(which & 128 ? queue_space_item(q) : queue_message_item(q, NULL)); break;
        case 10: (void)queue_settle_commit(q, l->slot, q->owner); break;
        default: (void)queue_settle_acknowledge(q, l->slot, q->owner); break;
        }
}

static void queue_close_all(void) {
}

const struct fuzz_kind fuzz_kind = {
        .geometry = queue_geometry,
        .open = queue_open_all,
        .act = queue_act,
        .close = queue_close_all,
};
