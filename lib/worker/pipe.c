/* SPDX-License-Identifier: MIT */

/*
 * Handles on pipes
 *
 * A handle is one end of a pipe. The hot path is that of shm/pipe-fast.h, inline; what it cannot do is done out of line.
 * Linearisation points are those of shm/pipe.c.
 *
 * Invariant: an open handle has its end, and nobody else does.
 */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/time.h"
#include "shm/pipe-fast.h"
#include "worker/hold.h"
#include "worker/membership.h"
#include "worker/wait-any.h"

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
/** Keeps the seldom taken way, and what it needs on the stack, out of the usual one. */
#define SLOW __attribute__((__noinline__))

struct ganger_pipe {
        /* Two lines: processors fetch lines in pairs, and the next handle may be another thread's. */
        _Alignas(2 * CACHE_LINE) struct pipe pipe;
        _Atomic uint32_t *drain;        /* MEMBER_…: while it is not 0, receive nothing */
        int poll_fd;                    /* for ganger_pipe_fd(); -1: nobody asked */
        struct handle handle;
};

static void pipe_close(struct handle *handle) {
        struct ganger_pipe *p = container_of(handle, struct ganger_pipe, handle);

        wait_disarm(&p->pipe.wait, handle->participant, &p->pipe.armed);
        pipe_leave(&p->pipe);
        close_fd(p->poll_fd);
        handle_release(handle, false);
        free(p);
}

/** With the lock held. */
static int pipe_open_end(struct ganger *g, struct joined *j, enum pipe_end end, struct ganger_pipe **ret) {
        struct ganger_pipe *p;
        struct handle handle;
        int r;

        r = handle_take(g, j, &handle);
        if (r < 0)
                return r;
        p = aligned_alloc(_Alignof(struct ganger_pipe), sizeof *p);
        if (!p)
                return -ENOMEM;
        *p = (struct ganger_pipe){ .drain = g->drain, .poll_fd = -1, .handle = handle };
        pipe_open(&p->pipe, &j->object.region, j->object.event_fd);
        r = pipe_take(&p->pipe, end, handle.participant, j->generation);
        if (r < 0) {
                free(p);
                return r;
        }
        handle_enter(&p->handle, pipe_close);
        *ret = p;
        return 0;
}

int ganger_pipe_open(struct ganger *g, const char *name, unsigned int flags, struct ganger_pipe **ret) {
        struct joined *j;
        int r;

        if (flags != GANGER_SEND && flags != GANGER_RECEIVE)
                return -EINVAL;
        r = joined_find(g, OBJECT_PIPE, name, flags, &j);
        if (r < 0)
                return r;
        pthread_mutex_lock(&g->lock);
        r = pipe_open_end(g, j, flags == GANGER_SEND ? PIPE_WRITER : PIPE_READER, ret);
        pthread_mutex_unlock(&g->lock);
        return r;
}

struct ganger_pipe *ganger_pipe_close(struct ganger_pipe *pipe) {
        struct ganger *g;

        if (!pipe)
                return NULL;
        g = pipe->handle.ganger;
        pthread_mutex_lock(&g->lock);
        pipe_close(&pipe->handle);
        pthread_mutex_unlock(&g->lock);
        return NULL;
}

const char *ganger_pipe_name(const struct ganger_pipe *pipe) {
        return pipe->handle.joined->name;
}

size_t ganger_pipe_message_max(const struct ganger_pipe *pipe) {
        return pipe->pipe.message_max;
}

int ganger_pipe_fd(struct ganger_pipe *pipe) {
        int fd;

        if (pipe->pipe.end != PIPE_READER)
                return -EACCES;
        if (pipe->poll_fd < 0) {
                fd = handle_poll_open(&pipe->handle);
                if (fd < 0)
                        return fd;
                pipe->poll_fd = fd;
        }
        return pipe->poll_fd;
}

static uint64_t deadline(int64_t timeout_usec) {
        return timeout_usec < 0 ? USEC_INFINITY : usec_add(now_usec(), (uint64_t)timeout_usec);
}

/* ---- sending ----------------------------------------------------------------------------------- */

static SLOW int reserve_slow(struct pipe *p, size_t size, void **ret, int64_t timeout_usec) {
        if (p->end != PIPE_WRITER)
                return -EACCES;
        if (size > p->message_max)
                return -EMSGSIZE;
        if (timeout_usec == 0)
                return -EAGAIN;
        return pipe_reserve_wait(p, (uint32_t)size, ret, deadline(timeout_usec));
}

/** Whatever is in its way. */
static SLOW int reserve_any(struct pipe *p, size_t size, void **ret, int64_t timeout_usec) {
        int r = -EAGAIN;

        if (likely(p->end == PIPE_WRITER && size <= p->message_max))
                r = pipe_reserve_fast(p, (uint32_t)size, ret);
        return unlikely(r == -EAGAIN) ? reserve_slow(p, size, ret, timeout_usec) : r;
}

/** Whatever is in its way. @param ret  where the next one begins. */
static SLOW int put_any(struct pipe *p, const void *data, size_t size, uint64_t *ret, int64_t timeout_usec) {
        int r = -EAGAIN;
        void *to;

        if (likely(p->end == PIPE_WRITER && size <= p->message_max))
                r = pipe_put_fast(p, data, (uint32_t)size, ret);
        if (likely(r != -EAGAIN))
                return r;
        r = reserve_slow(p, size, &to, timeout_usec);
        if (unlikely(r < 0))
                return r;
        copy_bytes(to, data, size);
        *ret = pipe_end_record(p, (uint32_t)size);
        return 0;
}

static SLOW int send_any(struct pipe *p, const void *data, size_t size, int64_t timeout_usec) {
        uint64_t end;
        int r = put_any(p, data, size, &end, timeout_usec);

        if (likely(r == 0))
                pipe_tell_at(p, end);
        return r;
}

static SLOW int append_any(struct pipe *p, const void *data, size_t size, int64_t timeout_usec) {
        uint64_t end;
        int r = put_any(p, data, size, &end, timeout_usec);

        if (likely(r == 0))
                pipe_stay_at(p, end);
        return r;
}

int ganger_pipe_send(struct ganger_pipe *pipe, const void *data, size_t size, int64_t timeout_usec) {
        struct pipe *p = &pipe->pipe;
        uint64_t end;

        if (unlikely(!pipe_put_short(p, data, size, &end)))
                return send_any(p, data, size, timeout_usec);
        pipe_tell_at(p, end);
        return 0;
}

int ganger_pipe_append(struct ganger_pipe *pipe, const void *data, size_t size, int64_t timeout_usec) {
        struct pipe *p = &pipe->pipe;
        uint64_t end;

        if (unlikely(!pipe_put_short(p, data, size, &end)))
                return append_any(p, data, size, timeout_usec);
        pipe_stay_at(p, end);
        return 0;
}

int ganger_pipe_send_many(struct ganger_pipe *pipe, const struct iovec *messages, size_t n, int64_t timeout_usec) {
        struct pipe *p = &pipe->pipe;
        int r;

        if (unlikely(p->end != PIPE_WRITER))
                return -EACCES;
        if (unlikely(n == 0 || n > INT_MAX))
                return -EINVAL;
        r = pipe_append_many(p, messages, n);
        if (unlikely(r == -EAGAIN && timeout_usec != 0)) {
                r = append_any(p, messages->iov_base, messages->iov_len, timeout_usec);
                if (r == 0)
                        r = 1 + (n > 1 ? MAX(pipe_append_many(p, messages + 1, n - 1), 0) : 0);
        }
        if (likely(r > 0))
                pipe_tell_fast(p);
        return r;
}

int ganger_pipe_publish(struct ganger_pipe *pipe) {
        struct pipe *p = &pipe->pipe;

        if (unlikely(p->end != PIPE_WRITER))
                return -EACCES;
        if (p->ahead != 0)
                pipe_tell_fast(p);
        return 0;
}

int ganger_pipe_reserve(struct ganger_pipe *pipe, size_t size, void **ret, int64_t timeout_usec) {
        if (unlikely(!pipe_reserve_short(&pipe->pipe, size, ret)))
                return reserve_any(&pipe->pipe, size, ret, timeout_usec);
        return 0;
}

int ganger_pipe_commit(struct ganger_pipe *pipe, size_t size) {
        struct pipe *p = &pipe->pipe;

        if (unlikely(p->reserved == PIPE_UNRESERVED))
                return -EINVAL;
        if (unlikely(size > p->reserved))
                return -EMSGSIZE;
        pipe_tell_at(p, pipe_end_record(p, (uint32_t)size));
        return 0;
}

/* ---- receiving --------------------------------------------------------------------------------- */

/** Forget the posts so far, then look at the pipe: one that comes after this stays. */
static int arm(struct ganger_pipe *pipe, const void **ret, uint32_t *ret_size) {
        struct epoll_event ignored;

        (void)epoll_wait(pipe->poll_fd, &ignored, 1, 0);
        return pipe_look_poll(&pipe->pipe, ret, ret_size);
}

static SLOW int look_slow(struct ganger_pipe *pipe, const void **ret, uint32_t *ret_size, int64_t timeout_usec) {
        struct pipe *p = &pipe->pipe;
        int r;

        if (p->end != PIPE_READER)
                return -EACCES;
        if (timeout_usec != 0)
                return pipe_look_wait(p, ret, ret_size, deadline(timeout_usec), pipe->drain);
        r = pipe->poll_fd < 0 ? -EAGAIN : arm(pipe, ret, ret_size);
        /* Armed, but whoever asked us to end may have looked for pollers just before. */
        return r == -EAGAIN && hold_ends(pipe->drain) ? -ESHUTDOWN : r;
}

/** Whatever is in its way. */
static SLOW int look(struct ganger_pipe *pipe, const void **ret, uint32_t *ret_size, int64_t timeout_usec) {
        struct pipe *p = &pipe->pipe;
        int r = 0;

        if (unlikely(p->armed))
                wait_disarm(&p->wait, pipe->handle.participant, &p->armed);
        if (unlikely(p->end != PIPE_READER))
                return -EACCES;
        if (unlikely(hold_is_set(pipe->drain)))
                r = hold_wait(pipe->drain, pipe->poll_fd, &timeout_usec);
        if (likely(r == 0))
                r = pipe_look_fast(p, ret, ret_size);
        else
                return r;
        return unlikely(r == -EAGAIN) ? look_slow(pipe, ret, ret_size, timeout_usec) : r;
}

/** A record with nothing in its way. @return NULL: use look(). */
static inline const unsigned char *look_short(struct ganger_pipe *pipe, uint32_t *ret_size, uint64_t *ret_next) {
        struct pipe *p = &pipe->pipe;

        if (unlikely(p->end != PIPE_READER || p->armed || hold_is_set(pipe->drain)))
                return NULL;
        return pipe_look_short(p, ret_size, ret_next);
}

static SLOW int peek_any(struct ganger_pipe *pipe, const void **ret_data, size_t *ret_size, int64_t timeout_usec) {
        uint32_t size;
        int r = look(pipe, ret_data, &size, timeout_usec);

        if (unlikely(r < 0))
                return r;
        pipe_pass(&pipe->pipe, size);
        *ret_size = size;
        return 0;
}

int ganger_pipe_peek(struct ganger_pipe *pipe, const void **ret_data, size_t *ret_size, int64_t timeout_usec) {
        uint32_t size;
        uint64_t next;
        const unsigned char *data = look_short(pipe, &size, &next);

        if (unlikely(!data))
                return peek_any(pipe, ret_data, ret_size, timeout_usec);
        pipe_stay_at(&pipe->pipe, next);
        *ret_data = data;
        *ret_size = size;
        return 0;
}

int ganger_pipe_peek_many(struct ganger_pipe *pipe, struct iovec *ret, size_t n, int64_t timeout_usec) {
        const void *data;
        size_t size;
        int r;

        if (unlikely(n == 0 || n > INT_MAX))
                return -EINVAL;
        r = ganger_pipe_peek(pipe, &data, &size, timeout_usec);
        if (unlikely(r < 0))
                return r;
        ret[0] = (struct iovec){ (void *)(uintptr_t)data, size };
        return n == 1 ? 1 : 1 + MAX(pipe_peek_many(&pipe->pipe, ret + 1, n - 1), 0);
}

int ganger_pipe_consume(struct ganger_pipe *pipe) {
        struct pipe *p = &pipe->pipe;

        if (unlikely(p->end != PIPE_READER))
                return -EACCES;
        if (likely(p->ahead != 0))
                pipe_tell_fast(p);
        return 0;
}

static SLOW int receive_any(struct ganger_pipe *pipe, void *buffer, size_t size, size_t *ret_size, int64_t timeout_usec) {
        const void *data;
        uint32_t n;
        int r = look(pipe, &data, &n, timeout_usec);

        if (unlikely(r < 0))
                return r;
        r = pipe_consume_into(&pipe->pipe, data, n, buffer, size);
        if (likely(r == 0))
                *ret_size = n;
        return r;
}

int ganger_pipe_receive(struct ganger_pipe *pipe, void *buffer, size_t size, size_t *ret_size, int64_t timeout_usec) {
        uint32_t n;
        uint64_t next;
        const unsigned char *data = look_short(pipe, &n, &next);

        if (unlikely(!data || n > size || n > COPY_SHORT_MAX))
                return receive_any(pipe, buffer, size, ret_size, timeout_usec);
        copy_short(buffer, data, n);
        pipe_tell_at(&pipe->pipe, next);
        *ret_size = n;
        return 0;
}

/* ---- for ganger_wait_any() ----------------------------------------------------------------------- */

int pipe_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret) {
        struct ganger_pipe *pipe = w->handle;
        struct pipe *p = &pipe->pipe;
        uint32_t size;
        int r;

        if (p->end != (event == GANGER_SEND ? PIPE_WRITER : PIPE_READER))
                return -EACCES;
        if (event == GANGER_RECEIVE) {
                *ret = pipe_record_item(p, pipe->drain);
                return 0;
        }
        r = wait_room(w, p->message_max, &size);
        if (r == 0)
                *ret = pipe_room_item(p, size);
        return r;
}
