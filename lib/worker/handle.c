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
#include <sys/timerfd.h>

#include "base/time.h"
#include "shm/recover.h"
#include "shm/sys.h"
#include "worker/membership.h"
#include "worker/wait-any.h"
#include "worker/transfer.h"

#define ALL_FLAGS (GANGER_RECEIVE | GANGER_SEND)

/* ---- of any kind --------------------------------------------------------------------------------- */

int joined_find(struct ganger *g, enum object_kind kind, const char *name, unsigned int flags, struct joined **ret) {
        struct joined *found = NULL;

        for (size_t i = 0; i < g->n_objects; i++) {
                struct joined *j = &g->objects[i];
                bool fits = (j->flags & flags) == flags;

                if (j->object.region.geometry.kind != kind)
                        continue;
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

/** A participant that has no handle. @return its place in the seat, or -EUSERS. */
static int free_participant(const struct joined *j) {
        uint64_t wanted = ~j->taken & (j->count < 64 ? (UINT64_C(1) << j->count) - 1 : UINT64_MAX);

        return wanted ? __builtin_ctzll(wanted) : -EUSERS;
}

static int free_place(const struct ganger *g) {
        for (int i = 0; i < MEMBER_HANDLES; i++)
                if (!g->open[i])
                        return i;
        return -EUSERS;
}

int handle_take(struct ganger *g, struct joined *j, struct handle *handle) {
        int participant = free_participant(j), place = free_place(g);

        if (participant < 0 || place < 0)
                return -EUSERS;
        *handle = (struct handle){
                .ganger = g, .joined = j, .place = (uint32_t)place, .participant = j->first + (uint32_t)participant,
        };
        return 0;
}

void handle_enter(struct handle *handle, void (*close)(struct handle *handle)) {
        handle->close = close;
        handle->joined->taken |= UINT64_C(1) << (handle->participant - handle->joined->first);
        handle->ganger->open[handle->place] = handle;
}

void handle_release(struct handle *handle, bool holds) {
        struct joined *j = handle->joined;
        const struct seat seat = {
                .object = &j->object,
                .ring = j->number,
                .first = handle->participant,
                .count = 1,
                .generation = j->generation,
        };

        if (holds)
                recover_seat(&seat, "its receiver closed the ring", NULL);
        j->taken &= ~(UINT64_C(1) << (handle->participant - j->first));
        handle->ganger->open[handle->place] = NULL;
}

/* ---- on queues ----------------------------------------------------------------------------------- */

static void ring_close(struct handle *handle) {
        struct ganger_ring *ring = container_of(handle, struct ganger_ring, handle);

        ring_disarm(ring);
        ring->poll_fd = close_fd(ring->poll_fd);
        ring->timer_fd = close_fd(ring->timer_fd);
        ring->flags = 0;
        if (handle->joined->simple == ring)
                handle->joined->simple = NULL;
        /* The walk over all slots is for those only that hold something; being a producer is to hold it. */
        handle_release(handle, ring->held > 0 || ring->queue.producer);
}

/** With the lock held. */
static int ring_open(struct ganger *g, struct joined *j, unsigned int flags, struct ganger_ring **ret) {
        struct ganger_ring *ring;
        struct handle handle;
        int r;

        r = handle_take(g, j, &handle);
        if (r < 0)
                return r;
        ring = &g->rings[handle.place];
        *ring = (struct ganger_ring){
                .drain = g->drain,
                .flags = flags,
                .poll_fd = -1,
                .timer_fd = -1,
                .journal = &g->member.memory->journals[handle.place],
                .handle = handle,
        };
        queue_open(&ring->queue, &j->object.region, handle.participant, j->generation, j->object.event_fd);
        handle_enter(&ring->handle, ring_close);
        *ret = ring;
        return 0;
}

int ganger_ring_open(struct ganger *g, const char *name, unsigned int flags, struct ganger_ring **ret) {
        struct joined *j;
        int r;

        if (flags == 0 || flags & ~(unsigned int)ALL_FLAGS)
                return -EINVAL;
        r = joined_find(g, OBJECT_QUEUE, name, flags, &j);
        if (r < 0)
                return r;
        pthread_mutex_lock(&g->lock);
        r = ring_open(g, j, flags, ret);
        pthread_mutex_unlock(&g->lock);
        return r;
}

struct ganger_ring *ganger_ring_close(struct ganger_ring *ring) {
        struct ganger *g;

        if (!ring)
                return NULL;
        g = ring->handle.ganger;
        pthread_mutex_lock(&g->lock);
        if (ring->flags)
                ring_close(&ring->handle);
        pthread_mutex_unlock(&g->lock);
        return NULL;
}

const char *ganger_ring_name(const struct ganger_ring *ring) {
        return ring->handle.joined->name;
}

size_t ganger_ring_message_max(const struct ganger_ring *ring) {
        return ring->queue.message_max;
}

int ring_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret) {
        struct ganger_ring *ring = w->handle;

        if (!(ring->flags & event))
                return -EACCES;
        *ret = event == GANGER_RECEIVE ? queue_message_item(&ring->queue, ring->drain) : queue_space_item(&ring->queue);
        return 0;
}

/* ---- event loops ------------------------------------------------------------------------------- */

/*
 * The eventfd is one for all processes of the ring. If pollers read from it, one that finds nothing to do
 * could take a post that was meant for another: the one that is asked to drain, for instance. So nobody
 * reads it. Each handle watches it, edge-triggered, through an epoll descriptor of its own: every post
 * makes every one of them readable.
 */
int handle_poll_open(const struct handle *handle) {
        int event_fd = handle->joined->object.event_fd;
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

/** Beside the eventfd of a ring, a timer, for messages that rest. @return it, or an error. */
static int add_timer(int poll_fd) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLET };
        _cleanup_(closep) int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

        if (fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/** Wake the poller when the first message that rests is due. */
static void set_timer(const struct ganger_ring *ring) {
        uint64_t alarm = queue_alarm(&ring->queue);
        struct itimerspec t = { 0 };

        if (alarm == USEC_INFINITY)
                return;
        t.it_value.tv_sec = (time_t)(alarm / USEC_PER_SEC);
        t.it_value.tv_nsec = (long)(alarm % USEC_PER_SEC) * 1000;
        (void)timerfd_settime(ring->timer_fd, TFD_TIMER_ABSTIME, &t, NULL); /* refused for no such time */
}

int ganger_ring_fd(struct ganger_ring *ring) {
        _cleanup_(closep) int fd = -1;
        int timer_fd;

        if (!(ring->flags & GANGER_RECEIVE))
                return -EACCES;
        if (ring->poll_fd < 0) {
                fd = handle_poll_open(&ring->handle);
                if (fd < 0)
                        return fd;
                timer_fd = add_timer(fd);
                if (timer_fd < 0)
                        return timer_fd;
                ring->poll_fd = TAKE_FD(fd);
                ring->timer_fd = timer_fd;
        }
        return ring->poll_fd;
}

void ring_disarm(struct ganger_ring *ring) {
        wait_disarm(&ring->queue.messages, ring->handle.participant, &ring->queue.armed);
}

int ring_arm(struct ganger_ring *ring, struct lease *ret) {
        struct epoll_event ignored[2];
        int r;

        /* Forget the posts so far, then look at the ring: one that comes after this stays. */
        (void)epoll_wait(ring->poll_fd, ignored, 2, 0);
        r = queue_receive_poll(&ring->queue, ret);
        /* Whoever lets a message rest for less from here on posts. */
        if (r == -EAGAIN)
                set_timer(ring);
        return r;
}

/* ---- simple use -------------------------------------------------------------------------------- */

/** The handle that `g` keeps on a ring; it does all that the ring was given for. */
static int simple_ring(struct ganger *g, const char *name, unsigned int flags, struct ganger_ring **ret) {
        struct joined *j;
        int r;

        r = joined_find(g, OBJECT_QUEUE, name, flags, &j);
        if (r < 0)
                return r == -EACCES ? -ENOENT : r;
        if (!j->simple) {
                pthread_mutex_lock(&g->lock);
                r = ring_open(g, j, j->flags, &j->simple);
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
