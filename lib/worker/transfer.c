/* SPDX-License-Identifier: MIT */

/*
 * Receiving and sending through a handle
 *
 * The hot path: each function looks once whether the ring has what is wanted, and only then thinks about
 * waiting. Linearisation points are those of shm/queue.c.
 */

#include "worker/transfer.h"

#include <errno.h>
#include <string.h>

#include "base/time.h"

#define unlikely(condition) __builtin_expect(!!(condition), 0)

static inline void message_fill(struct ganger_message *ret, struct ganger_ring *ring, const struct lease *l, size_t size) {
        *ret = (struct ganger_message){
                .data = l->data, .size = size, .id = l->id, .deliveries = l->deliveries, .slot = l->slot, .ring = ring,
        };
}

static uint64_t deadline(int64_t timeout_usec) {
        return timeout_usec < 0 ? USEC_INFINITY : usec_add(now_usec(), (uint64_t)timeout_usec);
}

/* ---- receiving --------------------------------------------------------------------------------- */

/** There was no message. */
static int receive_slow(struct ganger_ring *ring, struct lease *ret, int64_t timeout_usec) {
        if (timeout_usec != 0)
                return queue_receive_wait(&ring->queue, ret, deadline(timeout_usec), ring->drain);
        return ring->poll_fd < 0 ? -EAGAIN : ring_arm(ring, ret);
}

/** Asked to drain, also if that came while we were arming the descriptor. */
static inline bool is_draining(const struct ganger_ring *ring) {
        return atomic_load_explicit(ring->drain, memory_order_relaxed) != 0;
}

int ganger_ring_receive(struct ganger_ring *ring, struct ganger_message *ret, int64_t timeout_usec) {
        struct lease l;
        int r;

        if (unlikely(!(ring->flags & GANGER_RECEIVE)))
                return -EACCES;
        if (unlikely(ring->queue.armed))
                ring_disarm(ring);
        if (unlikely(is_draining(ring)))
                return -ESHUTDOWN;
        r = queue_receive(&ring->queue, &l);
        if (unlikely(r == -EAGAIN)) {
                r = receive_slow(ring, &l, timeout_usec);
                /* Armed, but whoever asked us to drain may have looked for pollers just before. */
                if (r == -EAGAIN && is_draining(ring))
                        return -ESHUTDOWN;
        }
        if (unlikely(r < 0))
                return r;
        ring->held++;
        message_fill(ret, ring, &l, l.size);
        return 0;
}

int ganger_acknowledge(struct ganger_message *m) {
        int r;

        if (unlikely(!message_is(m, SLOT_LEASED)))
                return -EINVAL;
        r = queue_acknowledge(&m->ring->queue, m->slot);
        if (unlikely(r < 0))
                return r;
        message_done(m);
        return 0;
}

int ganger_reject(struct ganger_message *m, const char *reason) {
        int r;

        if (!message_is(m, SLOT_LEASED))
                return -EINVAL;
        r = queue_reject(&m->ring->queue, m->slot, reason);
        if (r >= 0)
                message_done(m);
        return r;
}

/* ---- sending ----------------------------------------------------------------------------------- */

static int reserve(struct ganger_ring *ring, size_t size, struct lease *ret, int64_t timeout_usec) {
        int r;

        if (unlikely(!(ring->flags & GANGER_SEND)))
                return -EACCES;
        if (unlikely(size > ring->queue.message_max))
                return -EMSGSIZE;
        r = queue_reserve(&ring->queue, ret);
        if (unlikely(r == -EAGAIN) && timeout_usec != 0)
                r = queue_reserve_wait(&ring->queue, ret, deadline(timeout_usec));
        return r;
}

int ganger_ring_send(struct ganger_ring *ring, const void *data, size_t size, int64_t timeout_usec) {
        struct lease l;
        int r;

        r = reserve(ring, size, &l, timeout_usec);
        if (unlikely(r < 0))
                return r;
        if (size > 0)
                memcpy(l.data, data, size);
        queue_commit(&ring->queue, &l, (uint32_t)size);
        return 0;
}

int ganger_ring_reserve(struct ganger_ring *ring, size_t size, struct ganger_message *ret, int64_t timeout_usec) {
        struct lease l;
        int r;

        r = reserve(ring, size, &l, timeout_usec);
        if (unlikely(r < 0))
                return r;
        ring->held++;
        message_fill(ret, ring, &l, size);
        return 0;
}

int ganger_commit(struct ganger_message *m) {
        if (unlikely(!message_is(m, SLOT_WRITING)))
                return -EINVAL;
        if (unlikely(m->size > m->ring->queue.message_max))
                return -EMSGSIZE;
        queue_commit(&m->ring->queue, &(struct lease){ .slot = m->slot }, (uint32_t)m->size);
        message_done(m);
        return 0;
}

int ganger_cancel(struct ganger_message *m) {
        if (!message_is(m, SLOT_WRITING))
                return -EINVAL;
        queue_cancel(&m->ring->queue, &(struct lease){ .slot = m->slot });
        message_done(m);
        return 0;
}
