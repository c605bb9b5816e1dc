/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WORKER_MEMBERSHIP_H
#define GANGER_WORKER_MEMBERSHIP_H

/*
 * What is behind `struct ganger` and `struct ganger_ring`
 *
 * All objects are mapped at the join, and the table of them never changes: a signal handler may walk it
 * (ganger_interrupt). Handles on queues live in a table too, so that the message of a handle that was closed finds a
 * closed handle, not freed memory; a handle's place is also the number of its journal.
 *
 * Locking: `lock` guards which handles are open and which participants are taken, nothing else. What is
 * in an open handle belongs to the thread that uses it.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "ganger.h"
#include "shm/member.h"
#include "shm/object.h"
#include "worker/handshake.h"

/** Participants of one object that one process can have handles for: a bit each. */
#define HANDLE_PARTICIPANTS_MAX 64

/** A ring or a lock that this process was given. */
struct joined {
        char name[NAME_LENGTH_MAX + 1];
        uint32_t number;                /* in the handshake, and so in journals */
        uint32_t first, count, generation;
        unsigned int flags;             /* GANGER_RECEIVE, GANGER_SEND: what it was given for */
        struct object object;           /* as participant 0: wakes, and recovers handles that are closed */
        int event_fd;                   /* the object's, once it is ours to close; -1 before */
        struct ganger_ring *simple;     /* the handle of ganger_receive() and ganger_send(); NULL: none yet */
        uint64_t taken;                 /* participants that have an open handle; under the lock */
};

/** What every open handle has, whatever it is on: a participant of its object, and a place, which is also its journal's. */
struct handle {
        struct ganger *ganger;
        struct joined *joined;
        uint32_t place;
        uint32_t participant;
        /** Give back what it holds, and free it; with the lock held. */
        void (*close)(struct handle *handle);
};

struct ganger_ring {
        /* Two lines: processors fetch lines in pairs, and the next handle may be another thread's. */
        _Alignas(2 * CACHE_LINE) struct queue queue;
        _Atomic uint32_t *drain;        /* MEMBER_…: while it is not 0, receive nothing */
        unsigned int flags;             /* GANGER_RECEIVE, GANGER_SEND; 0: closed */
        uint32_t held;                  /* messages received or reserved, and not finished */
        int poll_fd;                    /* for ganger_ring_fd(); -1: nobody asked */
        int timer_fd;                   /* in it; expires when a message that rests is due; -1 as long as poll_fd is */
        struct journal *journal;
        struct handle handle;
};

struct ganger {
        struct ganger_ring rings[MEMBER_HANDLES]; /* handles on queues, each at its place */
        struct handle *open[MEMBER_HANDLES]; /* by place; under the lock */
        pthread_mutex_t lock;
        char worker[NAME_LENGTH_MAX + 1];
        unsigned int instance;
        struct member member;
        _Atomic uint32_t *drain;        /* in the member memory; without one, `no_drain` */
        _Atomic uint32_t no_drain;
        size_t n_objects;
        struct joined objects[];
};

/**
 * Map what a handshake names.
 * @param h  sound; its descriptor numbers are ours. On success the descriptors are taken over: those of
 *         eventfds are
 *           kept, close-on-exec, the others closed. On failure they stay the caller's.
 * @return 0, -EPROTO (a descriptor is not what it should be), -EOPNOTSUPP, -ENOMEM, …
 */
int membership_new(struct ganger **ret, const struct handshake *h);

/* ---- handles, of any kind ---------------------------------------------------------------------- */

/**
 * Find an object that this process was given.
 * @param name   NULL: the only one of this kind that fits `flags`.
 * @param flags  GANGER_RECEIVE, GANGER_SEND: what it must have been given for.
 * @return 0, -ENOENT (none of that name; or it is of another kind), -EACCES (given, but not for this), -ENOTUNIQ.
 */
int joined_find(struct ganger *g, enum object_kind kind, const char *name, unsigned int flags, struct joined **ret);

/**
 * Take a participant of an object, and a place; with the lock held.
 * @param handle  filled, but not entered: whoever has made the rest of the handle calls handle_enter().
 * @return 0, -EUSERS.
 */
int handle_take(struct ganger *g, struct joined *j, struct handle *handle);
void handle_enter(struct handle *handle, void (*close)(struct handle *handle));

/**
 * Leave participant and place to others; with the lock held. The participant must hold nothing by now, and be announced
 * nowhere: its number is used again at once, in the same generation.
 * @param holds  it may hold something: then it is recovered first, by its object's kind.
 */
void handle_release(struct handle *handle, bool holds);

/**
 * A descriptor that becomes readable at each post to the object's eventfd, and is so at first.
 * @return it, the caller's; or an error of epoll_create1(2) or epoll_ctl(2).
 */
int handle_poll_open(const struct handle *handle);

#endif
