/* SPDX-License-Identifier: MIT */

/*
 * Batches
 *
 * Each message of a batch is an operation of its own, with the linearisation point that it always has. What is one for
 * the whole batch is the wake-up at the end; whoever dies before it is recovered, and recovery wakes everybody.
 *
 * A batch that is to be finished is checked first, then done; and each once more when its turn comes, since the array may
 * have two copies of one message.
 */

#include <errno.h>
#include <limits.h>

#include "worker/transfer.h"

int ganger_ring_receive_many(struct ganger_ring *ring, struct ganger_message *ret, size_t n, int64_t timeout_usec) {
        size_t got = 1;
        int r;

        if (n == 0)
                return -EINVAL;
        r = ganger_ring_receive(ring, &ret[0], timeout_usec);
        if (r < 0)
                return r;
        /* What else is there; never arms the descriptor, since the first was there. */
        for (; got < n && got < INT_MAX; got++) {
                struct lease l;

                if (queue_receive(&ring->queue, &l) < 0)
                        break;
                message_fill(&ret[got], ring, &l, l.size);
                ring->held++;
        }
        return (int)got;
}

int ganger_ring_reserve_many(struct ganger_ring *ring, size_t size, struct ganger_message *ret, size_t n,
                             int64_t timeout_usec) {
        size_t got = 1;
        int r;

        if (n == 0)
                return -EINVAL;
        r = ganger_ring_reserve(ring, size, &ret[0], timeout_usec);
        if (r < 0)
                return r;
        for (; got < n && got < INT_MAX; got++)
                if (ganger_ring_reserve(ring, size, &ret[got], 0) < 0)
                        break;
        return (int)got;
}

/** Is each held in this state, and not too long? */
static int check(const struct ganger_message *m, size_t n, enum slot_state state) {
        for (size_t i = 0; i < n; i++) {
                if (!message_is(&m[i], state))
                        return -EINVAL;
                if (state == SLOT_WRITING && message_is_too_long(&m[i]))
                        return -EMSGSIZE;
        }
        return 0;
}

/** Wake for the `n` messages of one handle that were finished. */
static void tell(struct ganger_ring *ring, enum slot_state state, uint32_t n) {
        if (n > 0 && state == SLOT_WRITING)
                queue_published(&ring->queue, n);
        else if (n > 0)
                queue_freed(&ring->queue);
}

static int finish(struct ganger_message *m, size_t n, enum slot_state state) {
        struct ganger_ring *ring = NULL;
        uint32_t untold = 0;
        int r = 0;

        for (size_t i = 0; i < n; i++) {
                uint64_t w;
                struct slot *s = message_slot(&m[i], state, &w);

                if (!s) {
                        r = -EINVAL;
                        continue;
                }
                if (m[i].ring != ring) {
                        tell(ring, state, untold);
                        untold = 0;
                        ring = m[i].ring;
                }
                if (state == SLOT_WRITING)
                        queue_publish(s, w, queue_fit(&ring->queue, s, m[i].id, (uint32_t)m[i].size));
                else
                        queue_free(s, w);
                message_done(&m[i]);
                untold++;
        }
        tell(ring, state, untold);
        return r;
}

int ganger_acknowledge_many(struct ganger_message *m, size_t n) {
        int r = check(m, n, SLOT_LEASED);

        return r < 0 ? r : finish(m, n, SLOT_LEASED);
}

int ganger_commit_many(struct ganger_message *m, size_t n) {
        int r = check(m, n, SLOT_WRITING);

        return r < 0 ? r : finish(m, n, SLOT_WRITING);
}
