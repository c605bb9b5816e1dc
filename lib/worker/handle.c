/* SPDX-License-Identifier: MIT */

/*
 * Handles: opening, closing, and the descriptor for event loops
 *
 * Invariant: an open handle has a participant of its own in its ring, and a journal of its own; a closed one
 * holds no slot and is announced nowhere. Hence a participant may be used again at once, in the same
 * generation.
 */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "shm/recover.h"
#include "shm/sys.h"
#include "worker/membership.h"
#include "worker/transfer.h"

#define ALL_FLAGS (GANGER_RECEIVE | GANGER_SEND)

/** The ring of that name, or the only one that fits; see ganger_ring_open(). */
static int find_ring(struct ganger *g, const char *name, unsigned int flags, struct joined_ring **ret) {
        struct joined_ring *found = NULL;

        for (size_t i = 0; i < g->n_rings; i++) {
                struct joined_ring *j = &g->rings[i];
                bool fits = (j->flags & flags) == flags;

                if (name && strcmp(name, j->name) == 0) {
                        *ret = j;
                        return fits ? 0 : -EACCES;
                }
                if (!name && fits) {
                        if (found)
                                return -ENOTUNIQ;
                        found = j;
                }
        }
        if (!found)
                return -ENOENT;
        *ret = found;
        return 0;
}

/** Take a bit that is not set. @return its number, or -EUSERS. */
static int take_bit(uint64_t *bits, uint32_t count) {
        uint64_t wanted = ~*bits & (count < 64 ? (UINT64_C(1) << count) - 1 : UINT64_MAX);

        if (!wanted)
                return -EUSERS;
        *bits |= wanted & -wanted;
        return __builtin_ctzll(wanted);
}

/** With the lock held. */
static int handle_open(struct ganger *g, struct joined_ring *j, unsigned int flags,
                       struct ganger_ring **ret) {
        struct ganger_ring *ring;
        int participant, place;

        participant = take_bit(&j->taken, j->count);
        if (participant < 0)
                return participant;
        place = take_bit(&g->open, MEMBER_HANDLES);
        if (place < 0) {
                j->taken &= ~(UINT64_C(1) << participant);
                return place;
        }
        ring = &g->handles[place];
        *ring = (struct ganger_ring){
                .drain = g->drain,
                .flags = flags,
                .poll_fd = -1,
                .journal = &g->member.memory->journals[place],
                .joined = j,
                .ganger = g,
        };
        queue_open(&ring->queue, &j->region, j->first + (uint32_t)participant, j->generation, j->event_fd);
        *ret = ring;
        return 0;
}

int ganger_ring_open(struct ganger *g, const char *name, unsigned int flags, struct ganger_ring **ret) {
        struct joined_ring *j;
        int r;

        if (flags == 0 || flags & ~(unsigned int)ALL_FLAGS)
                return -EINVAL;
        r = find_ring(g, name, flags, &j);
        if (r < 0)
                return r;
        pthread_mutex_lock(&g->lock);
        r = handle_open(g, j, flags, ret);
        pthread_mutex_unlock(&g->lock);
        return r;
}

void handle_close(struct ganger_ring *ring) {
        struct joined_ring *j = ring->joined;
        uint32_t participant = owner_participant(ring->queue.owner);
        const struct seat seat = {
                .queue = &j->judge,
                .ring = j->number,
                .first = participant,
                .count = 1,
                .generation = j->generation,
        };

        ring_disarm(ring);
        ring->poll_fd = close_fd(ring->poll_fd);
        /* The walk over all slots is for those only that hold something. */
        if (ring->held > 0)
                recover_seat(&seat, "its receiver closed the ring", NULL);
        ring->flags = 0;
        if (j->simple == ring)
                j->simple = NULL;
        j->taken &= ~(UINT64_C(1) << (participant - j->first));
        ring->ganger->open &= ~(UINT64_C(1) << (ring - ring->ganger->handles));
}

struct ganger_ring *ganger_ring_close(struct ganger_ring *ring) {
        struct ganger *g;

        if (!ring)
                return NULL;
        g = ring->ganger;
        pthread_mutex_lock(&g->lock);
        if (ring->flags)
                handle_close(ring);
        pthread_mutex_unlock(&g->lock);
        return NULL;
}

const char *ganger_ring_name(const struct ganger_ring *ring) {
        return ring->joined->name;
}

size_t ganger_ring_message_max(const struct ganger_ring *ring) {
        return ring->queue.message_max;
}

/* ---- event loops ------------------------------------------------------------------------------- */

/*
 * The eventfd is one for all processes of the ring. If pollers read from it, one that finds nothing to do
 * could take a post that was meant for another: the one that is asked to drain, for instance. So nobody
 * reads it. Each handle watches it, edge-triggered, through an epoll descriptor of its own: every post
 * makes every one of them readable.
 */
static int poll_open(int event_fd) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLET };
        _cleanup_(closep) int fd = epoll_create1(EPOLL_CLOEXEC);

        if (fd < 0)
                return -errno;
        /* Readable from the start, so that whoever polls before receiving misses nothing. */
        sys_event_post(event_fd);
        if (epoll_ctl(fd, EPOLL_CTL_ADD, event_fd, &event) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int ganger_ring_fd(struct ganger_ring *ring) {
        int fd;

        if (!(ring->flags & GANGER_RECEIVE))
                return -EACCES;
        if (ring->poll_fd < 0) {
                fd = poll_open(ring->joined->event_fd);
                if (fd < 0)
                        return fd;
                ring->poll_fd = fd;
        }
        return ring->poll_fd;
}

void ring_disarm(struct ganger_ring *ring) {
        if (!ring->queue.armed)
                return;
        ring->queue.armed = false;
        wait_poll_retract(&ring->queue.messages, owner_participant(ring->queue.owner));
}

int ring_arm(struct ganger_ring *ring, struct lease *ret) {
        struct epoll_event ignored;

        /* Forget the posts so far, then look at the ring: one that comes after this stays. */
        (void)epoll_wait(ring->poll_fd, &ignored, 1, 0);
        return queue_receive_poll(&ring->queue, ret);
}

/* ---- simple use -------------------------------------------------------------------------------- */

/** The handle that `g` keeps on a ring; it does all that the ring was given for. */
static int simple_ring(struct ganger *g, const char *name, unsigned int flags, struct ganger_ring **ret) {
        struct joined_ring *j;
        int r;

        r = find_ring(g, name, flags, &j);
        if (r < 0)
                return r == -EACCES ? -ENOENT : r;
        if (!j->simple) {
                pthread_mutex_lock(&g->lock);
                r = handle_open(g, j, j->flags, &j->simple);
                pthread_mutex_unlock(&g->lock);
                if (r < 0)
                        return r;
        }
        *ret = j->simple;
        return 0;
}

int ganger_receive(struct ganger *g, const char *ring, struct ganger_message *ret, int64_t timeout_usec) {
        struct ganger_ring *handle;
        int r;

        r = simple_ring(g, ring, GANGER_RECEIVE, &handle);
        return r < 0 ? r : ganger_ring_receive(handle, ret, timeout_usec);
}

int ganger_send(struct ganger *g, const char *ring, const void *data, size_t size, int64_t timeout_usec) {
        struct ganger_ring *handle;
        int r;

        r = simple_ring(g, ring, GANGER_SEND, &handle);
        return r < 0 ? r : ganger_ring_send(handle, data, size, timeout_usec);
}
