/* SPDX-License-Identifier: MIT */

/*
 * Receiving and sending through a handle
 *
 * The hot path: each function first tries the usual way of shm/queue-fast.h, inline and straight from the
 * slot to the caller's message; what that cannot do is done out of line. Linearisation points are those of
 * shm/queue.c.
 */

#include "worker/transfer.h"

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "worker/hold.h"

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
/** Keeps the seldom taken way, and what it needs on the stack, out of the usual one. */
#define SLOW __attribute__((__noinline__))

static uint64_t deadline(int64_t timeout_usec) {
        return timeout_usec < 0 ? USEC_INFINITY : usec_add(now_usec(), (uint64_t)timeout_usec);
}

/* ---- receiving --------------------------------------------------------------------------------- */

/** There was no message. */
static int receive_wait(struct ganger_ring *ring, struct lease *ret, int64_t timeout_usec) {
        int r;

        if (timeout_usec != 0)
                return queue_receive_wait(&ring->queue, ret, deadline(timeout_usec), ring->drain);
        r = ring->poll_fd < 0 ? -EAGAIN : ring_arm(ring, ret);
        /* Armed, but whoever asked us to end may have looked for pollers just before. */
        return r == -EAGAIN && hold_ends(ring->drain) ? -ESHUTDOWN : r;
}

static SLOW int receive_slow(struct ganger_ring *ring, struct ganger_message *ret, int64_t timeout_usec) {
        struct lease l;
        int r;

        r = queue_receive(&ring->queue, &l);
        if (r == -EAGAIN)
                r = receive_wait(ring, &l, timeout_usec);
        if (r < 0)
                return r;
        ring->held++;
        message_fill(ret, ring, &l, l.size);
        return 0;
}

/** Something is, or was just now, in the way. */
static SLOW int receive_held(struct ganger_ring *ring, struct ganger_message *ret, int64_t timeout_usec) {
        int r = hold_wait(ring->drain, ring->poll_fd, &timeout_usec);

        return r < 0 ? r : receive_slow(ring, ret, timeout_usec);
}

int ganger_ring_receive(struct ganger_ring *ring, struct ganger_message *ret, int64_t timeout_usec) {
        struct queue *q = &ring->queue;
        uint64_t position;
        struct slot *s;

        if (unlikely(!(ring->flags & GANGER_RECEIVE)))
                return -EACCES;
        if (unlikely(q->armed))
                ring_disarm(ring);
        if (unlikely(hold_is_set(ring->drain)))
                return receive_held(ring, ret, timeout_usec);
        s = queue_receive_fast(q, &position);
        if (unlikely(!s))
                return receive_slow(ring, ret, timeout_usec);
        ring->held++;
        ret->size = queue_payload(q, s, &ret->data);
        ret->id = queue_id_at(q, position);
        ret->deliveries = 1;
        ret->slot = (uint32_t)(position & q->mask);
        ret->ring = ring;
        return 0;
}

int ganger_acknowledge(struct ganger_message *m) {
        uint64_t w;
        struct slot *s = message_slot(m, SLOT_LEASED, &w);

        if (unlikely(!s))
                return -EINVAL;
        queue_acknowledge_fast(&m->ring->queue, s, w);
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

int ganger_reject_after(struct ganger_message *m, const char *reason, int64_t delay_usec) {
        int r;

        if (!message_is(m, SLOT_LEASED) || delay_usec < 0 || delay_usec > GANGER_DELAY_MAX_USEC)
                return -EINVAL;
        r = queue_reject_after(&m->ring->queue, m->slot, reason, (uint64_t)delay_usec);
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
        r = queue_reserve_sized(&ring->queue, (uint32_t)size, ret);
        if (unlikely(r == -EAGAIN || r == -EDQUOT) && timeout_usec != 0)
                r = queue_reserve_sized_wait(&ring->queue, (uint32_t)size, ret, deadline(timeout_usec));
        return r;
}

static SLOW int send_slow(struct ganger_ring *ring, const void *data, size_t size, int64_t timeout_usec) {
        struct lease l;
        int r;

        r = reserve(ring, size, &l, timeout_usec);
        if (r < 0)
                return r;
        if (size > 0)
                memcpy(l.data, data, size);
        queue_commit(&ring->queue, &l, (uint32_t)size);
        return 0;
}

int ganger_ring_send(struct ganger_ring *ring, const void *data, size_t size, int64_t timeout_usec) {
        struct queue *q = &ring->queue;
        uint64_t position;
        struct slot *s;

        if (unlikely(!(ring->flags & GANGER_SEND) || size > q->slot_size))
                return send_slow(ring, data, size, timeout_usec);
        s = queue_reserve_fast(q, &position);
        if (unlikely(!s))
                return send_slow(ring, data, size, timeout_usec);
        if (likely(size > 0))
                memcpy(s->data, data, size);
        queue_commit_fast(q, s, queue_lap_bits(q, position), (uint32_t)size);
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
        struct queue *q;
        uint64_t w;
        struct slot *s = message_slot(m, SLOT_WRITING, &w);

        if (unlikely(!s))
                return -EINVAL;
        q = &m->ring->queue;
        if (unlikely(m->size > queue_room(q, s)))
                return -EMSGSIZE;
        queue_commit_fast(q, s, w, queue_fit(q, s, m->id, (uint32_t)m->size));
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
