/* SPDX-License-Identifier: MIT */

/*
 * Hostile memory: the queue, and everything that its members do
 */

#include "fuzz.h"
#include "shm/queue.h"

/** Leases that are remembered, to be finished, also twice. */
#define LEASES 8

static struct queue queues[FUZZ_PARTICIPANTS];
static struct lease leases[LEASES];

static struct geometry queue_geometry(struct input *in) {
        return (struct geometry){
                .kind = OBJECT_QUEUE,
                .slots = UINT32_C(1) << (1 + input_take(in, 1) % 6),
                .message_max = 1 + (uint32_t)input_take(in, 1) * 3,
                .max_deliveries = 1 + (uint32_t)input_take(in, 1) % DELIVERIES_MAX,
                .fences = true,
        };
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

static void reserve(struct queue *q, struct lease *l, bool wait) {
        if ((wait ? queue_reserve_wait(q, l, FUZZ_LONG_AGO) : queue_reserve(q, l)) == 0)
                write_all(l, q->message_max);
}

static void queue_act(struct input *in) {
        uint64_t what = input_take(in, 1), which = input_take(in, 1);
        struct queue *q = &queues[which % FUZZ_PARTICIPANTS];
        struct lease *l = &leases[which / FUZZ_PARTICIPANTS % LEASES];

        switch (what % 12) {
        case 0: reserve(q, l, false); break;
        case 1: queue_commit(q, l, (uint32_t)which % (q->message_max + 1)); break;
        case 2: queue_cancel(q, l); break;
        case 3: receive(q, l, queue_receive); break;
        case 4: (void)queue_acknowledge(q, l->slot); break;
        case 5: (void)queue_reject(q, l->slot, "no"); break;
        case 6: receive(q, l, wait_for_message); break;
        case 7: reserve(q, l, true); break;
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
