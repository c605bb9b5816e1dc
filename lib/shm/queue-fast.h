/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_QUEUE_FAST_H
#define GANGER_SHM_QUEUE_FAST_H

/*
 * The usual way through the queue, inline
 *
 * For queue.c and the hot path of libganger (worker/transfer.c), which would else pass each message through
 * a `struct lease` in memory. Everything here either does the whole operation, where nothing is in its way,
 * or nothing at all: then the function of queue.h does it. There is one protocol, and it is told in
 * queue.c.
 */

#include "shm/fault.h"
#include "shm/queue.h"

#define queue_likely(x) __builtin_expect(!!(x), 1)

/** A receiver publishes the head hint every so many positions. */
#ifndef QUEUE_HINT_INTERVAL
#define QUEUE_HINT_INTERVAL 16
#endif

/** `passed` is brought up to date when it lags so many laps behind, long before 32 bits wrap. */
#ifndef QUEUE_REFRESH_LAPS
#define QUEUE_REFRESH_LAPS (1 << 24)
#endif

/** Messages that a receiver found at its cursor, one after another: it is as fast as the senders, and just behind them. */
#define QUEUE_STREAMS 2

#define WORD_LAP_MASK (~UINT64_C(0) << WORD_LAP_SHIFT)
#define WORD_LAP_STEP (UINT64_C(1) << WORD_LAP_SHIFT)
#define WORD_DELIVERY (UINT64_C(1) << WORD_STATE_BITS)

/* The seldom taken ways out of here; all of them in queue.c. */
bool queue_claim_stands_slow(struct slot *s, uint64_t lap, int32_t beyond);
void queue_give_up(struct queue *q, struct slot *s, uint64_t free);
void queue_publish_head(struct queue *q);
bool queue_let_ahead(struct queue *q, struct slot *s, uint64_t ready);
uint32_t queue_payload_long(const struct queue *q, struct slot *s, uint32_t size, void **ret);
uint32_t queue_room_in_heap(const struct queue *q, const struct slot *s);
uint32_t queue_fit_heap(struct queue *q, struct slot *s, uint64_t id, uint32_t size);
int queue_reserve_long(struct queue *q, uint32_t size, struct lease *ret);
void queue_wake_sender_after_lease(struct queue *q, uint64_t w, uint64_t position);

/** The lap of a position, in its place in a word: the word of a slot that is free there. */
static inline uint64_t queue_lap_bits(const struct queue *q, uint64_t position) {
        return position << q->lap_shift & WORD_LAP_MASK;
}

/**
 * By how many laps senders have passed over a slot, beyond the one before `lap`: more than 0: in `lap` too.
 * Sequentially consistent: after a claim it must not be read before the claim is made (Dekker with pass_over()).
 */
static inline int32_t queue_passed_beyond(struct slot *s, uint64_t lap) {
        return (int32_t)(atomic_load_explicit(&s->passed, memory_order_seq_cst) - (uint32_t)lap);
}

/** Give up what this participant holds. Nobody else changes the word meanwhile, so a store will do. */
static inline void queue_settle(struct slot *s, uint64_t w) {
        /* Linearises commit, cancel, acknowledge, reject. Release: partners are the acquires of reserve and receive. */
        atomic_store_explicit(&s->word, w, memory_order_release);
}

/* ---- senders ----------------------------------------------------------------------------------- */

/** Claim the free slot that stands at a position. @param w  its word, which says that it is free. */
static inline bool queue_claim(struct queue *q, struct slot *s, uint64_t w, uint64_t position) {
        uint64_t bits = queue_lap_bits(q, position), writing = bits | q->mine | SLOT_WRITING;
        uint64_t lap = bits >> WORD_LAP_SHIFT;
        int32_t beyond;

#if SHM_FAULT == FAULT_CLAIM_THEN_OWN
        if (!atomic_compare_exchange_strong(&s->word, &w, bits | SLOT_WRITING))
                return false;
        atomic_store(&s->word, writing);
#else
        /* Linearises reserve. Acquire: partner is the release of acknowledge. Full: Dekker with pass_over(). */
        if (!atomic_compare_exchange_strong_explicit(&s->word, &w, writing, memory_order_seq_cst, memory_order_relaxed))
                return false;
#endif
        beyond = queue_passed_beyond(s, lap);
        if (!queue_likely(beyond <= 0 && beyond > -QUEUE_REFRESH_LAPS) && !queue_claim_stands_slow(s, lap, beyond)) {
                queue_give_up(q, s, bits + WORD_LAP_STEP);
                return false;
        }
        /* A hint: whatever is lost by racing here is found again by hopping. */
        if (queue_likely(atomic_load_explicit(&q->control->tail, memory_order_relaxed) <= position))
                atomic_store_explicit(&q->control->tail, position + 1, memory_order_relaxed);
        return true;
}

/** Have dead letters come or gone, so that a sender must look whether there are too many? On the line of the tail. */
static inline bool queue_must_count(const struct queue *q) {
        return atomic_load_explicit(&q->control->quota, memory_order_relaxed) & QUOTA_COUNT;
}

/** Claim the slot at the tail. @return NULL: it cannot be had just so, use queue_reserve(). */
static inline struct slot *queue_reserve_fast(struct queue *q, uint64_t *ret_position) {
        uint64_t t = atomic_load_explicit(&q->control->tail, memory_order_relaxed);
        struct slot *s = queue_slot(q, t);
        uint64_t free = queue_lap_bits(q, t);

        if (!queue_likely(!queue_must_count(q)) ||
            !queue_likely(atomic_load_explicit(&s->word, memory_order_relaxed) == free) ||
            !queue_likely(queue_claim(q, s, free, t)))
                return NULL;
        *ret_position = t;
        return s;
}

/** How long a message may be that this participant is writing. */
static inline uint32_t queue_room(const struct queue *q, const struct slot *s) {
        return queue_likely(q->heap.n == 0) ? q->message_max : queue_room_in_heap(q, s);
}

/**
 * What the slot of a message is to say of its size, which is at most queue_room(): with a heap, also whether it lies there.
 * What the message does not need of the heap is given back. Once, and before it is published.
 * @param id  of the message.
 */
static inline uint32_t queue_fit(struct queue *q, struct slot *s, uint64_t id, uint32_t size) {
        return queue_likely(q->heap.n == 0) ? size : queue_fit_heap(q, s, id, size);
}

/**
 * Publish a slot that this participant is writing, and wake nobody yet.
 * @param w     any word of its lap.
 * @param size  from queue_fit(), or that of a message which lies in the slot.
 */
static inline void queue_publish(struct slot *s, uint64_t w, uint32_t size) {
#if SHM_FAULT == FAULT_SIZE_AFTER_COMMIT
        queue_settle(s, (w & WORD_LAP_MASK) | SLOT_READY);
        s->size = size;
#else
        s->size = size;
        queue_settle(s, (w & WORD_LAP_MASK) | SLOT_READY);
#endif
}

/** So many messages were published: each may be for another receiver. */
static inline void queue_published(struct queue *q, uint32_t n) {
        wait_wake_many(&q->messages, SHM_FAULT == FAULT_BATCH_WAKES_ONE ? 1 : n);
}

/** Both. */
static inline void queue_commit_fast(struct queue *q, struct slot *s, uint64_t w, uint32_t size) {
        queue_publish(s, w, size);
        queue_published(q, 1);
}

/* ---- receivers --------------------------------------------------------------------------------- */

/** A message was taken at a position below which nothing is ready. */
static inline void queue_advance(struct queue *q, uint64_t position) {
        q->cursor = position + 1;
        if (!queue_likely(q->cursor % QUEUE_HINT_INTERVAL != 0))
                queue_publish_head(q);
}

/** Lease the message at the cursor, its first delivery. @return NULL: it cannot be had just so, use queue_receive(). */
static inline struct slot *queue_receive_fast(struct queue *q, uint64_t *ret_position) {
        uint64_t p = q->cursor, ready = queue_lap_bits(q, p) | SLOT_READY;
        struct slot *s = queue_slot(q, p);

        if (!queue_likely(atomic_load_explicit(&q->control->epoch, memory_order_acquire) == q->epoch))
                return NULL;
        if (!queue_likely(atomic_load_explicit(&s->word, memory_order_relaxed) == ready) && !queue_let_ahead(q, s, ready))
                return NULL;
        if (!queue_likely(q->finds == QUEUE_STREAMS))
                q->finds++;
        /* Linearises receive. Acquire: partner is the release of commit. */
        if (!queue_likely(atomic_compare_exchange_strong_explicit(
                    &s->word, &ready, (ready & WORD_LAP_MASK) | q->mine | WORD_DELIVERY | SLOT_LEASED,
                    memory_order_acquire, memory_order_relaxed)))
                return NULL;
        queue_advance(q, p);
        if (!queue_likely(!wait_is_wanted(&q->space)))
                queue_wake_sender_after_lease(q, ready, p);
        *ret_position = p;
        return s;
}

/** The size of a message that was leased: read once, and bounded. @param ret  where it lies. */
static inline uint32_t queue_payload(const struct queue *q, struct slot *s, void **ret) {
        uint32_t size = *(const volatile uint32_t *)&s->size;

        if (!queue_likely(size <= q->slot_size))
                return queue_payload_long(q, s, size, ret);
        *ret = s->data;
        return size;
}

/** The id of the message that was sent at a position. */
static inline uint64_t queue_id_at(const struct queue *q, uint64_t position) {
        return position & q->id_mask;
}

/** Free a slot that this participant has leased, and wake nobody yet. @param w  its word. */
static inline void queue_free(struct slot *s, uint64_t w) {
#if SHM_FAULT == FAULT_CLEAR_ON_ACKNOWLEDGE
        for (int i = 0; i < 16; i++)
                s->data[i] = 0;
#endif
        queue_settle(s, (w & WORD_LAP_MASK) + WORD_LAP_STEP);
}

/** Slots were freed, however many: a sender that gets one wakes the next. With a heap, all look what is there for them. */
static inline void queue_freed(struct queue *q) {
        wait_wake_many(&q->space, q->space_wakes);
}

/** Both. */
static inline void queue_acknowledge_fast(struct queue *q, struct slot *s, uint64_t w) {
        queue_free(s, w);
        queue_freed(q);
}

/**
 * Does this participant hold the message of that id in its slot, in that state?
 * @param w  the word of the slot; what it says of deliveries does not matter.
 */
static inline bool queue_holds(const struct queue *q, uint64_t id, uint64_t w, enum slot_state state) {
        uint64_t held = queue_lap_bits(q, id) | q->mine | (uint64_t)state;

        return (w & ~((uint64_t)DELIVERIES_MAX << WORD_STATE_BITS)) == held;
}

#endif
