/* SPDX-License-Identifier: MIT */

/*
 * The queue
 *
 * Linearisation points: reserve and receive: their compare-and-swap; commit, cancel, acknowledge, reject: their
 * store. "Full" and "empty" linearise at the load of the word that says so.
 *
 * Memory orders. What a sender wrote is published by the release of commit; its partner is the acquire of
 * the compare-and-swap in receive. What a receiver read was read before the release of acknowledge; its
 * partner is the acquire of the compare-and-swap in reserve. A message that comes back is published by
 * the release of reject or recovery, partner as for commit. The epoch is bumped after the word that it tells of
 * (release), and read before words are looked at (acquire). `word` and `passed` of a slot are a Dekker pair: see
 * queue_claim(), pass_over() and was_passed().
 *
 * Everything read from shared memory is read once, and bounded before use: every loop ends after a number of
 * steps that damage cannot raise.
 */

#include "shm/queue.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "shm/fault.h"
#include "shm/queue-fast.h"

#define likely(x) __builtin_expect(!!(x), 1)
/** Keeps the seldom taken way out of the registers of the usual one. */
#define SLOW __attribute__((__noinline__, __cold__))

/** How long a receiver leaves senders alone, in pauses: from 200 ns to 7 µs. */
#define LET_AHEAD_MIN 16
#define LET_AHEAD_MAX 512
/** So many messages are to be there then. */
#define LET_AHEAD_MESSAGES 128
/** But no more than this part of a ring, which would be full meanwhile. */
#define LET_AHEAD_PART 8
/**
 * More steps than these in one operation only damaged memory can cause: so many for each slot, and for the races that many
 * participants may lose in a row on a small ring.
 */
#define STEPS_PER_SLOT 64
#ifndef QUEUE_STEPS_LOST
#define QUEUE_STEPS_LOST (1 << 16)
#endif
/** Fewer, to test what happens when there are more. */
#ifndef QUEUE_HOLES_KEPT
#define QUEUE_HOLES_KEPT QUEUE_HOLES
#endif

static size_t align_up(size_t n, size_t to) {
        return (n + to - 1) / to * to;
}

uint32_t queue_slot_size(const struct geometry *g) {
        return g->slot_size ? g->slot_size : g->message_max;
}

/** Whole lines: so there is always room for the number of a block of the heap. */
static size_t slot_stride(const struct geometry *g) {
        return align_up(sizeof(struct slot) + queue_slot_size(g), CACHE_LINE);
}

static size_t control_offset(void) {
        return align_up(sizeof(struct region_header), CACHE_LINE);
}

static size_t slots_offset(void) {
        return align_up(control_offset() + sizeof(struct queue_control), REGION_PAGE);
}

static size_t notes_offset(const struct geometry *g) {
        return slots_offset() + slot_stride(g) * g->slots;
}

static size_t due_offset(const struct geometry *g) {
        return notes_offset(g) + sizeof(struct note) * g->slots;
}

static size_t producers_offset(const struct geometry *g) {
        return align_up(due_offset(g) + sizeof(uint64_t) * g->slots, CACHE_LINE);
}

static size_t heap_offset(const struct geometry *g) {
        return producers_offset(g) + sizeof(struct producer) * QUEUE_PRODUCERS;
}

static uint32_t heap_blocks(const struct geometry *g) {
        uint32_t block = UINT32_C(1) << queue_block_log2(g);

        return (g->heap + block - 1) / block;
}

static size_t blocks_offset(const struct geometry *g) {
        return align_up(heap_offset(g) + sizeof(uint64_t) * heap_blocks(g), CACHE_LINE);
}

size_t queue_memory_size(const struct geometry *g) {
        return align_up(blocks_offset(g) + ((size_t)heap_blocks(g) << queue_block_log2(g)), REGION_PAGE);
}

static struct queue_heap heap_at(const struct geometry *g, unsigned char *base) {
        return (struct queue_heap){
                .words = (void *)(base + heap_offset(g)),
                .blocks = base + blocks_offset(g),
                .n = heap_blocks(g),
                .log2 = queue_block_log2(g),
        };
}

void queue_open(struct queue *q, const struct region *region, uint32_t participant, uint32_t generation, int event_fd) {
        const struct geometry *g = &region->geometry;
        unsigned char *base = region->base;

        *q = (struct queue){
                .slots = base + slots_offset(),
                .control = (void *)(base + control_offset()),
                .notes = (void *)(base + notes_offset(g)),
                .due = (void *)(base + due_offset(g)),
                .producers = (void *)(base + producers_offset(g)),
                .n = g->slots,
                .mask = g->slots - 1,
                .log2 = (uint32_t)__builtin_ctz(g->slots),
                .stride = (uint32_t)slot_stride(g),
                .owner = owner_make(participant, generation),
                .mine = word_make(0, owner_make(participant, generation), 0, SLOT_FREE),
                .lap_shift = WORD_LAP_SHIFT - (uint32_t)__builtin_ctz(g->slots),
                .id_mask = UINT64_MAX >> (WORD_LAP_SHIFT - (uint32_t)__builtin_ctz(g->slots)),
                .message_max = g->message_max,
                .slot_size = queue_slot_size(g),
                .heap = heap_at(g, base),
                .space_wakes = g->heap && SHM_FAULT != FAULT_HEAP_WAKE_ONE ? RING_PARTICIPANTS : 1,
                .max_deliveries = g->max_deliveries,
                .delay_usec = g->delay_msec * USEC_PER_MSEC,
                .dead_max = g->dead_max,
                .dead_policy = (enum queue_dead_policy)g->policy,
                .epoch = UINT64_MAX,
                .pauses = LET_AHEAD_MIN,
        };
        q->messages = (struct waiting){ .count = &q->control->messages, .event_fd = event_fd, .fences = g->fences };
        q->space = (struct waiting){ .count = &q->control->space, .event_fd = event_fd, .fences = g->fences };
        patience_init(&q->patience);
}

static inline uint64_t lap_of(const struct queue *q, uint64_t position) {
        return position >> q->log2;
}

static inline uint64_t position_make(const struct queue *q, uint64_t lap, uint64_t slot) {
        return lap << q->log2 | (slot & q->mask);
}

static inline void lease_fill(const struct queue *q, struct lease *l, uint64_t position, uint64_t w,
                              uint32_t size, void *data) {
        l->slot = (uint32_t)(position & q->mask);
        l->deliveries = word_deliveries(w);
        l->size = size;
        l->id = queue_message_id(q, l->slot, w);
        l->data = data;
}

static inline uint64_t steps_max(const struct queue *q) {
        return SHM_FAULT == FAULT_TRUST_SKIP ? UINT64_MAX : q->n * STEPS_PER_SLOT + QUEUE_STEPS_LOST;
}

/* ---- passing over ------------------------------------------------------------------------------ */

/** May a sender that comes round to a slot of an older lap go past it? */
static inline bool may_pass(enum slot_state state) {
        switch (state) {
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

/** Make the position of a lap void. Sequentially consistent: partners are queue_claim() and was_passed(). */
static void pass_over(struct queue *q, struct slot *s, uint64_t lap) {
        uint32_t passed = atomic_load(&s->passed);

        while ((int32_t)(passed - (uint32_t)lap) <= 0) {
                if (!atomic_compare_exchange_weak(&s->passed, &passed, (uint32_t)lap + 1))
                        continue;
                atomic_fetch_add_explicit(&q->control->voided, 1, memory_order_relaxed);
                return;
        }
}

/**
 * A receiver found nothing at a position: is it void, or the end?
 * @param w  the word that it saw; changed if it is another one by now.
 * @return true if it is void, or the word has changed: then look at it again.
 */
static bool was_passed(struct slot *s, uint64_t lap, uint64_t *w) {
        uint64_t seen = *w;

        if (queue_passed_beyond(s, lap) <= 0)
                return false;
#if SHM_FAULT != FAULT_NO_SECOND_LOOK
        /* A claim that was made before the mark stands. One made from here on sees the mark, and gives up. */
        *w = atomic_load(&s->word);
#endif
        (void)seen;
        return true;
}

/* ---- senders ----------------------------------------------------------------------------------- */

/** Bring `passed` up to date. @return false if the position was passed over meanwhile. */
static SLOW bool refresh_passed(struct slot *s, uint64_t lap) {
        uint32_t passed = atomic_load(&s->passed);

#if SHM_FAULT == FAULT_NO_REFRESH
        return true;
#endif
        while ((int32_t)(passed - (uint32_t)lap) < 0)
                if (atomic_compare_exchange_weak(&s->passed, &passed, (uint32_t)lap))
                        return true;
        return passed == (uint32_t)lap;
}

/** After a claim where `passed` is not just behind: does it stand? */
SLOW bool queue_claim_stands_slow(struct slot *s, uint64_t lap, int32_t beyond) {
        if (beyond > 0)
                return SHM_FAULT == FAULT_NO_TAINT;
        return refresh_passed(s, lap);
}

/**
 * A claim does not stand: make the slot free again. Others may have taken our mark for a sender's that stops them, or taken
 * it that we shall wake whoever comes after; so this wakes, as a cancel does, and us too if we are about to sleep.
 */
SLOW void queue_give_up(struct queue *q, struct slot *s, uint64_t free) {
        atomic_store_explicit(&s->word, free, memory_order_release);
        queue_freed(q);
}

/**
 * Is there one to be had behind a slot that could be passed over? Who is close behind the receivers of a full ring would else
 * void one position after another, and gain nothing.
 */
static bool leads_on(struct queue *q, uint64_t t) {
        for (uint64_t i = 1; i < q->n; i++) {
                struct slot *s = queue_slot(q, t + i);
                uint64_t w = atomic_load_explicit(&s->word, memory_order_relaxed), lap = lap_of(q, t + i);

                if (word_state(w) == SLOT_FREE || word_ahead(w, lap) >= 0 || queue_passed_beyond(s, lap) > 0)
                        return true; /* or another sender has got there */
                if (!may_pass(word_state(w)))
                        return false;
        }
        return false;
}

/** Look for a free slot from a position on, where the first look found none. @param ret  NULL: leave it there. */
static SLOW int reserve_from(struct queue *q, struct lease *ret, uint64_t t) {
        uint64_t passed = 0;

        for (uint64_t steps = 0; steps < steps_max(q); steps++) {
                struct slot *s = queue_slot(q, t);
                uint64_t w = atomic_load_explicit(&s->word, memory_order_acquire);
                uint64_t lap = lap_of(q, t);
                int64_t ahead = word_ahead(w, lap);
                int32_t beyond = queue_passed_beyond(s, lap);

                if (beyond > 0) {
                        /* Void; so is all up to the last lap that was passed over, or it was claimed. */
                        t = position_make(q, lap + (uint64_t)beyond - 1, t) + 1;
                        continue;
                }
                if (ahead > 0) {
                        /* The hint was a lap or more behind: at once to where the slot was claimed last. */
                        t = position_make(q, lap + (uint64_t)ahead - (word_state(w) == SLOT_FREE), t) + 1;
                        continue;
                }
                if (word_state(w) == SLOT_FREE) {
                        if (!ret)
                                return 0;
                        if (!queue_claim(q, s, w, t))
                                continue;
                        lease_fill(q, ret, t, word_make(lap, 0, 0, SLOT_WRITING), 0, s->data);
                        return 0;
                }
                if (ahead < 0) {
                        /* The ring came round. A message that waits for its first delivery keeps its place. */
                        if (!may_pass(word_state(w)) || passed >= q->n || (passed == 0 && !leads_on(q, t)))
                                return -EAGAIN;
                        pass_over(q, s, lap);
                        passed++;
                }
                t++;
        }
        return -EBADMSG;
}

static inline int reserve(struct queue *q, struct lease *ret) {
        uint64_t t;
        struct slot *s = queue_reserve_fast(q, &t);

        if (!likely(s)) {
                if (queue_must_count(q) && queue_is_refused(q))
                        return -EDQUOT;
                return reserve_from(q, ret, atomic_load_explicit(&q->control->tail, memory_order_relaxed));
        }
        lease_fill(q, ret, t, queue_lap_bits(q, t), 0, s->data);
        return 0;
}

int queue_reserve(struct queue *q, struct lease *ret) {
        int r = reserve(q, ret);

        /* Not in the heap, as the message before may have been; see queue_fit(). */
        if (r == 0 && !likely(q->heap.n == 0))
                queue_slot(q, ret->slot)->size = 0;
        return r;
}

int queue_reserve_sized(struct queue *q, uint32_t size, struct lease *ret) {
        return likely(size <= q->slot_size) ? queue_reserve(q, ret) : queue_reserve_long(q, size, ret);
}

bool queue_has_space(struct queue *q) {
        if (queue_must_count(q) && queue_is_refused(q))
                return false;
        return reserve_from(q, NULL, atomic_load_explicit(&q->control->tail, memory_order_relaxed)) != -EAGAIN;
}

void queue_commit_prepare(struct queue *q, const struct lease *lease, uint32_t size) {
        struct slot *s = queue_slot(q, lease->slot);

        s->size = queue_fit(q, s, lease->id, size);
}

static inline uint64_t own_word(struct slot *s) {
        return atomic_load_explicit(&s->word, memory_order_relaxed);
}

void queue_commit(struct queue *q, const struct lease *lease, uint32_t size) {
        struct slot *s = queue_slot(q, lease->slot);

        queue_commit_fast(q, s, own_word(s), queue_fit(q, s, lease->id, size));
}

void queue_cancel(struct queue *q, const struct lease *lease) {
        struct slot *s = queue_slot(q, lease->slot);

        queue_settle(s, (own_word(s) & WORD_LAP_MASK) + WORD_LAP_STEP);
        queue_freed(q);
}

/* ---- receivers --------------------------------------------------------------------------------- */

/** No message that can be ready is to be found only below this: less than a lap below the tail stands every slot. */
static inline uint64_t oldest_position(const struct queue *q) {
        uint64_t tail = atomic_load_explicit(&q->control->tail, memory_order_relaxed);

        return tail > q->n ? tail - q->n : 0;
}

/** Where the receiver must look again, since the epoch moved. */
static SLOW uint64_t rewind_cursor(const struct queue *q, uint64_t epoch) {
        uint64_t slot = epoch & ((1u << EPOCH_SLOT_BITS) - 1);
        uint64_t back = ((q->cursor - 1 - slot) & q->mask) + 1; /* to its last position below the cursor */

        /* One slot came back since: to that. More than one: to everything. */
        if (epoch >> EPOCH_SLOT_BITS == (q->epoch >> EPOCH_SLOT_BITS) + 1 && slot < q->n)
                return q->cursor > back ? q->cursor - back : 0;
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

/**
 * Move the hint on. By compare-and-swap, and with the epoch in which the cursor was reached, so that a late
 * receiver cannot undo what a recovery did.
 */
__attribute__((__noinline__)) void queue_publish_head(struct queue *q) {
        uint64_t hint = atomic_load_explicit(&q->control->head, memory_order_relaxed), epoch = q->epoch;

        /* Who always finds a message must see, now and then, that another has rested long enough. */
        if (queue_alarm(q) != UINT64_MAX)
                queue_alarm_answer(q);
        if (head_position(q, hint, epoch) >= q->cursor)
                return;
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
 * A sender may have been stopped by the slot that we just leased, whose word was `w`, and can pass it now. That is
 * worth a wake-up only if the next slot does not stop it too: then whoever takes that one wakes. (A next slot that is a lap
 * further stops nobody: it was claimed by a sender who passed us already.)
 */
SLOW void queue_wake_sender_after_lease(struct queue *q, uint64_t w, uint64_t position) {
        uint64_t behind = position_make(q, word_lap(w), position) + 1;
        uint64_t next = atomic_load_explicit(&queue_slot(q, behind)->word, memory_order_relaxed);
        bool stops = word_ahead(next, lap_of(q, behind)) <= 0 &&
                     (word_state(next) == SLOT_READY || word_state(next) == SLOT_WRITING);

        if (SHM_FAULT != FAULT_NO_LEASE_WAKE && !stops)
                queue_freed(q);
}

/** As long as it takes the senders to write some messages, as far as the last time tells. */
static void pause_for_senders(struct queue *q) {
        uint64_t messages = q->cursor - q->paused_at, wanted = MIN(q->n / LET_AHEAD_PART, (uint64_t)LET_AHEAD_MESSAGES);

        if (messages < wanted)
                q->pauses = MIN(q->pauses * 2, (uint32_t)LET_AHEAD_MAX);
        else if (messages > 2 * wanted)
                q->pauses = MAX(q->pauses / 2, (uint32_t)LET_AHEAD_MIN);
        q->paused_at = q->cursor;
        patience_pause(&q->patience, q->pauses);
}

/**
 * There is nothing at the cursor, though there was something all the time: the senders are just about to write there. Each
 * look takes the line from one that has claimed it, or is to claim it, and our processor fetches those that are to come too. So
 * leave them alone for a moment: that costs a microsecond or some, and a stream is twice as fast. Who looks in vain now and
 * then, as with questions and answers, finds what comes at once.
 * @return true: there is by now.
 */
SLOW bool queue_let_ahead(struct queue *q, struct slot *s, uint64_t ready) {
        bool streams = q->finds == QUEUE_STREAMS;

        /* Half done by a sender who was stopped, or void. */
        if (q->n_holes > 0 || queue_passed_beyond(s, ready >> WORD_LAP_SHIFT) > 0)
                return false;
        q->finds = 0;
        if (!streams)
                return false;
        pause_for_senders(q);
        return atomic_load_explicit(&s->word, memory_order_relaxed) == ready;
}

/** Lease the message of a slot that is met at a position. */
static inline bool lease(struct queue *q, struct slot *s, uint64_t w, uint64_t position, struct lease *ret) {
        uint32_t deliveries = word_deliveries(w) + (word_deliveries(w) < DELIVERIES_MAX);
        uint64_t leased = word_make(word_lap(w), q->owner, deliveries, SLOT_LEASED);
        uint32_t size;
        void *data;

        /* Linearises receive. Acquire: partner is the release of commit, reject, recovery. */
        if (!atomic_compare_exchange_strong_explicit(&s->word, &w, leased, memory_order_acquire, memory_order_relaxed))
                return false;
        if (deliveries > 1)
                atomic_fetch_add_explicit(&q->control->redelivered, 1, memory_order_relaxed);
        size = queue_payload(q, s, &data);
        lease_fill(q, ret, position, leased, size, data);
        return true;
}

/** The next position to look at, past a slot that has moved on by so many laps. */
static inline uint64_t skip(const struct queue *q, uint64_t position, int64_t ahead) {
        if (ahead > 1)
                position = position_make(q, lap_of(q, position) + (uint64_t)ahead - 2, position);
        return position + 1;
}

/**
 * Forget the senders from the first one on that is half done no more: from there on it must be looked anew. Acquire: whoever saw
 * a message sees that its sender had finished what it sent before.
 */
static inline void forget_holes(struct queue *q) {
        for (uint32_t i = 0; i < q->n_holes && SHM_FAULT != FAULT_HOLE_KEPT; i++) {
                uint64_t w = atomic_load_explicit(&queue_slot(q, q->holes[i])->word, memory_order_acquire);

                if (word_ahead(w, lap_of(q, q->holes[i])) == 0 && word_state(w) == SLOT_WRITING)
                        continue;
                q->frontier = q->holes[i];
                q->n_holes = i;
        }
}

/**
 * Look from the cursor on.
 *
 * A sender that is half done is not waited for, but the cursor stays there: its message is the next one as soon as it is ready.
 * One that was stopped in the midst of it would be gone past with each message that others send meanwhile, and with all that were
 * received since. So it is remembered as a hole, and the look begins at the frontier: of what lies between, nothing but the holes
 * can become ready without a step of the epoch.
 *
 * @param ret  NULL: leave it there.
 */
static __attribute__((__noinline__)) int scan(struct queue *q, struct lease *ret) {
        bool remembered = true; /* all holes below p are */
        uint64_t p = q->n_holes > 0 ? q->frontier : q->cursor, found = UINT64_MAX, now = 0;

        for (uint64_t steps = 0; steps < steps_max(q); steps++) {
                struct slot *s = queue_slot(q, p);
                uint64_t w = atomic_load_explicit(&s->word, memory_order_acquire), seen = w;
                int64_t ahead = word_ahead(w, lap_of(q, p));
                enum slot_state state = word_state(w);
                bool contiguous = remembered && q->n_holes == 0;

                /* Of this lap, or left from an older one: then it came back, or became ready late. */
                if (ahead <= 0 && (state == SLOT_READY ||
                                   (state == SLOT_RETURNED && queue_is_due(q, (uint32_t)(p & q->mask), &now)))) {
                        if (!ret)
                                return 0;
                        if (!contiguous && state == SLOT_READY && found != p && SHM_FAULT != FAULT_HOLE_ONE_LOOK) {
                                /*
                                 * The sender of this one may have finished what we took for half done, and then
                                 * sent this. Look again: what is half done now is another's, and order is kept.
                                 */
                                found = p;
                                forget_holes(q);
                                p = q->n_holes > 0 ? q->frontier : q->cursor;
                                remembered = true;
                                continue;
                        }
                        if (!lease(q, s, w, p, ret))
                                continue;
                        /* One of an older lap does not use up this position: a sender may still claim it. */
                        if (contiguous && ahead == 0)
                                queue_advance(q, p);
                        if (wait_is_wanted(&q->space))
                                queue_wake_sender_after_lease(q, w, p);
                        return 0;
                }
                if (ahead < 0 || (ahead == 0 && state == SLOT_FREE)) {
                        if (!was_passed(s, lap_of(q, p), &w))
                                return -EAGAIN;
                        if (w != seen)
                                continue;
                }
                if (ahead == 0 && state == SLOT_WRITING) {
                        if (q->n_holes < QUEUE_HOLES_KEPT && remembered)
                                q->holes[q->n_holes++] = p;
                        else
                                remembered = SHM_FAULT == FAULT_HOLE_UNCOUNTED;
                }
                p = skip(q, p, ahead);
                if (!remembered)
                        continue;
                q->frontier = p;
                if (q->n_holes == 0)
                        q->cursor = p;
        }
        return -EBADMSG;
}

/**
 * Is the slot at the cursor still free, and no sender has gone past it? Then nothing was sent beyond it either. Says so
 * without the line of the tail, which a receiver that spins would take away from the senders with each look.
 */
static inline bool is_end(const struct queue *q) {
        uint64_t bits = queue_lap_bits(q, q->cursor);
        struct slot *s = queue_slot(q, q->cursor);

        return atomic_load_explicit(&s->word, memory_order_acquire) == bits &&
               queue_passed_beyond(s, bits >> WORD_LAP_SHIFT) <= 0;
}

/** Look where others may have got to, and then from there on. */
static __attribute__((__noinline__)) int receive_from(struct queue *q, struct lease *ret) {
        uint64_t epoch, head;

        if (queue_alarm(q) != UINT64_MAX)
                queue_alarm_answer(q);
        epoch = atomic_load_explicit(&q->control->epoch, memory_order_acquire);
        if (epoch != q->epoch) {
                q->cursor = rewind_cursor(q, epoch);
                q->epoch = epoch;
                q->n_holes = 0;
        } else if (q->n_holes > 0) {
                forget_holes(q);
                if (q->n_holes > 0)
                        return scan(q, ret); /* nobody got further, as far as a hint can tell */
        } else if (is_end(q)) {
                return -EAGAIN;
        }
        head = head_position(q, atomic_load_explicit(&q->control->head, memory_order_relaxed), epoch);
        if (head > q->cursor)
                q->cursor = head;
        return scan(q, ret);
}

int queue_receive(struct queue *q, struct lease *ret) {
        uint64_t p;
        struct slot *s = queue_receive_fast(q, &p);
        uint32_t size;
        void *data;

        if (!likely(s))
                return receive_from(q, ret);
        size = queue_payload(q, s, &data);
        lease_fill(q, ret, p, queue_lap_bits(q, p) | WORD_DELIVERY, size, data);
        return 0;
}

bool queue_has_message(struct queue *q) {
        return receive_from(q, NULL) != -EAGAIN;
}

/* ---- finishing --------------------------------------------------------------------------------- */

bool queue_settle_commit(struct queue *q, uint32_t slot, uint32_t owner) {
        struct slot *s = queue_slot(q, slot);
        uint64_t w = atomic_load_explicit(&s->word, memory_order_relaxed);

        if (word_state(w) != SLOT_WRITING || word_owner(w) != owner)
                return false;
        queue_settle(s, word_make(word_lap(w), 0, 0, SLOT_READY));
        return true;
}

bool queue_settle_acknowledge(struct queue *q, uint32_t slot, uint32_t owner) {
        struct slot *s = queue_slot(q, slot);
        uint64_t w = atomic_load_explicit(&s->word, memory_order_relaxed);

        if (word_state(w) != SLOT_LEASED || word_owner(w) != owner)
                return false;
        queue_settle(s, (w & WORD_LAP_MASK) + WORD_LAP_STEP);
        return true;
}

int queue_acknowledge(struct queue *q, uint32_t slot) {
        struct slot *s = queue_slot(q, slot);
        uint64_t w = atomic_load_explicit(&s->word, memory_order_relaxed);

        if (!likely(word_state(w) == SLOT_LEASED && word_owner(w) == q->owner))
                return -EINVAL;
        queue_acknowledge_fast(q, s, w);
        return 0;
}

void queue_note(struct queue *q, uint32_t slot, uint64_t w, enum note_cause cause, const char *text) {
        struct note *note = &q->notes[slot];
        size_t length = text ? strnlen(text, NOTE_TEXT_MAX) : 0;
        struct timespec ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        note->id = queue_message_id(q, slot, w);
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

int queue_reject_after(struct queue *q, uint32_t slot, const char *reason, uint64_t delay_usec) {
        struct slot *s = queue_slot(q, slot);
        uint64_t w = atomic_load_explicit(&s->word, memory_order_relaxed);
        bool dead = word_deliveries(w) >= q->max_deliveries;
        uint64_t due;

        if (word_state(w) != SLOT_LEASED || word_owner(w) != q->owner)
                return -EINVAL;
        queue_note(q, slot, w, NOTE_REJECTED, reason);
        due = queue_due_after(dead ? 0 : delay_usec);
        atomic_store_explicit(&q->due[slot], due, memory_order_relaxed);
        queue_settle(s, word_make(word_lap(w), 0, word_deliveries(w), dead ? SLOT_DEAD : SLOT_RETURNED));
        if (dead) {
                queue_dead_limit(q);
                return 1;
        }
        if (due != 0) {
                queue_alarm_set(q, due);
                return 0;
        }
        queue_bump_epoch(q, slot);
        wait_wake(&q->messages);
        return 0;
}

int queue_reject(struct queue *q, uint32_t slot, const char *reason) {
        return queue_reject_after(q, slot, reason, q->delay_usec);
}
