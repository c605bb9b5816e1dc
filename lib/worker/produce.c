/* SPDX-License-Identifier: MIT */

/*
 * Numbered messages
 *
 * What a producer has sent is kept by shm/queue-producer.c; a handle that is one must be recovered when it is closed,
 * which is what makes room for the next.
 */

#include <errno.h>
#include <string.h>

#include "worker/transfer.h"

_Static_assert(GANGER_PRODUCERS_MAX == QUEUE_PRODUCERS, "told as it is");

int ganger_ring_produce(struct ganger_ring *ring, uint64_t producer, uint64_t *ret_sequence) {
        if (!(ring->flags & GANGER_SEND))
                return -EACCES;
        return queue_produce(&ring->queue, producer, ret_sequence);
}

int ganger_ring_sequence(struct ganger_ring *ring, uint64_t producer, uint64_t *ret) {
        if (!ring->flags)
                return -EACCES;
        return queue_sequence(&ring->queue, producer, ret);
}

int ganger_commit_sequenced(struct ganger_message *m, uint64_t sequence) {
        struct queue *q;
        int r;

        if (!message_is(m, SLOT_WRITING))
                return -EINVAL;
        q = &m->ring->queue;
        if (message_is_too_long(m))
                return -EMSGSIZE;
        r = queue_commit_sequenced(q, &(struct lease){ .slot = m->slot, .id = m->id }, (uint32_t)m->size, sequence);
        if (r == 0)
                message_done(m);
        return r;
}

int ganger_ring_send_sequenced(struct ganger_ring *ring, uint64_t sequence, const void *data, size_t size,
                               int64_t timeout_usec) {
        struct ganger_message m;
        int r;

        if (!(ring->flags & GANGER_SEND))
                return -EACCES;
        if (!ring->queue.producer)
                return -EINVAL;
        /* Before it is made to wait for space that it does not need. */
        if (queue_has_accepted(&ring->queue, sequence))
                return -EALREADY;
        r = ganger_ring_reserve(ring, size, &m, timeout_usec);
        if (r < 0)
                return r;
        if (size > 0)
                memcpy(m.data, data, size);
        return ganger_commit_sequenced(&m, sequence);
}
