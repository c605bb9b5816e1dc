/* SPDX-License-Identifier: MIT */

/*
 * The heap of a queue: messages that are longer than a slot
 *
 * An array of blocks of one size, and a word for each: the id of the message that claimed it (plus one; 0: nobody
 * ever did). A block is in use while the slot that its word names holds that very message, and free as soon as
 * that slot has gone on. So whatever frees a slot frees the blocks of its message by the same store, whoever does
 * it: acknowledge, cancel, recovery, a dead letter that is dropped. Nothing is left behind by anybody who is
 * killed, and nothing must be put right.
 *
 * A long message lies in a run of consecutive blocks. Its sender looks for one, claims a slot, then claims the
 * blocks one after the other, by compare-and-swap from a word that is stale to its own id. If it loses one, it
 * gives back those before it, and goes on behind it; if it finds no other run, it cancels the slot.
 *
 * Look first: who finds no run changes nothing. Else those who wait for space would wake each other, and
 * themselves, for as long as there is none.
 *
 * Somebody gets in. A run is claimed from its beginning to its end. So whoever loses a block loses it to one that
 * is further on in a run which goes further: that one succeeds, or loses another block further on. The last of
 * them succeeds. (If it was killed or stopped, its blocks are in use until it is recovered or goes on.)
 *
 * No wake-up is lost. A sender that is woken may need more than was freed, while another, which was not, needs
 * less. So with a heap all that wait for space are woken: when a slot is freed, and when a sender gives back
 * blocks. What is not promised: that one who waits for a long run gets it while others keep taking short ones.
 *
 * Memory orders. Whoever sees a block's word sees that its slot was claimed: release of the compare-and-swap,
 * acquire of the look. What a receiver read in a block it read before the release of acknowledge; partner is the
 * acquire of the look at the slot's word. A word that is given back (0) is released for the same reason: who takes
 * the block then has not looked at that slot. Laps wrap: a word so old that its lap has come again may make its
 * block seem to be in use while that message is there; never the other way.
 */

#include "shm/queue.h"

#include <errno.h>

#include "base/cleanup.h"
#include "shm/fault.h"
#include "shm/queue-fast.h"

#define NOWHERE UINT32_MAX

/** A block is about a 64th of the longest message, and larger in a large heap, so that it is looked through in no time. */
#define BLOCKS_OF_LONGEST 64
#define BLOCKS_MANY (1u << 16)

uint32_t queue_block_log2(const struct geometry *g) {
        uint32_t log2 = QUEUE_BLOCK_LOG2_MIN;

        while (log2 < QUEUE_BLOCK_LOG2_MAX &&
               (g->message_max >> log2 > BLOCKS_OF_LONGEST || g->heap >> log2 > BLOCKS_MANY))
                log2++;
        return log2;
}

static uint32_t blocks_of(const struct queue *q, uint32_t size) {
        return (size >> q->heap.log2) + ((size & ((UINT32_C(1) << q->heap.log2) - 1)) != 0);
}

static uint64_t word_of(uint64_t id) {
        return id + 1;
}

/** Is the block of that word free? Once stale, a word stays so. */
static bool is_free(const struct queue *q, uint64_t word) {
        uint64_t id = word - 1, w;

        if (word == 0)
                return true;
        w = atomic_load_explicit(&queue_slot(q, id)->word, memory_order_acquire);
#if SHM_FAULT == FAULT_HEAP_ANY_LAP
        return word_state(w) == SLOT_FREE;
#endif
        return word_ahead(w, id >> q->log2) != 0 || word_state(w) == SLOT_FREE;
}

/* ---- runs -------------------------------------------------------------------------------------- */

/** Part of the heap: the blocks from `from` up to `end`. */
struct part {
        uint32_t from, end;
};

/** The heap, from where the last one was claimed on, and round: in two parts, which overlap by less than a run. */
static void parts_of(const struct queue *q, uint32_t n, struct part ret[2]) {
        uint32_t next = atomic_load_explicit(&q->control->heap_next, memory_order_relaxed);

        next = next < q->heap.n ? next : 0;
        ret[0] = (struct part){ next, q->heap.n };
        ret[1] = (struct part){ 0, q->heap.n - next < n ? q->heap.n : next + n - 1 };
}

/** Where in a part a run of `n` free blocks begins; NOWHERE: there is none. */
static uint32_t find_run(const struct queue *q, uint32_t n, struct part part) {
        uint64_t used = 0; /* a word that is known not to be stale: the neighbours often have the same */
        uint32_t length = 0;

        for (uint32_t i = part.from; i < part.end; i++) {
                uint64_t word = atomic_load_explicit(&q->heap.words[i], memory_order_acquire);

                if ((word != 0 && word == used) || !is_free(q, word)) {
                        used = word;
                        length = 0;
                } else if (++length == n) {
                        return i + 1 - n;
                }
        }
        return NOWHERE;
}

static bool has_run(const struct queue *q, uint32_t n) {
        struct part parts[2];

        parts_of(q, n, parts);
        return find_run(q, n, parts[0]) != NOWHERE || find_run(q, n, parts[1]) != NOWHERE;
}

/** Claim one block for a message whose slot was claimed. */
static bool claim_block(struct queue *q, uint32_t i, uint64_t mine) {
        uint64_t word = atomic_load_explicit(&q->heap.words[i], memory_order_acquire);

        if (!is_free(q, word))
                return false;
#if SHM_FAULT == FAULT_HEAP_CLAIM_STORED
        atomic_store(&q->heap.words[i], mine);
        return true;
#endif
        return atomic_compare_exchange_strong_explicit(&q->heap.words[i], &word, mine, memory_order_acq_rel,
                                                       memory_order_relaxed);
}

/** Give back blocks that are ours. Nobody else changes their words meanwhile. */
static void release_blocks(struct queue *q, uint32_t first, uint32_t n) {
        for (uint32_t i = first; i < first + n; i++)
                atomic_store_explicit(&q->heap.words[i], 0, memory_order_release);
}

/** Claim a run in a part of the heap. @param released  set if blocks were given back. @return where it begins; NOWHERE. */
static uint32_t claim_in(struct queue *q, uint32_t n, struct part part, uint64_t mine, bool *released) {
        uint32_t first;

        while ((first = find_run(q, n, part)) != NOWHERE) {
                uint32_t got = 0;

                while (got < n && claim_block(q, first + got, mine))
                        got++;
                if (got == n)
                        return first;
                release_blocks(q, first, got);
                *released |= got > 0;
                part.from = first + got + 1;
        }
        return NOWHERE;
}

static uint32_t claim_run(struct queue *q, uint32_t n, uint64_t mine, bool *released) {
        struct part parts[2];
        uint32_t first;

        parts_of(q, n, parts);
        first = claim_in(q, n, parts[0], mine, released);
        if (first == NOWHERE)
                first = claim_in(q, n, parts[1], mine, released);
        if (first != NOWHERE)
                atomic_store_explicit(&q->control->heap_next, first + n, memory_order_relaxed);
        return first;
}

/* ---- senders ----------------------------------------------------------------------------------- */

/** The number of the first block, in a slot. It may be damaged. */
static volatile uint32_t *first_block(struct slot *s) {
        return (volatile uint32_t *)(void *)s->data;
}

/** Make the slot say where its message lies, and how much room it has there. */
static void place(const struct queue *q, struct slot *s, uint32_t first, uint32_t n) {
        *first_block(s) = first;
        s->size = MIN(n << q->heap.log2, q->message_max) | SLOT_IN_HEAP;
}

static void *block_at(const struct queue *q, uint32_t i) {
        return q->heap.blocks + ((size_t)i << q->heap.log2);
}

/** With the slot go the blocks that name it. Whoever saw the slot or one of them in use is woken. */
static void back_out(struct queue *q, const struct lease *l) {
#if SHM_FAULT == FAULT_HEAP_CANCEL_SILENT
        queue_settle(queue_slot(q, l->slot), queue_lap_bits(q, l->id) + WORD_LAP_STEP);
#else
        queue_cancel(q, l);
#endif
}

int queue_reserve_long(struct queue *q, uint32_t size, struct lease *ret) {
        uint32_t n = blocks_of(q, size), first;
        bool released = false;
        struct lease l;
        int r;

        if (SHM_FAULT != FAULT_HEAP_BLIND && !has_run(q, n))
                return -EAGAIN;
#if SHM_FAULT == FAULT_HEAP_BLOCK_FIRST
        first = claim_run(q, n, word_of(queue_id_at(q, atomic_load(&q->control->tail))), &released);
        if (first == NOWHERE)
                return -EAGAIN;
        r = queue_reserve(q, &l);
        if (r < 0)
                return r;
#else
        r = queue_reserve(q, &l);
        if (r < 0)
                return r;
        first = claim_run(q, n, word_of(l.id), &released);
        if (first == NOWHERE) {
                back_out(q, &l);
                return -EAGAIN;
        }
#endif
        place(q, queue_slot(q, l.slot), first, n);
        if (released && SHM_FAULT != FAULT_HEAP_RELEASE_SILENT)
                wait_wake_each(&q->space);
        l.data = block_at(q, first);
        *ret = l;
        return 0;
}

uint32_t queue_room_in_heap(const struct queue *q, const struct slot *s) {
        uint32_t size = *(const volatile uint32_t *)&s->size;

        return size & SLOT_IN_HEAP ? MIN(size & ~SLOT_IN_HEAP, q->message_max) : q->slot_size;
}

/** Give back the blocks of a message from `from` on, up to `end`; those that are its own, whatever the slot says. */
static void trim(struct queue *q, struct part part, uint64_t mine) {
        bool released = false;

        for (uint32_t i = part.from; i < part.end && i < q->heap.n; i++)
                if (atomic_load_explicit(&q->heap.words[i], memory_order_relaxed) == mine) {
                        release_blocks(q, i, 1);
                        released = true;
                }
        if (!released)
                return;
        /* If nothing was claimed behind it, the next goes there: else those who reserve more than they send leave holes. */
        atomic_compare_exchange_strong_explicit(&q->control->heap_next, &part.end, part.from, memory_order_relaxed,
                                                memory_order_relaxed);
        if (SHM_FAULT != FAULT_HEAP_TRIM_SILENT)
                wait_wake_each(&q->space);
}

uint32_t queue_fit_heap(struct queue *q, struct slot *s, uint64_t id, uint32_t size) {
        uint32_t before = *(const volatile uint32_t *)&s->size, first;

        if (!(before & SLOT_IN_HEAP))
                return size;
        first = *first_block(s);
        if (first < q->heap.n)
                trim(q, (struct part){ first + MAX(blocks_of(q, size), 1u),
                                       first + blocks_of(q, MIN(before & ~SLOT_IN_HEAP, q->message_max)) },
                     word_of(queue_id_at(q, id)));
        return size | SLOT_IN_HEAP;
}

/* ---- receivers --------------------------------------------------------------------------------- */

uint32_t queue_payload_long(const struct queue *q, struct slot *s, uint32_t size, void **ret) {
        size_t bytes = (size_t)q->heap.n << q->heap.log2, offset;

        *ret = s->data;
        if (SHM_FAULT == FAULT_TRUST_SIZE)
                return size & ~SLOT_IN_HEAP;
        if (!(size & SLOT_IN_HEAP) || q->heap.n == 0)
                return q->slot_size;
        offset = (size_t)*first_block(s) << q->heap.log2;
        size = MIN(size & ~SLOT_IN_HEAP, q->message_max);
        if (offset >= bytes && SHM_FAULT != FAULT_TRUST_BLOCK)
                return 0; /* damaged; nothing of it is in the mapping */
        *ret = q->heap.blocks + offset;
        return SHM_FAULT == FAULT_TRUST_BLOCK || size <= bytes - offset ? size : (uint32_t)(bytes - offset);
}

bool queue_heap_holds(const struct queue *q, uint32_t slot, uint64_t id, uint32_t size, uint32_t *ret_first) {
        uint32_t n = blocks_of(q, size), first = *first_block(queue_slot(q, slot));

        *ret_first = first;
        if (first >= q->heap.n || n > q->heap.n - first)
                return false;
        for (uint32_t i = first; i < first + n; i++)
                if (atomic_load_explicit(&q->heap.words[i], memory_order_relaxed) != word_of(id))
                        return false;
        return true;
}

/* ---- for people -------------------------------------------------------------------------------- */

uint32_t queue_heap_used(const struct queue *q) {
        uint32_t used = 0;

        for (uint32_t i = 0; i < q->heap.n; i++)
                used += !is_free(q, atomic_load_explicit(&q->heap.words[i], memory_order_acquire));
        return used << q->heap.log2;
}
