/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_DEADLOCK_H
#define GANGER_DAEMON_POLICY_DEADLOCK_H

/*
 * Deadlocks: threads of which each waits for what only others of them hold
 *
 * Pure. Threads and locks are numbers from 0 on. A thread that waits goes on when any holder of the lock gives back what it
 * has; so it is stuck only if every permit of the lock is held by threads that are stuck themselves.
 */

#include <stddef.h>
#include <stdint.h>

#define DEADLOCK_NONE UINT32_MAX

struct wait_hold {
        uint32_t thread, lock;
};

/** Who holds what, and who waits for what. */
struct wait_graph {
        size_t n_threads, n_locks;
        const struct wait_hold *holds;  /* a thread may be there several times for one lock */
        size_t n_holds;
        const uint32_t *waits;          /* of each thread: the lock that it waits for, or DEADLOCK_NONE */
        const uint32_t *free;           /* of each lock: permits that nobody holds, or whose holder is not known */
};

/** One thread of a cycle: it waits for a lock, which the next one in the cycle holds (of the last one, the first). */
struct deadlock_step {
        uint32_t thread, lock;
};

struct deadlocks {
        struct deadlock_step *steps;    /* the cycles, one behind the other */
        size_t *lengths;                /* of the cycles */
        size_t n;                       /* cycles */
};

#define DEADLOCKS_NULL ((struct deadlocks){ 0 })

void deadlocks_done(struct deadlocks *d);

/**
 * Find the cycles. Each thread is in one at most: threads that wait for those of a cycle without being in it are stuck
 * too, and are not told.
 * @return 0, -EINVAL (a number is out of range), -ENOMEM.
 */
int deadlocks_find(const struct wait_graph *g, struct deadlocks *ret);

#endif
