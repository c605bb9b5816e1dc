/* SPDX-License-Identifier: MIT */

/*
 * Producers that number their messages, so that whoever replaces one learns what was accepted
 *
 * A producer is a key in a table of the ring, and a participant that is it just now, its owner. Before it commits a
 * message, the owner writes down which one stands where (`position`, then `intent`); after it, that it was accepted. If
 * it dies in between, the word of that slot tells: it is still being written by the dead one, or was committed,
 * whatever became of it since. So recovery decides before it frees any slot, and writes its verdict down: then the slot
 * may go. Killed before the verdict, it finds the same again.
 *
 * Linearisation points: that a message is accepted, at its commit; that a key is a producer's, and an owner's, at their
 * compare-and-swaps. Memory orders: `intent` is released after `position`; whoever reads it acquires it. The word that
 * commits is released after `intent`. A verdict is released before the word that frees the slot; its partner is the
 * second look in queue_sequence().
 */

#include <errno.h>

#include "shm/fault.h"
#include "shm/queue-fast.h"

/** A live producer may send while somebody looks; then it looks again, so often. */
#define LOOKS_MAX 16

/** A key as it is stored: 0 is nobody's. */
static uint64_t stored_key(uint64_t key) {
        return ~key;
}

static uint64_t first_place(uint64_t key) {
        /* Fibonacci hashing: neighbours do not collide. */
        return (key * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
}

/** Keys are never taken back, so whoever looks for one may stop at the first place that is nobody's. */
static struct producer *find(const struct queue *q, uint64_t key, bool claim) {
        uint64_t place = first_place(key);

        for (unsigned int i = 0; i < QUEUE_PRODUCERS; i++) {
                struct producer *p = &q->producers[(place + i) % QUEUE_PRODUCERS];
                uint64_t found = atomic_load_explicit(&p->key, memory_order_acquire);

                if (found == 0 && !claim)
                        return NULL;
                if (found == 0 && atomic_compare_exchange_strong(&p->key, &found, stored_key(key)))
                        return p;
                if (found == stored_key(key))
                        return p;
        }
        return NULL;
}

int queue_produce(struct queue *q, uint64_t key, uint64_t *ret) {
        struct producer *p;
        uint64_t nobody = 0;

        if (key == QUEUE_PRODUCER_NONE)
                return -EINVAL;
        p = find(q, key, true);
        if (!p)
                return -EUSERS;
        if (q->producer && q->producer != p)
                return -EALREADY;
        if (!q->producer && !atomic_compare_exchange_strong(&p->owner, &nobody, q->owner))
                return -EBUSY;
        q->producer = p;
        *ret = atomic_load_explicit(&p->accepted, memory_order_acquire);
        return 0;
}

bool queue_has_accepted(const struct queue *q, uint64_t sequence) {
        return sequence <= atomic_load_explicit(&q->producer->accepted, memory_order_relaxed);
}

int queue_commit_sequenced(struct queue *q, const struct lease *lease, uint32_t size, uint64_t sequence) {
        struct producer *p = q->producer;
        struct slot *s = queue_slot(q, lease->slot);

        if (!p)
                return -EINVAL;
        if (queue_has_accepted(q, sequence))
                return -EALREADY;
        size = queue_fit(q, s, lease->id, size);
#if SHM_FAULT == FAULT_INTENT_LATE
        queue_commit_fast(q, s, queue_lap_bits(q, lease->id), size);
#endif
#if SHM_FAULT == FAULT_INTENT_TORN
        atomic_store_explicit(&p->intent, sequence, memory_order_release);
        atomic_store_explicit(&p->position, lease->id, memory_order_relaxed);
#else
        atomic_store_explicit(&p->position, lease->id, memory_order_relaxed);
        atomic_store_explicit(&p->intent, sequence, memory_order_release);
#endif
#if SHM_FAULT != FAULT_INTENT_LATE
        queue_commit_fast(q, s, queue_lap_bits(q, lease->id), size);
#endif
        atomic_store_explicit(&p->accepted, sequence, memory_order_release);
        return 0;
}

/**
 * Is the message that was meant to be sent still being written? By whom needs no look: in each lap a slot is claimed once.
 * Acquire: partner is the release of commit.
 */
static bool is_being_written(const struct queue *q, uint64_t position) {
        uint64_t w = atomic_load_explicit(&queue_slot(q, position)->word, memory_order_acquire);

        return word_state(w) == SLOT_WRITING && word_ahead(w, position >> q->log2) == 0;
}

int queue_sequence(const struct queue *q, uint64_t key, uint64_t *ret) {
        struct producer *p = key == QUEUE_PRODUCER_NONE ? NULL : find(q, key, false);
        uint64_t accepted = 0;

        if (!p)
                return -ENOENT;
        for (unsigned int looks = 0; looks < LOOKS_MAX; looks++) {
                uint64_t intent = atomic_load(&p->intent), position = atomic_load(&p->position);
                bool writing;

                accepted = atomic_load(&p->accepted);
                if (intent <= accepted)
                        break;
                writing = is_being_written(q, position);
                /*
                 * All of it belongs together only if neither the producer nor its recovery has changed it since. (Nor the
                 * next producer, which may send the same number again, but at another position, and writes that first.)
                 */
#if SHM_FAULT != FAULT_SEQUENCE_ONE_LOOK
                if (atomic_load(&p->intent) != intent || atomic_load(&p->position) != position ||
                    atomic_load(&p->accepted) != accepted)
                        continue;
#endif
                if (!writing)
                        accepted = intent;
                break;
        }
        *ret = accepted;
        return 0;
}

void queue_producer_settle(struct queue *q, struct producer *p, uint64_t owner) {
        uint64_t intent = atomic_load_explicit(&p->intent, memory_order_acquire);
        uint64_t position = atomic_load_explicit(&p->position, memory_order_relaxed);

        if (intent > atomic_load_explicit(&p->accepted, memory_order_relaxed) && !is_being_written(q, position))
                atomic_store_explicit(&p->accepted, intent, memory_order_release);
        atomic_store_explicit(&p->intent, 0, memory_order_release);
        atomic_compare_exchange_strong(&p->owner, &owner, 0);
}
