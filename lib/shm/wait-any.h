/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_WAIT_ANY_H
#define GANGER_SHM_WAIT_ANY_H

/*
 * Waiting for any of several things
 *
 * It knows no kind of object: whoever waits says for each thing where it is waited for, as whom, and how to look whether it
 * is there. Looking takes nothing; so what was there when we looked may be gone when it is to be taken, and then one waits
 * again.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/wait.h"

/** Things that one call can wait for: as many as the kernel takes (FUTEX_WAITV_MAX). */
#define WAIT_ITEMS_MAX 128

struct wait_item {
        const struct waiting *waiting;  /* NULL: `alone` */
        struct waiting_alone alone;
        uint32_t participant;           /* who waits there; announced by nobody else meanwhile */
        bool polls;                     /* … but for this: it is announced as a poller already, and stays so */
        bool many;                      /* one step may let in more than one: each who is let in wakes the next */
        /** Is it there? Must be true whenever taking it would not be refused with -EAGAIN, and false as soon as it would. */
        bool (*is_ready)(const struct wait_item *item);
        /** When to look again though nobody wakes, as in wait-until.h; NULL: never. */
        uint64_t (*alarm)(const struct wait_item *item);
        void *object;
        uint64_t which;                 /* of the object, as its kind has it: how many bytes, which call */
        uint64_t until_usec;            /* likewise: when it is over anyway */
        const _Atomic uint32_t *drain;  /* a flag as in wait.h; may be NULL */
        uint32_t held;                  /* what it said when this round of waiting began, if that holds up only; else 0 */
        uint32_t *spin;                 /* how long to look before sleeping (wait_spin_init);
                                         * that of the first item counts */
        bool ready;                     /* result */
};

/** Look at each, once. @return how many are ready, or -EAGAIN, -ESHUTDOWN. */
int wait_any_look(struct wait_item *items, size_t n);

/**
 * Wait until at least one is ready. Others who wait for the same are told of all of them but the first: the caller takes
 * that at once (or dies, and is recovered).
 * @param n              1 … WAIT_ITEMS_MAX.
 * @param deadline_usec  CLOCK_MONOTONIC; UINT64_MAX: none.
 * @return how many are ready; -ETIMEDOUT, -EINTR, -ESHUTDOWN; without futex_waitv(2) also errors of epoll_create1(2).
 */
int wait_any(struct wait_item *items, size_t n, uint64_t deadline_usec);

/** From now on wait as on a kernel before 5.16, with event descriptors; or again as this one can. For tests. */
void wait_any_by_descriptors(bool on);

#endif
