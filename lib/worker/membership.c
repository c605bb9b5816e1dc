/* SPDX-License-Identifier: MIT */

/*
 * Membership: mapping the rings of a handshake, and leaving them
 *
 * Invariant: no descriptor of the caller is touched before everything else has succeeded, so that a failed
 * join can be tried again.
 */

#include "worker/membership.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"

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

static int joined_ring_init(struct joined_ring *j, const struct handshake_ring *from, uint32_t number) {
        int r;

        if (fcntl(from->event_fd, F_GETFD) < 0)
                return -errno;
        r = region_map(&j->region, from->memory_fd, &from->geometry);
        if (r < 0)
                return r;
        memcpy(j->name, from->name, sizeof j->name);
        j->number = number;
        j->first = from->first;
        j->count = MIN(from->count, (uint32_t)HANDLE_PARTICIPANTS_MAX);
        j->generation = from->generation;
        j->flags = (from->receives ? GANGER_RECEIVE : 0u) | (from->sends ? GANGER_SEND : 0u);
        queue_open(&j->judge, &j->region, 0, 0, from->event_fd);
        return 0;
}

static void joined_ring_done(struct joined_ring *j) {
        region_unmap(&j->region);
        j->event_fd = close_fd(j->event_fd);
}

static int membership_allocate(struct ganger **ret, const struct handshake *h) {
        size_t align = _Alignof(struct ganger);
        size_t size = sizeof(struct ganger) + h->n_rings * sizeof(struct joined_ring);
        struct ganger *g;

        size = (size + align - 1) / align * align;
        g = aligned_alloc(align, size);
        if (!g)
                return -ENOMEM;
        memset(g, 0, size);
        pthread_mutex_init(&g->lock, NULL);
        memcpy(g->worker, h->worker, sizeof g->worker);
        g->instance = h->instance;
        g->n_rings = h->n_rings;
        g->drain = &g->no_drain;
        for (size_t i = 0; i < g->n_rings; i++)
                g->rings[i].event_fd = -1;
        *ret = g;
        return 0;
}

static void take_descriptors(struct ganger *g, const struct handshake *h) {
        for (size_t i = 0; i < h->n_rings; i++) {
                g->rings[i].event_fd = h->rings[i].event_fd;
                (void)fd_set_cloexec(h->rings[i].event_fd, true);
                close(h->rings[i].memory_fd);
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
        for (size_t i = 0; i < h->n_rings; i++) {
                r = joined_ring_init(&g->rings[i], &h->rings[i], (uint32_t)i);
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
                if (g->open & UINT64_C(1) << i)
                        handle_close(&g->handles[i]);
        pthread_mutex_unlock(&g->lock);
        for (size_t i = 0; i < g->n_rings; i++)
                joined_ring_done(&g->rings[i]);
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

/*
 * Async-signal-safe: reads what never changes after the join, stores to shared memory, and makes system
 * calls.
 */
void ganger_interrupt(struct ganger *g) {
        int saved = errno;

        /* Before the wake-up: whoever it wakes must see it. */
        atomic_store(g->drain, 1);
        for (size_t i = 0; i < g->n_rings; i++)
                if (g->rings[i].flags & GANGER_RECEIVE)
                        wait_wake_all(&g->rings[i].judge.messages);
        errno = saved;
}
