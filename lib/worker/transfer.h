/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WORKER_TRANSFER_H
#define GANGER_WORKER_TRANSFER_H

/*
 * What a message must be before it is finished
 *
 * A `struct ganger_message` is the caller's memory: it may be one that was finished, a copy of it, or that
 * of a handle which is closed. Whether it still names what it says is decided by the slot itself: its
 * owner, its state, and the lap in which its message was sent.
 */

#include <stdbool.h>
#include <stdint.h>

#include "shm/queue-fast.h"
#include "worker/membership.h"

/**
 * The slot of a message, if the handle holds the message in this state; else NULL.
 * @param ret_word  its word.
 */
static inline struct slot *message_slot(const struct ganger_message *m, enum slot_state state, uint64_t *ret_word) {
        const struct ganger_ring *ring = m->ring;
        struct slot *s;

        if (!ring || !ring->flags)
                return NULL;
        /* Of the position that it was sent at, so that no number in it leads out of the ring. */
        s = queue_slot(&ring->queue, m->id);
        *ret_word = atomic_load_explicit(&s->word, memory_order_relaxed);
        return queue_holds(&ring->queue, m->id, *ret_word, state) ? s : NULL;
}

/** Does the handle hold this message, in this state? */
static inline bool message_is(const struct ganger_message *m, enum slot_state state) {
        uint64_t w;

        return message_slot(m, state, &w) && m->slot == (m->id & m->ring->queue.mask);
}

/** Is a message that is written longer than what was reserved for it? It is held. */
static inline bool message_is_too_long(const struct ganger_message *m) {
        const struct queue *q = &m->ring->queue;

        return m->size > queue_room(q, queue_slot(q, m->id));
}

/** The handle has a lease: make a message of it. */
static inline void message_fill(struct ganger_message *ret, struct ganger_ring *ring, const struct lease *l,
                                size_t size) {
        *ret = (struct ganger_message){
                .data = l->data, .size = size, .id = l->id, .deliveries = l->deliveries, .slot = l->slot, .ring = ring,
        };
}

/** The message is finished: nothing can be done with it any more. */
static inline void message_done(struct ganger_message *m) {
        m->ring->held--;
        m->ring = NULL;
        m->data = NULL;
}

/** No longer announced as one that polls: senders need not post. */
void ring_disarm(struct ganger_ring *ring);

/** Look once more, and arm the descriptor; for a handle that has one and is not armed. @return as queue_receive(). */
int ring_arm(struct ganger_ring *ring, struct lease *ret);

#endif
