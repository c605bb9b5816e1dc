/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WORKER_MEMBERSHIP_H
#define GANGER_WORKER_MEMBERSHIP_H

/*
 * What is behind `struct ganger` and `struct ganger_ring`
 *
 * All rings are mapped at the join, and the table of them never changes: a signal handler may walk it
 * (ganger_interrupt). Handles live in a table too, so that the message of a handle that was closed finds a
 * closed handle, not freed memory; a handle's place in it is also the number of its journal.
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
#include "shm/queue.h"
#include "worker/handshake.h"

/** Participants of one ring that one process can have handles for: a bit each. */
#define HANDLE_PARTICIPANTS_MAX 64

/** A ring that this process was given. */
struct joined_ring {
        char name[NAME_LENGTH_MAX + 1];
        uint32_t number;                /* in the handshake, and so in journals */
        uint32_t first, count, generation;
        unsigned int flags;             /* GANGER_RECEIVE, GANGER_SEND: what it was given for */
        struct region region;
        int event_fd;
        struct queue judge;             /* participant 0: wakes, and recovers handles that are closed */
        struct ganger_ring *simple;     /* the handle of ganger_receive() and ganger_send(); NULL: none yet */
        uint64_t taken;                 /* participants that have an open handle; under the lock */
};

struct ganger_ring {
        /* Two lines: processors fetch lines in pairs, and the next handle may be another thread's. */
        _Alignas(2 * CACHE_LINE) struct queue queue;
        _Atomic uint32_t *drain;        /* not 0: receive no more */
        unsigned int flags;             /* GANGER_RECEIVE, GANGER_SEND; 0: closed */
        uint32_t held;                  /* messages received or reserved, and not finished */
        int poll_fd;                    /* for ganger_ring_fd(); -1: nobody asked */
        struct journal *journal;
        struct joined_ring *joined;
        struct ganger *ganger;
};

struct ganger {
        struct ganger_ring handles[MEMBER_HANDLES];
        uint64_t open;                  /* which of them are; under the lock */
        pthread_mutex_t lock;
        char worker[NAME_LENGTH_MAX + 1];
        unsigned int instance;
        struct member member;
        _Atomic uint32_t *drain;        /* in the member memory; without one, `no_drain` */
        _Atomic uint32_t no_drain;
        size_t n_rings;
        struct joined_ring rings[];
};

_Static_assert(MEMBER_HANDLES <= 64, "`open` has a bit for each handle");

/**
 * Map what a handshake names.
 * @param h  sound; its descriptor numbers are ours. On success the descriptors are taken over: those of
 *         eventfds are
 *           kept, close-on-exec, the others closed. On failure they stay the caller's.
 * @return 0, -EPROTO (a descriptor is not what it should be), -EOPNOTSUPP, -ENOMEM, …
 */
int membership_new(struct ganger **ret, const struct handshake *h);

/** Close a handle, with the lock held. */
void handle_close(struct ganger_ring *ring);

#endif
