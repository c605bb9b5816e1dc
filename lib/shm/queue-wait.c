/* SPDX-License-Identifier: MIT */

/*
 * Waiting for messages and for space
 */

#include "shm/queue.h"

#include <errno.h>

static int try_receive(void *object, void *ret) {
        return queue_receive(object, ret);
}

/** Whoever waits for space waits until senders are refused no more, too. */
static int try_reserve(void *object, void *ret) {
        int r = queue_reserve(object, ret);

        return r == -EDQUOT ? -EAGAIN : r;
}

static inline struct wait_for for_message(struct queue *q, struct lease *ret, const _Atomic uint32_t *drain) {
        return (struct wait_for){
                .try = try_receive, .object = q, .ret = ret, .waiting = &q->messages, .patience = &q->patience,
                .participant = owner_participant(q->owner), .drain = drain,
        };
}

int queue_receive_wait(struct queue *q, struct lease *ret, uint64_t deadline_usec, const _Atomic uint32_t *drain) {
        const struct wait_for f = for_message(q, ret, drain);

        return wait_until(&f, deadline_usec);
}

int queue_reserve_wait(struct queue *q, struct lease *ret, uint64_t deadline_usec) {
        const struct wait_for f = {
                .try = try_reserve, .object = q, .ret = ret, .waiting = &q->space, .patience = &q->patience,
                .participant = owner_participant(q->owner),
                /* One slot that is leased or cancelled may open a whole row of free ones behind it, and it wakes one. */
                .pass_on = true,
        };

        return wait_until(&f, deadline_usec);
}

int queue_receive_poll(struct queue *q, struct lease *ret) {
        const struct wait_for f = for_message(q, ret, NULL);

        return wait_poll(&f, &q->armed);
}
