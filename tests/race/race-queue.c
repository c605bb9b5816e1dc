/* SPDX-License-Identifier: MIT */

/*
 * The queue: two send, two receive, sleeping; some messages are rejected once. And with a heap
 */

#include "race.h"

#include <errno.h>
#include <string.h>

#include "shm/queue.h"

#define SENDERS 2
#define REJECT_EVERY 7
/** Wait among other things first, so often. */
#define ANY_EVERY 2

struct payload {
        uint64_t number;
        uint64_t copies[4];
};

static struct queue queues[RACE_THREADS];
static uint64_t sums[RACE_THREADS], counts[RACE_THREADS];

static void queue_race_open(const struct region *region) {
        for (uint32_t i = 0; i < RACE_THREADS; i++)
                queue_open(&queues[i], region, 1 + i, 1, race_event_fd);
        memset(sums, 0, sizeof sums);
        memset(counts, 0, sizeof counts);
}

static void send_all(struct queue *q, uint64_t first, uint64_t n) {
        for (uint64_t i = first; i < first + n; i++) {
                struct payload p = { .number = i, .copies = { i, i, i, i } };
                struct lease l;

                if (i % ANY_EVERY == 0)
                        race_wait_any(queue_space_item(q));
                /* With a heap some are reserved longer than they are. */
                if (queue_reserve_sized_wait(q, i % 5 ? sizeof p : q->message_max, &l, UINT64_MAX) < 0)
                        race_fail("reserve");
                memcpy(l.data, &p, sizeof p);
                queue_commit(q, &l, sizeof p);
        }
}

static uint64_t read_payload(const struct lease *l) {
        struct payload p;

        if (l->size != sizeof p)
                race_fail("a wrong size");
        memcpy(&p, l->data, sizeof p);
        for (int i = 0; i < 4; i++)
                if (p.copies[i] != p.number)
                        race_fail("a torn message");
        return p.number;
}

/** Until a message 0 comes: one for each receiver is sent last. */
static void receive_all(struct queue *q, unsigned int who) {
        struct lease l;

        for (;;) {
                uint64_t n;

                if (counts[who] % ANY_EVERY == 0)
                        race_wait_any(queue_message_item(q, NULL));
                if (queue_receive_wait(q, &l, UINT64_MAX, NULL) != 0)
                        race_fail("receive");
                n = read_payload(&l);
                if (n % REJECT_EVERY == 1 && l.deliveries == 1) {
                        if (queue_reject(q, l.slot, "once") != 0)
                                race_fail("reject");
                        continue;
                }
                if (queue_acknowledge(q, l.slot) < 0)
                        race_fail("acknowledge");
                if (n == 0)
                        return;
                sums[who] += n;
                counts[who]++;
        }
}

static void queue_race(unsigned int who, uint64_t rounds) {
        if (who >= SENDERS) {
                receive_all(&queues[who], who);
                return;
        }
        send_all(&queues[who], 1 + who * rounds, rounds);
        send_all(&queues[who], 0, 1);
}

/** A receiver may end while rejected messages are still there: they are taken now. */
static void queue_race_check(uint64_t rounds) {
        uint64_t n = SENDERS * rounds, sum = 0, count = 0;
        struct lease l;

        while (queue_receive(&queues[0], &l) == 0) {
                sums[0] += read_payload(&l);
                counts[0]++;
                (void)queue_acknowledge(&queues[0], l.slot);
        }
        for (unsigned int i = 0; i < RACE_THREADS; i++) {
                sum += sums[i];
                count += counts[i];
        }
        if (count != n || sum != n * (n + 1) / 2)
                race_fail("messages were lost or doubled");
}

/** As the other, but the messages are long, and there are fewer blocks than slots. */
const struct race race_queue_heap = {
        .name = "queue-heap",
        .geometry = { .kind = OBJECT_QUEUE, .slots = 16, .message_max = 128, .max_deliveries = 9,
                      .slot_size = 16, .heap = 320 },
        .thread = queue_race,
        .open = queue_race_open,
        .check = queue_race_check,
};

const struct race race_queue = {
        .name = "queue",
        .geometry = { .kind = OBJECT_QUEUE, .slots = 16, .message_max = 64, .max_deliveries = 9 },
        .thread = queue_race,
        .open = queue_race_open,
        .check = queue_race_check,
};
