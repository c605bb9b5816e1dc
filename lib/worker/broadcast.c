/* SPDX-License-Identifier: MIT */

/*
 * Handles on broadcasts
 *
 * A handle is the writer, or a reader. Linearisation points are those of shm/broadcast.c.
 *
 * Invariant: an open handle has the writing end, or has subscribed; a closed one has neither, and is announced nowhere.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/time.h"
#include "worker/hold.h"
#include "worker/membership.h"
#include "worker/wait-any.h"

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
/** Keeps the seldom taken way, and what it needs on the stack, out of the usual one. */
#define SLOW __attribute__((__noinline__))

/** Nothing is reserved, nothing was peeked at. */
#define NO_SIZE UINT32_MAX

struct ganger_broadcast {
        /* Two lines: processors fetch lines in pairs, and the next handle may be another thread's. */
        _Alignas(2 * CACHE_LINE) struct broadcast broadcast;
        _Atomic uint32_t *drain;        /* MEMBER_…: while it is not 0, receive nothing */
        uint32_t reserved;              /* bytes; NO_SIZE */
        struct view peeked;             /* its size: NO_SIZE */
        int poll_fd;                    /* for ganger_broadcast_fd(); -1: nobody asked */
        struct handle handle;
};

/* ---- handles ------------------------------------------------------------------------------------- */

static void close_handle(struct handle *handle) {
        struct ganger_broadcast *b = container_of(handle, struct ganger_broadcast, handle);

        wait_disarm(&b->broadcast.messages, handle->participant, &b->broadcast.armed);
        broadcast_close(&b->broadcast);
        close_fd(b->poll_fd);
        handle_release(handle, false);
        free(b);
}

/** With the lock held. */
static int open_handle(struct ganger *g, struct joined *j, unsigned int flags, struct ganger_broadcast **ret) {
        struct ganger_broadcast *b;
        struct handle handle;
        int r;

        r = handle_take(g, j, &handle);
        if (r < 0)
                return r;
        b = aligned_alloc(_Alignof(struct ganger_broadcast), sizeof *b);
        if (!b)
                return -ENOMEM;
        *b = (struct ganger_broadcast){
                .drain = g->drain, .reserved = NO_SIZE, .peeked.size = NO_SIZE, .poll_fd = -1, .handle = handle,
        };
        broadcast_open(&b->broadcast, &j->object.region, handle.participant, j->generation, j->object.event_fd);
        r = flags & GANGER_SEND ? broadcast_claim(&b->broadcast) :
                                  broadcast_subscribe(&b->broadcast, flags & GANGER_OLDEST);
        if (r < 0) {
                free(b);
                return r;
        }
        handle_enter(&b->handle, close_handle);
        *ret = b;
        return 0;
}

int ganger_broadcast_open(struct ganger *g, const char *name, unsigned int flags, struct ganger_broadcast **ret) {
        struct joined *j;
        int r;

        if (flags != GANGER_SEND && (flags & ~(unsigned int)GANGER_OLDEST) != GANGER_RECEIVE)
                return -EINVAL;
        r = joined_find(g, OBJECT_BROADCAST, name, flags & ~(unsigned int)GANGER_OLDEST, &j);
        if (r < 0)
                return r;
        pthread_mutex_lock(&g->lock);
        r = open_handle(g, j, flags, ret);
        pthread_mutex_unlock(&g->lock);
        return r;
}

struct ganger_broadcast *ganger_broadcast_close(struct ganger_broadcast *b) {
        struct ganger *g;

        if (!b)
                return NULL;
        g = b->handle.ganger;
        pthread_mutex_lock(&g->lock);
        close_handle(&b->handle);
        pthread_mutex_unlock(&g->lock);
        return NULL;
}

const char *ganger_broadcast_name(const struct ganger_broadcast *b) {
        return b->handle.joined->name;
}

size_t ganger_broadcast_message_max(const struct ganger_broadcast *b) {
        return b->broadcast.message_max;
}

int ganger_broadcast_fd(struct ganger_broadcast *b) {
        int fd;

        if (b->broadcast.writes)
                return -EACCES;
        if (b->poll_fd < 0) {
                fd = handle_poll_open(&b->handle);
                if (fd < 0)
                        return fd;
                b->poll_fd = fd;
        }
        return b->poll_fd;
}

static uint64_t deadline(int64_t timeout_usec) {
        return timeout_usec < 0 ? USEC_INFINITY : usec_add(now_usec(), (uint64_t)timeout_usec);
}

/* ---- the writer ---------------------------------------------------------------------------------- */

static inline int reserve(struct ganger_broadcast *b, size_t size, void **ret, int64_t timeout_usec) {
        int r;

        if (unlikely(!b->broadcast.writes))
                return -EACCES;
        if (unlikely(size > b->broadcast.message_max))
                return -EMSGSIZE;
        b->reserved = NO_SIZE;
        r = broadcast_reserve(&b->broadcast, (uint32_t)size, ret);
        if (unlikely(r == -EAGAIN) && timeout_usec != 0)
                r = broadcast_reserve_wait(&b->broadcast, (uint32_t)size, ret, deadline(timeout_usec));
        return r;
}

static inline int append(struct ganger_broadcast *b, const void *data, size_t size, int64_t timeout_usec) {
        void *to;
        int r = reserve(b, size, &to, timeout_usec);

        if (unlikely(r < 0))
                return r;
        broadcast_write(to, data, size);
        broadcast_append(&b->broadcast, (uint32_t)size);
        return 0;
}

int ganger_broadcast_send(struct ganger_broadcast *b, const void *data, size_t size, int64_t timeout_usec) {
        int r = append(b, data, size, timeout_usec);

        if (likely(r == 0))
                broadcast_publish(&b->broadcast);
        return r;
}

int ganger_broadcast_append(struct ganger_broadcast *b, const void *data, size_t size, int64_t timeout_usec) {
        return append(b, data, size, timeout_usec);
}

int ganger_broadcast_publish(struct ganger_broadcast *b) {
        if (unlikely(!b->broadcast.writes))
                return -EACCES;
        broadcast_publish(&b->broadcast);
        return 0;
}

int ganger_broadcast_reserve(struct ganger_broadcast *b, size_t size, void **ret, int64_t timeout_usec) {
        int r = reserve(b, size, ret, timeout_usec);

        if (likely(r == 0))
                b->reserved = (uint32_t)size;
        return r;
}

int ganger_broadcast_commit(struct ganger_broadcast *b, size_t size) {
        if (unlikely(b->reserved == NO_SIZE))
                return -EINVAL;
        if (unlikely(size > b->reserved))
                return -EMSGSIZE;
        b->reserved = NO_SIZE;
        broadcast_append(&b->broadcast, (uint32_t)size);
        broadcast_publish(&b->broadcast);
        return 0;
}

/* ---- readers ------------------------------------------------------------------------------------- */

/** May this handle receive, just now? Otherwise waits, for as long as it may. */
static inline int begin(struct ganger_broadcast *b, int64_t *timeout_usec) {
        if (unlikely(b->broadcast.writes))
                return -EACCES;
        if (unlikely(b->broadcast.armed))
                wait_disarm(&b->broadcast.messages, b->handle.participant, &b->broadcast.armed);
        return unlikely(hold_is_set(b->drain)) ? hold_wait(b->drain, b->poll_fd, timeout_usec) : 0;
}

/** Forget the posts so far, before the ring is looked at: one that comes after this stays. */
static void forget_posts(const struct ganger_broadcast *b) {
        struct epoll_event ignored;

        (void)epoll_wait(b->poll_fd, &ignored, 1, 0);
}

/** There was no message; armed, but whoever asked us to end may have looked for pollers just before. */
static int after_arming(const struct ganger_broadcast *b, int r) {
        return r == -EAGAIN && hold_ends(b->drain) ? -ESHUTDOWN : r;
}

static SLOW int receive_wait(struct ganger_broadcast *b, void *buffer, size_t size, struct view *ret, int64_t timeout_usec) {
        if (timeout_usec != 0)
                return broadcast_receive_wait(&b->broadcast, buffer, size, ret, deadline(timeout_usec), b->drain);
        if (b->poll_fd < 0)
                return -EAGAIN;
        forget_posts(b);
        return after_arming(b, broadcast_receive_poll(&b->broadcast, buffer, size, ret));
}

int ganger_broadcast_receive(struct ganger_broadcast *b, void *buffer, size_t size, size_t *ret_size, uint64_t *ret_missed,
                             int64_t timeout_usec) {
        struct view v;
        int r = begin(b, &timeout_usec);

        if (unlikely(r < 0))
                return r;
        b->peeked.size = NO_SIZE;
        r = broadcast_receive(&b->broadcast, buffer, size, &v);
        if (unlikely(r == -EAGAIN))
                r = receive_wait(b, buffer, size, &v, timeout_usec);
        if (unlikely(r < 0))
                return r;
        if (ret_size)
                *ret_size = v.size;
        if (ret_missed)
                *ret_missed = v.missed;
        return 0;
}

static SLOW int peek_wait(struct ganger_broadcast *b, struct view *ret, int64_t timeout_usec) {
        if (timeout_usec != 0)
                return broadcast_peek_wait(&b->broadcast, ret, deadline(timeout_usec), b->drain);
        if (b->poll_fd < 0)
                return -EAGAIN;
        forget_posts(b);
        return after_arming(b, broadcast_peek_poll(&b->broadcast, ret));
}

int ganger_broadcast_peek(struct ganger_broadcast *b, const void **ret_data, size_t *ret_size, int64_t timeout_usec) {
        struct view v;
        int r = begin(b, &timeout_usec);

        if (unlikely(r < 0))
                return r;
        if (unlikely(b->broadcast.policy == BROADCAST_LOSSY))
                return -EOPNOTSUPP;
        r = broadcast_peek(&b->broadcast, &v);
        if (unlikely(r == -EAGAIN))
                r = peek_wait(b, &v, timeout_usec);
        if (unlikely(r < 0))
                return r;
        b->peeked = v;
        *ret_data = v.data;
        *ret_size = v.size;
        return 0;
}

int ganger_broadcast_consume(struct ganger_broadcast *b) {
        struct view v = b->peeked;

        if (unlikely(v.size == NO_SIZE))
                return -EINVAL;
        b->peeked.size = NO_SIZE;
        return broadcast_consume(&b->broadcast, &v);
}

int ganger_broadcast_subscribe(struct ganger_broadcast *b, unsigned int flags, uint64_t *ret_missed) {
        uint64_t missed;
        int r;

        if (b->broadcast.writes)
                return -EACCES;
        if (flags & ~(unsigned int)GANGER_OLDEST)
                return -EINVAL;
        b->peeked.size = NO_SIZE;
        r = broadcast_subscribe_again(&b->broadcast, flags & GANGER_OLDEST, &missed);
        if (r < 0)
                return r;
        if (ret_missed)
                *ret_missed = missed;
        return 0;
}

/* ---- for ganger_wait_any() ----------------------------------------------------------------------- */

int broadcast_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret) {
        struct ganger_broadcast *b = w->handle;
        uint32_t size;
        int r;

        if (b->broadcast.writes != (event == GANGER_SEND))
                return -EACCES;
        if (event == GANGER_RECEIVE) {
                *ret = broadcast_message_item(&b->broadcast, b->drain);
                return 0;
        }
        /* Who reads tells nobody of the room. */
        if (b->broadcast.policy == BROADCAST_REFUSE)
                return -EOPNOTSUPP;
        r = wait_room(w, b->broadcast.message_max, &size);
        if (r == 0)
                *ret = broadcast_room_item(&b->broadcast, size);
        return r;
}
