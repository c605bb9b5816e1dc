/* SPDX-License-Identifier: MIT */

/*
 * The queue
 *
 * Linearisation points: reserve, receive, acknowledge, reject, pass over: their compare-and-swap; commit and
 * cancel: their store. "Full" and "empty" linearise at the load of the word that says so.
 *
 * Memory orders. What a sender wrote is published by the release of commit; its partner is the acquire of
 * the compare-and-swap in receive. What a receiver read was read before the release of acknowledge; its
 * partner is the acquire of the compare-and-swap in reserve. A message that comes back is published by
 * the release of reject or recovery, partner as for commit. The epoch is bumped after the word that it tells of (release),
 * and read before words are looked at (acquire).
 *
 * Everything read from shared memory is read once, and bounded before use: every loop ends after a number of
 * steps that damage cannot raise.
 */

#include "shm/queue.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "shm/fault.h"

#define MIN_SIZE(a, b) ((a) < (b) ? (a) : (b))

/** A receiver publishes the head hint every so many positions. */
#ifndef QUEUE_HINT_INTERVAL
#define QUEUE_HINT_INTERVAL 16
#endif

/** More steps than this for each slot, in one operation, only damaged memory can cause. */
#define STEPS_PER_SLOT 64

static size_t align_up(size_t n, size_t to) {
        return (n + to - 1) / to * to;
}

static size_t slot_stride(const struct geometry *g) {
        return align_up(sizeof(struct slot) + g->message_max, CACHE_LINE);
}

static size_t slots_offset(void) {
        return align_up(align_up(sizeof(struct region_header), CACHE_LINE) + sizeof(struct queue_control), REGION_PAGE);
}

static size_t notes_offset(const struct geometry *g) {
        return slots_offset() + slot_stride(g) * g->slots;
}

size_t queue_memory_size(const struct geometry *g) {
        return align_up(notes_offset(g) + sizeof(struct note) * g->slots, REGION_PAGE);
}

void queue_open(struct queue *q, const struct region *region, uint32_t participant, uint32_t generation, int event_fd) {
        const struct geometry *g = &region->geometry;
        unsigned char *base = region->base;

        *q = (struct queue){
                .slots = base + slots_offset(),
                .control = (void *)(base + align_up(sizeof(struct region_header), CACHE_LINE)),
                .notes = (void *)(base + notes_offset(g)),
                .n = g->slots,
                .mask = g->slots - 1,
                .log2 = (uint32_t)__builtin_ctz(g->slots),
                .stride = (uint32_t)slot_stride(g),
                .owner = owner_make(participant, generation),
                .message_max = g->message_max,
                .max_deliveries = g->max_deliveries,
                .epoch = UINT64_MAX,
        };
        q->messages = (struct waiting){ .count = &q->control->messages, .event_fd = event_fd, .fences = g->fences };
        q->space = (struct waiting){ .count = &q->control->space, .event_fd = -1, .fences = g->fences };
        wait_spin_init(&q->spin);
}

static inline uint64_t lap_of(const struct queue *q, uint64_t position) {
        return position >> q->log2;
}

static inline uint64_t position_make(const struct queue *q, uint64_t lap, uint64_t slot) {
        return lap << q->log2 | (slot & q->mask);
}

static inline void lease_fill(const struct queue *q, struct lease *l, uint64_t position, struct slot *s, uint32_t deliveries) {
        l->slot = (uint32_t)(position & q->mask);
        l->deliveries = deliveries;
        l->data = s->data;
}

/* ---- senders ----------------------------------------------------------------------------------- */

/** Claim the free slot that stands at a position. */
static inline bool claim(struct queue *q, struct slot *s, uint64_t w, uint64_t position) {
        uint64_t lap = lap_of(q, position);

#if SHM_FAULT == FAULT_CLAIM_THEN_OWN
        if (!atomic_compare_exchange_strong(&s->word, &w, word_make(lap, 0, 0, SLOT_WRITING)))
                return false;
        atomic_store(&s->word, word_make(lap, q->owner, 0, SLOT_WRITING));
#else
        /* Linearises reserve. Acquire: partner is the release of acknowledge. */
        if (!atomic_compare_exchange_strong_explicit(&s->word, &w, word_make(lap, q->owner, 0, SLOT_WRITING),
                                                     memory_order_acquire, memory_order_relaxed))
                return false;
#endif
        /* A hint: whatever is lost by racing here is found again by hopping. */
        if (atomic_load_explicit(&q->control->tail, memory_order_relaxed) <= position)
                atomic_store_explicit(&q->control->tail, position + 1, memory_order_relaxed);
        return true;
}

/** May a sender that comes round to a slot of an older lap go past it? */
static inline bool may_pass(uint64_t w) {
        switch (word_state(w)) {
        case SLOT_LEASED:
                return SHM_FAULT != FAULT_NO_PASSING;
        case SLOT_RETURNED:
                return SHM_FAULT != FAULT_FULL_AT_RETURNED;
        case SLOT_DEAD:
                return true;
        default:
                return false;
        }
}

int queue_reserve(struct queue *q, struct lease *ret) {
        uint64_t t = atomic_load_explicit(&q->control->tail, memory_order_relaxed);
        uint64_t passed = 0;

        for (uint64_t steps = 0; steps < q->n * STEPS_PER_SLOT; steps++) {
                struct slot *s = queue_slot(q, t);
                uint64_t w = atomic_load_explicit(&s->word, memory_order_acquire);
                int64_t ahead = word_ahead(w, lap_of(q, t));

                if (ahead == 0 && word_state(w) == SLOT_FREE) {
                        if (!claim(q, s, w, t))
                                continue;
                        s->lap = (uint32_t)lap_of(q, t);
                        lease_fill(q, ret, t, s, 0);
                        ret->size = 0;
                        ret->id = queue_message_id(q, ret->slot, s->lap);
                        return 0;
                }
                if (ahead < 0) {
                        /* The ring came round. A message that waits for its first delivery keeps its place. */
                        if (!may_pass(w) || passed >= q->n)
                                return -EAGAIN;
                        if (atomic_compare_exchange_strong_explicit(&s->word, &w, word_in_lap(w, lap_of(q, t)),
                                                                    memory_order_relaxed, memory_order_relaxed)) {
                                passed++;
                                t++;
                        }
                        continue;
                }
                /* Taken. Where the hint was a lap or more behind, go at once to where the slot was claimed last. */
                if (ahead > 0)
                        t = position_make(q, lap_of(q, t) + (uint64_t)ahead - (word_state(w) == SLOT_FREE), t);
                t++;
        }
        return -EBADMSG;
}

void queue_commit_prepare(struct queue *q, const struct lease *lease, uint32_t size) {
        queue_slot(q, lease->slot)->size = size;
}

/** A slot that we hold for writing, to another state. Nobody else changes it, so a store will do. */
static inline void finish_writing(struct queue *q, uint32_t slot, uint64_t laps, enum slot_state state) {
        struct slot *s = queue_slot(q, slot);
        uint64_t w = atomic_load_explicit(&s->word, memory_order_relaxed);

        /* Linearises commit and cancel. Release: partner is the acquire of receive, and of reserve. */
        atomic_store_explicit(&s->word, word_make(word_lap(w) + laps, 0, 0, state), memory_order_release);
}

void queue_commit(struct queue *q, const struct lease *lease, uint32_t size) {
#if SHM_FAULT == FAULT_SIZE_AFTER_COMMIT
        finish_writing(q, lease->slot, 0, SLOT_READY);
        queue_commit_prepare(q, lease, size);
#else
        queue_commit_prepare(q, lease, size);
        finish_writing(q, lease->slot, 0, SLOT_READY);
#endif
        wait_wake(&q->messages);
}

void queue_cancel(struct queue *q, const struct lease *lease) {
        finish_writing(q, lease->slot, 1, SLOT_FREE);
        wait_wake(&q->space);
}

/* ---- receivers --------------------------------------------------------------------------------- */

/** No message that can be ready stands below this: less than a lap below the tail. */
static inline uint64_t oldest_position(const struct queue *q) {
        uint64_t tail = atomic_load_explicit(&q->control->tail, memory_order_relaxed);

        return tail > q->n ? tail - q->n : 0;
}

/** Where the receiver must look again, since the epoch moved. */
static uint64_t rewind_cursor(struct queue *q, uint64_t epoch) {
        uint64_t slot = epoch & ((1u << EPOCH_SLOT_BITS) - 1);
        uint64_t w, position;

        if (epoch >> EPOCH_SLOT_BITS == (q->epoch >> EPOCH_SLOT_BITS) + 1 && slot < q->n) {
                /* One slot came back since: to where it stands. */
                w = atomic_load_explicit(&queue_slot(q, slot)->word, memory_order_acquire);
                position = position_make(q, lap_of(q, q->cursor) + (uint64_t)word_ahead(w, lap_of(q, q->cursor)), slot);
                return MIN_SIZE(position, q->cursor);
        }
        return oldest_position(q);
}

/** The head hint, as a position: 0 if it is not of this epoch. */
static inline uint64_t head_position(const struct queue *q, uint64_t hint, uint64_t epoch) {
        uint64_t tail;

        if (hint >> HEAD_POSITION_BITS != (uint16_t)(epoch >> EPOCH_SLOT_BITS))
                return 0;
        /* The position nearest to the tail (which may be the older of the two) that has these low bits. */
        tail = atomic_load_explicit(&q->control->tail, memory_order_relaxed);
        return tail + (uint64_t)((int64_t)((hint - tail) << (64 - HEAD_POSITION_BITS)) >> (64 - HEAD_POSITION_BITS));
}

/** Move the hint on. By compare-and-swap, so that a late receiver cannot undo what a recovery did. */
static inline void publish_head(struct queue *q, uint64_t hint, uint64_t epoch) {
#if SHM_FAULT == FAULT_STALE_HINT
        epoch = atomic_load(&q->control->epoch);
        atomic_store(&q->control->head, (epoch >> EPOCH_SLOT_BITS) << HEAD_POSITION_BITS | (q->cursor & HEAD_POSITION_MASK));
#else
        atomic_compare_exchange_strong_explicit(&q->control->head, &hint,
                                                (epoch >> EPOCH_SLOT_BITS) << HEAD_POSITION_BITS |
                                                        (q->cursor & HEAD_POSITION_MASK),
                                                memory_order_relaxed, memory_order_relaxed);
#endif
}

/**
 * A sender may have been stopped by the slot that we just leased, and can pass it now. That is worth a
 * wake-up only if the next slot does not stop it too: then whoever takes that one wakes.
 */
static void wake_sender_after_lease(struct queue *q, uint64_t position) {
        enum slot_state next = word_state(atomic_load_explicit(&queue_slot(q, position + 1)->word, memory_order_relaxed));

        if (SHM_FAULT != FAULT_NO_LEASE_WAKE && next != SLOT_READY && next != SLOT_WRITING)
                wait_wake(&q->space);
}

/** Lease the message that stands at a position. */
static inline bool lease(struct queue *q, struct slot *s, uint64_t w, uint64_t position, struct lease *ret) {
        uint32_t deliveries = word_deliveries(w) + (word_deliveries(w) < DELIVERIES_MAX);
        uint32_t size;

        /* Linearises receive. Acquire: partner is the release of commit, reject, recovery. */
        if (!atomic_compare_exchange_strong_explicit(&s->word, &w,
                                                     word_make(lap_of(q, position), q->owner, deliveries, SLOT_LEASED),
                                                     memory_order_acquire, memory_order_relaxed))
                return false;
        size = *(volatile uint32_t *)&s->size;
        lease_fill(q, ret, position, s, deliveries);
        ret->size = MIN_SIZE(size, q->message_max);
        ret->id = queue_message_id(q, ret->slot, *(volatile uint32_t *)&s->lap);
        return true;
}

/** The next position to look at, past a slot that has moved on by so many laps. */
static inline uint64_t skip(const struct queue *q, uint64_t position, int64_t ahead) {
        if (ahead > 1)
                position = position_make(q, lap_of(q, position) + (uint64_t)ahead - 2, position);
        return position + 1;
}

/** Look from the cursor on. `hint` is the head hint as it was read, `epoch` the epoch before that. */
static int scan(struct queue *q, struct lease *ret, uint64_t hint, uint64_t epoch, uint64_t published) {
        bool contiguous = true; /* nothing below p can become ready without a step of the epoch */
        uint64_t p = q->cursor;

        for (uint64_t steps = 0; steps < q->n * STEPS_PER_SLOT; steps++) {
                struct slot *s = queue_slot(q, p);
                uint64_t w = atomic_load_explicit(&s->word, memory_order_acquire);
                int64_t ahead = word_ahead(w, lap_of(q, p));
                enum slot_state state = word_state(w);

                if (ahead < 0 || (ahead == 0 && state == SLOT_FREE))
                        return -EAGAIN;
                if (ahead == 0 && (state == SLOT_READY || state == SLOT_RETURNED)) {
                        if (!lease(q, s, w, p, ret))
                                continue;
                        if (contiguous) {
                                q->cursor = p + 1;
                                if (q->cursor - published >= QUEUE_HINT_INTERVAL)
                                        publish_head(q, hint, epoch);
                        }
                        if (wait_is_wanted(&q->space))
                                wake_sender_after_lease(q, p);
                        return 0;
                }
                /* Never wait for a sender that is half done, but come back to it. */
                if (ahead == 0 && state == SLOT_WRITING)
                        contiguous = false;
                p = skip(q, p, ahead);
                if (contiguous)
                        q->cursor = p;
        }
        return -EBADMSG;
}

int queue_receive(struct queue *q, struct lease *ret) {
        uint64_t epoch = atomic_load_explicit(&q->control->epoch, memory_order_acquire);
        uint64_t hint = atomic_load_explicit(&q->control->head, memory_order_relaxed);
        uint64_t head;

        if (epoch != q->epoch) {
                q->cursor = rewind_cursor(q, epoch);
                q->epoch = epoch;
        }
        head = head_position(q, hint, epoch);
        if (head > q->cursor)
                q->cursor = head;
        return scan(q, ret, hint, epoch, head);
}

bool queue_settle_commit(struct queue *q, uint32_t slot, uint32_t owner) {
        struct slot *s = queue_slot(q, slot);
        uint64_t w = atomic_load_explicit(&s->word, memory_order_acquire);

        if (word_state(w) != SLOT_WRITING || word_owner(w) != owner)
                return false;
        return atomic_compare_exchange_strong_explicit(&s->word, &w, word_make(word_lap(w), 0, 0, SLOT_READY),
                                                       memory_order_release, memory_order_relaxed);
}

bool queue_settle_acknowledge(struct queue *q, uint32_t slot, uint32_t owner) {
        struct slot *s = queue_slot(q, slot);
        uint64_t w = atomic_load_explicit(&s->word, memory_order_relaxed);

#if SHM_FAULT == FAULT_ACKNOWLEDGE_STORES
        if (word_state(w) != SLOT_LEASED || word_owner(w) != owner)
                return false;
        atomic_store_explicit(&s->word, word_make(word_lap(w) + 1, 0, 0, SLOT_FREE), memory_order_release);
        return true;
#endif
        /* Linearises acknowledge. It fails only when a sender passed over: then the slot stands a lap further. */
        for (uint32_t tries = 0; tries < STEPS_PER_SLOT * STEPS_PER_SLOT; tries++) {
                if (word_state(w) != SLOT_LEASED || word_owner(w) != owner)
                        return false;
                if (atomic_compare_exchange_strong_explicit(&s->word, &w, word_make(word_lap(w) + 1, 0, 0, SLOT_FREE),
                                                            memory_order_release, memory_order_relaxed))
                        return true;
        }
        return false;
}

int queue_acknowledge(struct queue *q, uint32_t slot) {
#if SHM_FAULT == FAULT_CLEAR_ON_ACKNOWLEDGE
        memset(queue_slot(q, slot)->data, 0, 16);
#endif
        if (!queue_settle_acknowledge(q, slot, q->owner))
                return -EINVAL;
        wait_wake(&q->space);
        return 0;
}

/* ---- coming back ------------------------------------------------------------------------------- */

void queue_note(struct queue *q, uint32_t slot, enum note_cause cause, const char *text) {
        struct note *note = &q->notes[slot];
        size_t length = text ? strnlen(text, NOTE_TEXT_MAX) : 0;
        struct timespec ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        note->id = queue_message_id(q, slot, queue_slot(q, slot)->lap);
        note->realtime_usec = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
        note->cause = (uint8_t)cause;
        note->length = (uint8_t)length;
        if (length > 0)
                memcpy(note->text, text, length);
}

void queue_bump_epoch(struct queue *q, uint64_t slot) {
        struct queue_control *c = q->control;
        uint64_t e = atomic_load_explicit(&c->epoch, memory_order_relaxed), next;
        /* Two steps at once: receivers see that they missed one, and look at everything. */
        uint64_t steps = slot < q->n ? 1 : 2;

#if SHM_FAULT == FAULT_NO_EPOCH
        return;
#endif
        do
                next = ((e >> EPOCH_SLOT_BITS) + steps) << EPOCH_SLOT_BITS | (slot & ((1u << EPOCH_SLOT_BITS) - 1));
        while (!atomic_compare_exchange_weak_explicit(&c->epoch, &e, next, memory_order_acq_rel, memory_order_relaxed));
        /* No hint outlives the epoch it was made in, not even until the tag comes round again. */
        atomic_store_explicit(&c->head,
                              (next >> EPOCH_SLOT_BITS) << HEAD_POSITION_BITS |
                                      (oldest_position(q) & HEAD_POSITION_MASK),
                              memory_order_relaxed);
}

int queue_reject(struct queue *q, uint32_t slot, const char *reason) {
        struct slot *s = queue_slot(q, slot);
        uint64_t w = atomic_load_explicit(&s->word, memory_order_relaxed);
        bool dead;

        if (word_state(w) != SLOT_LEASED || word_owner(w) != q->owner)
                return -EINVAL;
        dead = word_deliveries(w) >= q->max_deliveries;
        queue_note(q, slot, NOTE_REJECTED, reason);
        for (;;) {
                /* Linearises reject. Release: what the receiver did to the message, and the note. */
                if (atomic_compare_exchange_strong_explicit(
                            &s->word, &w,
                            word_make(word_lap(w), 0, word_deliveries(w), dead ? SLOT_DEAD : SLOT_RETURNED),
                            memory_order_release, memory_order_relaxed))
                        break;
                if (word_state(w) != SLOT_LEASED || word_owner(w) != q->owner)
                        return -EINVAL;
        }
        if (dead)
                return 1;
        queue_bump_epoch(q, slot);
        wait_wake(&q->messages);
        return 0;
}
