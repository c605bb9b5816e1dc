/* SPDX-License-Identifier: MIT */

/*
 * What can be wrong with a queue
 *
 * A word alone: a state that there is not, an owner or a count of deliveries where none belongs, an owner who is nobody, a
 * message longer than its slot, or in blocks of the heap that are not its own. And the words together: every position
 * below one that was claimed was claimed too, or passed over. So first all words are read, for the highest position that
 * was claimed; then each is read again, and must have gone on as far. Who claimed that position saw all that was passed
 * over before it (acquire and release of `passed`); object_inspect() looks twice because of those that were claimed.
 *
 * `tail`, `head` and `epoch` are hints, any value of which costs a search at most; so only `tail` is looked at, by whose
 * nearness of two words that contradict each other one is named.
 */

#include "shm/damage.h"
#include "shm/fault.h"
#include "shm/queue-fast.h"
#include "shm/queue-object.h"

typedef unsigned long long ull;

static const char *state_name(enum slot_state state) {
        static const char *const names[] = {
                [SLOT_FREE] = "free", [SLOT_WRITING] = "being written", [SLOT_READY] = "ready", [SLOT_LEASED] = "leased",
                [SLOT_RETURNED] = "to be delivered again", [SLOT_DEAD] = "a dead letter",
        };

        return (size_t)state < ARRAY_SIZE(names) ? names[state] : NULL;
}

/** A message in the heap: while its slot holds it, so do its blocks. */
static void check_heap(struct damage *d, const struct queue *q, uint32_t i, uint64_t w, uint32_t size) {
        uint32_t first = 0;
        bool holds = size <= q->message_max && queue_heap_holds(q, i, queue_message_id(q, i, w), size, &first);

        atomic_thread_fence(memory_order_acquire);
        if (holds || atomic_load_explicit(&queue_slot(q, i)->word, memory_order_relaxed) != w)
                return;
        if (size > q->message_max)
                damage_add(d, "slot %u: its message has %u bytes, of at most %u", i, size, q->message_max);
        else
                damage_add(d, "slot %u: its message of %u bytes is said to begin with block %u of the heap, which is not its",
                           i, size, first);
}

/** What a word says against itself, and against its slot. */
static void check_word(struct damage *d, const struct object *o, uint32_t i, uint64_t w, uint32_t size) {
        const struct queue *q = &o->queue;
        enum slot_state state = word_state(w);
        bool owned = state == SLOT_WRITING || state == SLOT_LEASED, full = state != SLOT_FREE && state != SLOT_WRITING;
        uint32_t deliveries = word_deliveries(w), most = state == SLOT_LEASED || state == SLOT_DEAD ? q->max_deliveries :
                              state == SLOT_RETURNED ? q->max_deliveries - 1 : 0;
        char owner[DAMAGE_OWNER_MAX];

        if (!state_name(state))
                damage_add(d, "slot %u: its word is 0x%016llx, in a state (%d) that there is not", i, (ull)w, (int)state);
        else if (owned ? !damage_is_member(o, word_owner(w)) : word_owner(w) != 0)
                damage_add(d, "slot %u: its word (0x%016llx) is %s, and %s's, which %s", i, (ull)w, state_name(state),
                           damage_owner(owner, word_owner(w)), owned ? "nobody is" : "has no owner then");
        else if (deliveries > most || (state == SLOT_LEASED && deliveries == 0))
                damage_add(d, "slot %u: its word (0x%016llx) is %s, after %u deliveries of at most %u", i, (ull)w,
                           state_name(state), deliveries, q->max_deliveries);
        else if (full && q->heap.n > 0 && size & SLOT_IN_HEAP)
                check_heap(d, q, i, w, size & ~SLOT_IN_HEAP);
        else if (full && size > q->slot_size)
                damage_add(d, "slot %u: its message has %u bytes, of at most %u", i, size, q->slot_size);
}

/** Word and size of a slot as they were at one time. */
static uint64_t look(const struct slot *s, uint32_t *ret_size) {
        uint64_t w = atomic_load_explicit(&s->word, memory_order_acquire);

        *ret_size = *(const volatile uint32_t *)&s->size;
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&s->word, memory_order_relaxed) != w)
                *ret_size = 0;
        return w;
}

/* ---- laps ---------------------------------------------------------------------------------------- */

/** The lap in which a slot may be claimed next. */
static uint64_t next_lap(uint64_t w) {
        return word_lap(w) + (word_state(w) != SLOT_FREE && SHM_FAULT != FAULT_DAMAGE_UNCLAIMED);
}

/** How far a position, as a word knows it, is ahead of another. They wrap. */
static int64_t ahead_of(const struct queue *q, uint64_t position, uint64_t other) {
        unsigned int unknown = (unsigned int)__builtin_clzll(q->id_mask);

        return (int64_t)((position - other) << unknown) >> unknown;
}

/** The lap of the last position of a slot that is below another position. */
static uint64_t last_lap(const struct queue *q, uint32_t slot, uint64_t below) {
        return (below - 1 - slot) >> q->log2;
}

/** Was every position of the slot that is below `below` claimed, or passed over? */
static bool has_gone_on(const struct queue *q, uint32_t i, uint64_t below, uint64_t w) {
        uint64_t next = next_lap(w), last = last_lap(q, i, below);

#if SHM_FAULT == FAULT_DAMAGE_NO_PASSING
        return ahead_of(q, next << q->log2 | i, below) >= 0;
#endif
        return ahead_of(q, next << q->log2 | i, below) >= 0 || queue_passed_beyond(queue_slot(q, i), last) > 0;
}

/** The highest position that was claimed: one more than that. @param ret_slot  the slot that says so. */
static uint64_t claimed_below(const struct queue *q, uint64_t tail, uint32_t *ret_slot) {
        uint64_t below = tail;
        bool found = false;

        for (uint32_t i = 0; i < q->n; i++) {
                uint64_t next = next_lap(atomic_load_explicit(&queue_slot(q, i)->word, memory_order_acquire));
                uint64_t end = ((next << q->log2 | i) - q->n) + 1;

                if (next == 0 || (found && ahead_of(q, end, below) <= 0))
                        continue;
                below = end;
                *ret_slot = i;
                found = true;
        }
        return found ? below : 0;
}

static uint64_t distance(const struct queue *q, uint64_t position, uint64_t from) {
        int64_t n = ahead_of(q, position, from);

        return (uint64_t)(n < 0 ? -n : n);
}

static void check_laps(struct damage *d, const struct queue *q) {
        uint64_t tail = atomic_load_explicit(&q->control->tail, memory_order_relaxed);
        uint32_t highest = 0;
        uint64_t below = claimed_below(q, tail, &highest);

        for (uint32_t i = 0; below != 0 && i < q->n; i++) {
                uint64_t w = atomic_load_explicit(&queue_slot(q, i)->word, memory_order_acquire);
                uint64_t next = next_lap(w) << q->log2 | i;

                if (has_gone_on(q, i, below, w))
                        continue;
                if (distance(q, below, tail) > distance(q, next, tail)) {
                        damage_add(d, "slot %u: its word (0x%016llx) says that %llu messages were sent; slot %u waits for "
                                   "message %llu", highest,
                                   (ull)atomic_load_explicit(&queue_slot(q, highest)->word, memory_order_relaxed),
                                   (ull)(below & q->id_mask), i, (ull)(next & q->id_mask));
                        return; /* all others would be told the same */
                }
                damage_add(d, "slot %u: its word (0x%016llx) waits for message %llu, but %llu were sent", i, (ull)w,
                           (ull)(next & q->id_mask), (ull)(below & q->id_mask));
        }
}

/* ---- producers ------------------------------------------------------------------------------------ */

static void check_producers(struct damage *d, const struct object *o) {
        const struct queue *q = &o->queue;

        for (unsigned int i = 0; i < QUEUE_PRODUCERS; i++) {
                uint64_t owner = atomic_load_explicit(&q->producers[i].owner, memory_order_acquire);

                if (owner != 0 && (owner >> WORD_OWNER_BITS != 0 || !damage_is_member(o, (uint32_t)owner)))
                        damage_add(d, "producer %u: its owner is 0x%llx, which nobody is", i, (ull)owner);
        }
}

void queue_inspect(const struct object *o, struct damage *ret) {
        const struct queue *q = &o->queue;

        for (uint32_t i = 0; i < q->n; i++) {
                uint32_t size;
                uint64_t w = look(queue_slot(q, i), &size);

                check_word(ret, o, i, w, size);
        }
        check_producers(ret, o);
        damage_check_waiters(ret, &q->control->messages, "those who wait for messages");
        damage_check_waiters(ret, &q->control->space, "those who wait for space");
        /* A word that is none says nothing of laps. */
        if (ret->n == 0)
                check_laps(ret, q);
}
