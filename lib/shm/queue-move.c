/* SPDX-License-Identifier: MIT */

/*
 * What is in a queue, put into another one: of other slots, another heap, other limits
 *
 * Nobody is in either. The new one is empty and known to nobody, so it is written as one writes memory, and not by the
 * protocol of queue.c; it only must come out as that protocol would have left it. Its laps begin where no id of the old one
 * can come again: whoever knows messages by their ids takes none for another.
 *
 * The old one was written by its members, whom nobody trusts. How it stands is read once.
 */

#include "shm/queue-object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "shm/queue-fast.h"

/** A message as the old queue has it. */
struct moved {
        uint64_t age;                   /* how long ago it was sent, as an order */
        uint64_t word;
        uint32_t slot;
};

static uint64_t word_of(const struct queue *q, uint32_t slot) {
        return atomic_load_explicit(&queue_slot(q, slot)->word, memory_order_acquire);
}

/** Does it hold a message? One that was leased was given back when its holder was recovered; if not, it is no less there. */
static bool holds_message(uint64_t w) {
        return word_state(w) == SLOT_READY || word_state(w) == SLOT_RETURNED || word_state(w) == SLOT_LEASED ||
               word_state(w) == SLOT_DEAD;
}

static int compare(const void *a, const void *b) {
        const struct moved *x = a, *y = b;

        return (x->age < y->age) - (x->age > y->age);
}

/** All that are there, the oldest first. @return how many. */
static uint32_t collect(const struct queue *q, uint64_t below, struct moved *ret) {
        uint64_t half = (q->id_mask >> 1) + 1;
        uint32_t n = 0;

        for (uint32_t i = 0; i < q->n; i++) {
                uint64_t w = word_of(q, i);

                if (holds_message(w))
                        ret[n++] = (struct moved){
                                .age = (below - queue_message_id(q, i, w) + half) & q->id_mask, .word = w, .slot = i,
                        };
        }
        qsort(ret, n, sizeof *ret, compare);
        return n;
}

/** The first position that nobody has claimed. The hint may be behind, and what words know of a position wraps. */
static uint64_t claimed_below(const struct queue *q) {
        unsigned int unknown = (unsigned int)__builtin_clzll(q->id_mask);
        uint64_t tail = atomic_load(&q->control->tail), below = tail;

        for (uint32_t i = 0; i < q->n; i++) {
                uint64_t w = word_of(q, i), end = queue_message_id(q, i, w) + 1;
                int64_t ahead = (int64_t)((end - tail) << unknown) >> unknown;

                if (word_state(w) != SLOT_FREE && ahead > (int64_t)(below - tail))
                        below = tail + (uint64_t)ahead;
        }
        return below;
}

/** Have the laps begin with that one. */
static void begin_at(struct queue *q, uint64_t lap) {
        for (uint32_t i = 0; i < q->n; i++) {
                struct slot *s = queue_slot(q, i);

                atomic_store_explicit(&s->word, word_make(lap, 0, 0, SLOT_FREE), memory_order_relaxed);
                atomic_store_explicit(&s->passed, (uint32_t)lap, memory_order_relaxed);
        }
        atomic_store(&q->control->tail, lap << q->log2);
}

/** A message that came back comes back; if it has used up the deliveries that there are now, it has one more. */
static uint64_t word_moved(const struct queue *to, uint64_t lap, uint64_t from) {
        uint32_t deliveries = word_deliveries(from);

        switch (word_state(from)) {
        case SLOT_DEAD:
                return word_make(lap, 0, MIN(deliveries, to->max_deliveries), SLOT_DEAD);
        case SLOT_READY:
                return word_make(lap, 0, 0, SLOT_READY);
        default:
                return word_make(lap, 0, MIN(deliveries, to->max_deliveries - 1), SLOT_RETURNED);
        }
}

static int move_message(const struct queue *from, const struct moved *m, struct queue *to) {
        uint64_t old_id = queue_message_id(from, m->slot, m->word);
        struct lease lease;
        uint32_t size;
        void *data;
        int r;

        size = queue_payload(from, queue_slot(from, m->slot), &data);
        if (size > to->message_max)
                return -EMSGSIZE;
        r = queue_reserve_sized(to, size, &lease);
        if (r < 0)
                return r == -EAGAIN ? -ENOSPC : r;
        memcpy(lease.data, data, size);
        queue_commit(to, &lease, size);
        if (from->notes[m->slot].id == old_id) {
                to->notes[lease.slot] = from->notes[m->slot];
                to->notes[lease.slot].id = lease.id;
        }
        atomic_store_explicit(&to->due[lease.slot], atomic_load_explicit(&from->due[m->slot], memory_order_relaxed),
                              memory_order_relaxed);
        atomic_store_explicit(&queue_slot(to, lease.slot)->word, word_moved(to, lease.id >> to->log2, m->word),
                              memory_order_release);
        return 0;
}

/** What replaced producers ask for. Their places depend on their keys alone. */
static void move_producers(const struct queue *from, struct queue *to) {
        for (unsigned int i = 0; i < QUEUE_PRODUCERS; i++) {
                atomic_store(&to->producers[i].key, atomic_load(&from->producers[i].key));
                atomic_store(&to->producers[i].accepted, atomic_load(&from->producers[i].accepted));
        }
}

/** For people: what was counted goes on. */
static void move_counts(const struct queue *from, struct queue *to) {
        uint64_t tail = atomic_load(&from->control->tail), voided = atomic_load(&from->control->voided);
        uint64_t accepted = tail > voided ? tail - voided : 0, now = atomic_load(&to->control->tail);

        atomic_store(&to->control->voided, now > accepted ? now - accepted : 0);
        atomic_store(&to->control->redelivered, atomic_load(&from->control->redelivered));
        atomic_store(&to->control->dropped, atomic_load(&from->control->dropped));
}

int queue_move(const struct object *old, struct object *new) {
        _cleanup_(freep) struct moved *messages = NULL;
        const struct queue *from = &old->queue;
        struct queue to;
        uint64_t below = claimed_below(from);
        uint32_t n;
        int r = 0;

        messages = calloc((size_t)from->n, sizeof *messages);
        if (!messages)
                return -ENOMEM;
        queue_open(&to, &new->region, 1, 0, -1);
        n = collect(from, below, messages);
        if (n > to.n)
                return -ENOSPC;
        begin_at(&to, ((below + to.n - 1) >> to.log2) & (UINT64_MAX >> WORD_LAP_SHIFT));
        for (uint32_t i = 0; i < n && r == 0; i++)
                r = move_message(from, &messages[i], &to);
        if (r < 0)
                return r;
        move_producers(from, &to);
        move_counts(from, &to);
        queue_alarm_renew(&to);
        queue_dead_limit(&to);
        return 0;
}
