/* SPDX-License-Identifier: MIT */

/*
 * Waiting for messages and, with policy wait, for room
 */

#include <errno.h>

#include "shm/broadcast.h"
#include "shm/wait-any.h"

/** What broadcast_receive() needs beside the ring. */
struct copying {
        void *buffer;
        size_t size;
        struct view *ret;
};

static int try_receive(void *object, void *ret) {
        struct copying *c = ret;

        return broadcast_receive(object, c->buffer, c->size, c->ret);
}

static int try_peek(void *object, void *ret) {
        return broadcast_peek(object, ret);
}

struct reserving {
        uint32_t size;
        void **ret;
};

static int try_reserve(void *object, void *ret) {
        struct reserving *r = ret;

        return broadcast_reserve(object, r->size, r->ret);
}

static inline struct wait_for for_message(struct broadcast *b, int (*try)(void *, void *), void *ret,
                                          const _Atomic uint32_t *drain) {
        return (struct wait_for){
                .try = try, .object = b, .ret = ret, .waiting = &b->messages, .patience = &b->patience,
                .participant = owner_participant(b->owner), .drain = drain,
        };
}

int broadcast_receive_wait(struct broadcast *b, void *buffer, size_t size, struct view *ret, uint64_t deadline_usec,
                           const _Atomic uint32_t *drain) {
        struct copying c = { buffer, size, ret };
        const struct wait_for f = for_message(b, try_receive, &c, drain);

        return wait_until(&f, deadline_usec);
}

int broadcast_peek_wait(struct broadcast *b, struct view *ret, uint64_t deadline_usec, const _Atomic uint32_t *drain) {
        const struct wait_for f = for_message(b, try_peek, ret, drain);

        return wait_until(&f, deadline_usec);
}

int broadcast_reserve_wait(struct broadcast *b, uint32_t size, void **ret, uint64_t deadline_usec) {
        struct reserving r = { size, ret };
        const struct wait_for f = {
                .try = try_reserve, .object = b, .ret = &r, .waiting = &b->space, .patience = &b->patience,
                .participant = owner_participant(b->owner),
        };

        return b->policy == BROADCAST_WAIT ? wait_until(&f, deadline_usec) : broadcast_reserve(b, size, ret);
}

/**
 * As wait_poll(), but nothing is taken from the descriptor, and nothing passed on: a post is for all who poll, each of which
 * watches for a change (edge-triggered).
 */
static int poll_for(const struct wait_for *f, bool *armed) {
        int r;

        wait_disarm(f->waiting, f->participant, armed);
        r = f->try(f->object, f->ret);
        if (r != -EAGAIN)
                return r;
        *armed = true;
        wait_poll_announce(f->waiting, f->participant);
        r = f->try(f->object, f->ret);
        if (r != -EAGAIN)
                wait_disarm(f->waiting, f->participant, armed);
        return r;
}

int broadcast_receive_poll(struct broadcast *b, void *buffer, size_t size, struct view *ret) {
        struct copying c = { buffer, size, ret };
        const struct wait_for f = for_message(b, try_receive, &c, NULL);

        return poll_for(&f, &b->armed);
}

int broadcast_peek_poll(struct broadcast *b, struct view *ret) {
        const struct wait_for f = for_message(b, try_peek, ret, NULL);

        return poll_for(&f, &b->armed);
}

/* ---- for one who waits for several things; see wait-any.h ------------------------------------------ */

static bool has_message(const struct wait_item *item) {
        return broadcast_has_message(item->object);
}

static bool has_room(const struct wait_item *item) {
        return broadcast_has_room(item->object, (uint32_t)item->which);
}

struct wait_item broadcast_message_item(struct broadcast *b, const _Atomic uint32_t *drain) {
        return (struct wait_item){
                .waiting = &b->messages,
                .participant = owner_participant(b->owner),
                .polls = b->armed,
                .is_ready = has_message,
                .object = b,
                .drain = drain,
                .spin = &b->patience.spin,
        };
}

struct wait_item broadcast_room_item(struct broadcast *b, uint32_t size) {
        return (struct wait_item){
                .waiting = &b->space,
                .participant = owner_participant(b->owner),
                .is_ready = has_room,
                .object = b,
                .which = size,
                .spin = &b->patience.spin,
        };
}
