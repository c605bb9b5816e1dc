/* SPDX-License-Identifier: MIT */

/*
 * Membership: mapping the objects of a handshake, and leaving them
 *
 * Invariant: no descriptor of the caller is touched before everything else has succeeded, so that a failed
 * join can be tried again.
 */

#include "worker/membership.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/time.h"
#include "worker/hold.h"

DEFINE_CLEANUP(struct ganger *, ganger_leave)

/** What was handed to us is not what it should be, in one word. */
static int to_protocol_error(int error) {
        switch (error) {
        case -EPERM:    /* not sealed */
        case -EBADF:    /* no such descriptor */
        case -EINVAL:   /* not a memfd */
        case -EACCES:   /* opened read-only */
        case -E2BIG:
                return -EPROTO;
        default:
                return error;
        }
}

static int joined_init(struct joined *j, const struct handshake_object *from, uint32_t number) {
        struct region region;
        int r;

        if (fcntl(from->event_fd, F_GETFD) < 0)
                return -errno;
        r = region_map(&region, from->memory_fd, &from->geometry);
        if (r < 0)
                return r;
        /* Who only receives keeps its hands off what others rely on, where the kind has that apart. */
        if (!from->sends)
                r = region_protect(&region, geometry_shared_size(&from->geometry));
        if (r < 0) {
                region_unmap(&region);
                return r;
        }
        object_open(&j->object, &region, from->event_fd);
        memcpy(j->name, from->name, sizeof j->name);
        j->number = number;
        j->first = from->first;
        j->count = MIN(from->count, (uint32_t)HANDLE_PARTICIPANTS_MAX);
        j->generation = from->generation;
        j->flags = (from->receives ? GANGER_RECEIVE : 0u) | (from->sends ? GANGER_SEND : 0u);
        return 0;
}

static void joined_done(struct joined *j) {
        region_unmap(&j->object.region);
        j->event_fd = close_fd(j->event_fd);
}

static int membership_allocate(struct ganger **ret, const struct handshake *h) {
        size_t align = _Alignof(struct ganger);
        size_t size = sizeof(struct ganger) + h->n_objects * sizeof(struct joined);
        struct ganger *g;

        size = (size + align - 1) / align * align;
        g = aligned_alloc(align, size);
        if (!g)
                return -ENOMEM;
        memset(g, 0, size);
        pthread_mutex_init(&g->lock, NULL);
        memcpy(g->worker, h->worker, sizeof g->worker);
        g->instance = h->instance;
        g->n_objects = h->n_objects;
        g->drain = &g->no_drain;
        for (size_t i = 0; i < g->n_objects; i++)
                g->objects[i].event_fd = -1;
        *ret = g;
        return 0;
}

static void take_descriptors(struct ganger *g, const struct handshake *h) {
        for (size_t i = 0; i < h->n_objects; i++) {
                g->objects[i].event_fd = h->objects[i].event_fd;
                (void)fd_set_cloexec(h->objects[i].event_fd, true);
                close(h->objects[i].memory_fd);
        }
        close_fd(h->member_fd);
}

int membership_new(struct ganger **ret, const struct handshake *h) {
        _cleanup_(ganger_leavep) struct ganger *g = NULL;
        int r;

        r = membership_allocate(&g, h);
        if (r < 0)
                return r;
        if (h->member_fd >= 0) {
                r = member_map(&g->member, h->member_fd);
                if (r < 0)
                        return to_protocol_error(r);
                g->drain = &g->member.memory->drain;
        }
        for (size_t i = 0; i < h->n_objects; i++) {
                r = joined_init(&g->objects[i], &h->objects[i], (uint32_t)i);
                if (r < 0)
                        return to_protocol_error(r);
        }
        take_descriptors(g, h);
        if (g->member.memory)
                atomic_store(&g->member.memory->joined, 1);
        *ret = TAKE(g);
        return 0;
}

struct ganger *ganger_leave(struct ganger *g) {
        if (!g)
                return NULL;
        pthread_mutex_lock(&g->lock);
        for (size_t i = 0; i < MEMBER_HANDLES; i++)
                if (g->open[i])
                        g->open[i]->close(g->open[i]);
        pthread_mutex_unlock(&g->lock);
        if (g->member.memory)
                atomic_store_explicit(&g->member.memory->heartbeat, HEARTBEAT_LEFT, memory_order_relaxed);
        for (size_t i = 0; i < g->n_objects; i++)
                joined_done(&g->objects[i]);
        member_unmap(&g->member);
        pthread_mutex_destroy(&g->lock);
        free(g);
        return NULL;
}

const char *ganger_worker(const struct ganger *g) {
        return g->worker;
}

unsigned int ganger_instance(const struct ganger *g) {
        return g->instance;
}

/* Relaxed: whoever looks wants to see that it moves, and nothing else by it. */
void ganger_heartbeat(struct ganger *g) {
        if (g->member.memory)
                atomic_fetch_add_explicit(&g->member.memory->heartbeat, 1, memory_order_relaxed);
}

int ganger_is_standby(const struct ganger *g) {
        return (atomic_load_explicit(g->drain, memory_order_acquire) & MEMBER_STANDBY) != 0;
}

int ganger_wait_active(struct ganger *g, int64_t timeout_usec) {
        uint64_t deadline = timeout_usec < 0 ? USEC_INFINITY : usec_add(now_usec(), (uint64_t)timeout_usec);
        int r = timeout_usec != 0 ? hold_wait_bits(g->drain, MEMBER_STANDBY, deadline) :
                hold_ends(g->drain) ? -ESHUTDOWN : ganger_is_standby(g) ? -EAGAIN : 0;

        return r;
}

/*
 * Async-signal-safe: reads what never changes after the join, stores to shared memory, and makes system
 * calls.
 */
void ganger_interrupt(struct ganger *g) {
        int saved = errno;

        /* Before the wake-ups: whoever they wake must see it. */
        atomic_fetch_or(g->drain, MEMBER_ENDS);
        wait_flag_wake(g->drain);
        for (size_t i = 0; i < g->n_objects; i++)
                if (g->objects[i].flags & GANGER_RECEIVE)
                        object_wake_held(&g->objects[i].object);
        errno = saved;
}
