/* SPDX-License-Identifier: MIT */

/*
 * Dead letters: how many are kept, and what happens past that
 *
 * How many there are is never stored, only counted in the words: so nobody can be killed between a word and a number.
 *
 * Refuse. Whatever changes how many there are moves `quota` and sets its bit, after the word. A sender that sees the bit
 * counts; if there is room, it takes the bit back, by a compare-and-swap that fails if anything changed since before it
 * counted. While nothing changes, it need not count again. Refusal linearises at the load of `quota` that is the one it
 * knows.
 *
 * Drop the oldest. Whoever adds a dead letter counts, and drops what is too much. All who count so agree on which are the
 * newest `dead_max`, or are followed by somebody who has seen more; so these are never dropped, and all others are.
 * Each drop linearises at its compare-and-swap. The barrier between the own letter and the look at all others is
 * Dekker's, among those who count: of two, one sees both.
 *
 * A death between the word and what must follow it is made good by recovery, which does the same once more.
 */

#include "shm/fault.h"
#include "shm/queue-fast.h"

/** How long ago a message was sent, as an order; the tail may be a little older than the message. */
static uint64_t age_of(const struct queue *q, uint64_t tail, uint32_t slot, uint64_t w) {
        uint64_t half = (q->id_mask >> 1) + 1;

        return (tail - queue_message_id(q, slot, w) + half) & q->id_mask;
}

struct census {
        uint64_t dead;                  /* of an age that was asked for */
        uint64_t oldest, newest;        /* ages; none: 0 and UINT64_MAX */
};

/** Count the dead letters that are not older than `age`. */
static struct census count(const struct queue *q, uint64_t tail, uint64_t age) {
        struct census c = { .newest = UINT64_MAX };

        for (uint32_t i = 0; i < q->n; i++) {
                uint64_t w = atomic_load_explicit(&queue_slot(q, i)->word, memory_order_acquire), a;

                if (word_state(w) != SLOT_DEAD)
                        continue;
                a = age_of(q, tail, i, w);
                if (a > age)
                        continue;
                c.dead++;
                c.oldest = a > c.oldest ? a : c.oldest;
                c.newest = a < c.newest ? a : c.newest;
        }
        return c;
}

/* ---- refuse ------------------------------------------------------------------------------------ */

/** Let every sender count. Release: whoever sees it sees the words. */
static void quota_move(struct queue *q) {
        uint64_t v = atomic_load_explicit(&q->control->quota, memory_order_relaxed);

        while (!atomic_compare_exchange_weak_explicit(&q->control->quota, &v, (v + QUOTA_STEP) | QUOTA_COUNT,
                                                      memory_order_acq_rel, memory_order_relaxed))
                ;
}

bool queue_is_refused(struct queue *q) {
        uint64_t v = atomic_load_explicit(&q->control->quota, memory_order_acquire);

        if (q->dead_max == 0 || q->dead_policy != QUEUE_DEAD_REFUSE || !(v & QUOTA_COUNT))
                return false;
        if (v == q->refused)
                return true;
        if (count(q, 0, UINT64_MAX).dead >= q->dead_max) {
                q->refused = v;
                return true;
        }
#if SHM_FAULT == FAULT_COUNT_ONCE
        atomic_fetch_and(&q->control->quota, ~QUOTA_COUNT);
#else
        atomic_compare_exchange_strong_explicit(&q->control->quota, &v, v & ~QUOTA_COUNT, memory_order_acq_rel,
                                                memory_order_relaxed);
#endif
        return false;
}

/* ---- drop the oldest --------------------------------------------------------------------------- */

/** The age up to which `dead_max` letters are kept. Bounded by the bits of an age, whatever is in the words. */
static uint64_t age_kept(const struct queue *q, uint64_t tail, const struct census *all) {
        uint64_t low = all->newest, high = all->oldest;

        /* The usual case: one too many. */
        if (all->dead == (uint64_t)q->dead_max + 1)
                return all->oldest - 1;
        while (low < high) {
                uint64_t middle = low + (high - low) / 2;

                if (count(q, tail, middle).dead >= q->dead_max)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

/** Free the slot of a dead letter. Acquire and release: partners are those of acknowledge. */
static bool bury(struct queue *q, uint32_t slot, uint64_t w) {
        uint64_t next = word_make(word_lap(w) + 1, 0, 0, SLOT_FREE);

#if SHM_FAULT == FAULT_DROP_UNSEEN
        atomic_store(&queue_slot(q, slot)->word, next);
        return true;
#endif
        return atomic_compare_exchange_strong_explicit(&queue_slot(q, slot)->word, &w, next, memory_order_acq_rel,
                                                       memory_order_relaxed);
}

static void drop_oldest(struct queue *q) {
        uint64_t tail, kept;
        struct census all;

#if SHM_FAULT != FAULT_COUNT_EARLY
        atomic_thread_fence(memory_order_seq_cst);
#endif
        tail = atomic_load_explicit(&q->control->tail, memory_order_relaxed);
        all = count(q, tail, UINT64_MAX);
        if (all.dead <= q->dead_max)
                return;
        kept = age_kept(q, tail, &all);
        for (uint32_t i = 0; i < q->n; i++) {
                uint64_t w = atomic_load_explicit(&queue_slot(q, i)->word, memory_order_relaxed);
                uint64_t age = age_of(q, tail, i, w);

                if (word_state(w) == SLOT_DEAD && age > kept && age <= all.oldest && bury(q, i, w))
                        atomic_fetch_add_explicit(&q->control->dropped, 1, memory_order_relaxed);
        }
        queue_freed(q);
}

/* ---- what others call -------------------------------------------------------------------------- */

void queue_dead_limit(struct queue *q) {
        if (q->dead_max == 0)
                return;
        if (q->dead_policy == QUEUE_DEAD_REFUSE)
                quota_move(q);
        else
                drop_oldest(q);
}

bool queue_dead_retry(struct queue *q, uint32_t slot, uint64_t w) {
        /* Release: partner is the acquire of the next receive. */
        if (!atomic_compare_exchange_strong_explicit(&queue_slot(q, slot)->word, &w,
                                                     word_make(word_lap(w), 0, 0, SLOT_RETURNED), memory_order_acq_rel,
                                                     memory_order_relaxed))
                return false;
        queue_bump_epoch(q, slot);
        return true;
}

bool queue_dead_drop(struct queue *q, uint32_t slot, uint64_t w) {
        return bury(q, slot, w);
}

void queue_dead_settled(struct queue *q) {
#if SHM_FAULT != FAULT_NO_RECOUNT
        if (q->dead_max > 0 && q->dead_policy == QUEUE_DEAD_REFUSE)
                quota_move(q);
#endif
        wait_wake_all(&q->messages);
        wait_wake_all(&q->space);
}
