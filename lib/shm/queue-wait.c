/* SPDX-License-Identifier: MIT */

/*
 * Waiting for messages and for space
 */

#include "shm/queue.h"
#include "shm/sys.h"
#include "shm/wait-any.h"

#include <errno.h>

static int try_receive(void *object, void *ret) {
        return queue_receive(object, ret);
}

/** Whoever waits for space waits until senders are refused no more, too. The size stands in the lease that is asked for. */
static int try_reserve(void *object, void *ret) {
        const struct lease *l = ret;
        int r = queue_reserve_sized(object, l->size, ret);

        return r == -EDQUOT ? -EAGAIN : r;
}

/** What is there may have to rest. */
static uint64_t alarm_of(void *object) {
        return queue_alarm(object);
}

static inline struct wait_for for_message(struct queue *q, struct lease *ret, const _Atomic uint32_t *drain) {
        return (struct wait_for){
                .try = try_receive, .object = q, .ret = ret, .alarm = alarm_of, .waiting = &q->messages,
                .patience = &q->patience, .participant = owner_participant(q->owner), .drain = drain,
        };
}

int queue_receive_wait(struct queue *q, struct lease *ret, uint64_t deadline_usec, const _Atomic uint32_t *drain) {
        const struct wait_for f = for_message(q, ret, drain);

        return wait_until(&f, deadline_usec);
}

int queue_reserve_sized_wait(struct queue *q, uint32_t size, struct lease *ret, uint64_t deadline_usec) {
        struct lease l = { .size = size };
        const struct wait_for f = {
                .try = try_reserve, .object = q, .ret = &l, .waiting = &q->space, .patience = &q->patience,
                .participant = owner_participant(q->owner),
                /* One slot that is leased or cancelled may open a whole row of free ones behind it, and it wakes one. */
                .pass_on = true,
        };
        int r = wait_until(&f, deadline_usec);

        if (r == 0)
                *ret = l;
        return r;
}

int queue_reserve_wait(struct queue *q, struct lease *ret, uint64_t deadline_usec) {
        return queue_reserve_sized_wait(q, 0, ret, deadline_usec);
}

int queue_receive_poll(struct queue *q, struct lease *ret) {
        const struct wait_for f = for_message(q, ret, NULL);

        return wait_poll(&f, &q->armed);
}

/* ---- for one who waits for several things; see wait-any.h ------------------------------------------ */

static bool has_message(const struct wait_item *item) {
        return queue_has_message(item->object);
}

static bool has_space(const struct wait_item *item) {
        return queue_has_space(item->object);
}

static uint64_t item_alarm(const struct wait_item *item) {
        return queue_alarm(item->object);
}

struct wait_item queue_message_item(struct queue *q, const _Atomic uint32_t *drain) {
        return (struct wait_item){
                .waiting = &q->messages,
                .participant = owner_participant(q->owner),
                .polls = q->armed,
                .is_ready = has_message,
                .alarm = item_alarm,
                .object = q,
                .drain = drain,
                .spin = &q->patience.spin,
        };
}

struct wait_item queue_space_item(struct queue *q) {
        return (struct wait_item){
                .waiting = &q->space,
                .participant = owner_participant(q->owner),
                .many = true, /* as in queue_reserve_wait() */
                .is_ready = has_space,
                .object = q,
                .spin = &q->patience.spin,
        };
}
