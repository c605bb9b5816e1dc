/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WORKER_TRANSFER_H
#define GANGER_WORKER_TRANSFER_H

/*
 * What a message must be before it is finished
 *
 * A `struct ganger_message` is the caller's memory: it may be one that was finished, a copy of it, or that of a
 * handle which is closed. Whether it still names what it says is decided by the slot itself: its owner, its
 * state, and the lap in which its message was sent.
 */

#include <stdbool.h>
#include <stdint.h>

#include "worker/membership.h"

/** Does the handle hold this message, in this state? */
static inline bool message_is(const struct ganger_message *m, enum slot_state state) {
        const struct ganger_ring *ring = m->ring;
        uint64_t w;

        if (!ring || !ring->flags || m->slot > ring->queue.mask)
                return false;
        w = atomic_load_explicit(&queue_slot(&ring->queue, m->slot)->word, memory_order_relaxed);
        return word_state(w) == state && word_owner(w) == ring->queue.owner &&
               queue_message_id(&ring->queue, m->slot, w) == m->id;
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
