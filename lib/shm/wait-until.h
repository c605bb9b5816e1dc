/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_WAIT_UNTIL_H
#define GANGER_SHM_WAIT_UNTIL_H

/*
 * Waiting until something can be done, whatever it is: look, give way, sleep; or arm a descriptor
 *
 * For whoever has an eventcount (shm/wait.h) and something to try.
 */

#include <stdbool.h>
#include <stdint.h>

#include "shm/wait.h"

/** How a participant waits: private to it, and learnt as it goes. */
struct patience {
        uint32_t spin;                  /* how often to look before sleeping; 0: one processor */
        uint32_t brief;                 /* sleeps that were over at once, lately */
};

void patience_init(struct patience *p);
/** Leave alone for a moment the lines of somebody who is about to write there; not at all where there is one processor. */
void patience_pause(const struct patience *p, unsigned int pauses);

/** What is waited for. */
struct wait_for {
        /** @return -EAGAIN as long as it is not there; anything else ends the wait. */
        int (*try)(void *object, void *ret);
        void *object, *ret;
        /**
         * When to look again though nobody wakes (CLOCK_MONOTONIC); UINT64_MAX: not. Whoever makes it sooner wakes. NULL:
         * never.
         */
        uint64_t (*alarm)(void *object);
        const struct waiting *waiting;
        struct patience *patience;
        uint32_t participant;
        const _Atomic uint32_t *drain;  /* a flag as in wait.h; NULL: none */
        bool pass_on;                   /* what lets one in may let in more than one, but wakes one */
};

/**
 * Wait until it is there.
 * @param deadline_usec  CLOCK_MONOTONIC; UINT64_MAX: none.
 * @return what `try` returned at last; -ETIMEDOUT, -EINTR, -ESHUTDOWN.
 */
int wait_until(const struct wait_for *f, uint64_t deadline_usec);

/**
 * For event loops: try; after -EAGAIN the descriptor of `waiting` is armed, and a change wakes it.
 * @param armed  whether this participant is announced as a poller: its handle's.
 */
int wait_poll(const struct wait_for *f, bool *armed);

/** Awake: wakers need not post any more. */
void wait_disarm(const struct waiting *w, uint32_t participant, bool *armed);

#endif
