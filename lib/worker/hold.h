/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WORKER_HOLD_H
#define GANGER_WORKER_HOLD_H

/*
 * Receiving while the flag of the member memory is set
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "shm/member.h"

/** Is anything in the way of receiving? Costs a load of a line that nobody writes. */
static inline bool hold_is_set(const _Atomic uint32_t *flag) {
        return atomic_load_explicit((_Atomic uint32_t *)flag, memory_order_relaxed) != 0;
}

/** Is this process asked to end? */
static inline bool hold_ends(const _Atomic uint32_t *flag) {
        return atomic_load_explicit((_Atomic uint32_t *)flag, memory_order_relaxed) & MEMBER_ENDS;
}

/**
 * Something is in the way: wait until it no longer is.
 * @param poll_fd       of the handle: from now on it becomes readable when nothing is in the way any more; -1: none.
 * @param timeout_usec  as of a receive; receives what is left of it.
 * @return 0: receive now; -ESHUTDOWN; -EAGAIN (the timeout is 0), -ETIMEDOUT, -EINTR.
 */
int hold_wait(const _Atomic uint32_t *flag, int poll_fd, int64_t *timeout_usec);

/** The same for some of the bits, and without a descriptor. With MEMBER_ENDS it is -ESHUTDOWN, whatever the bits. */
int hold_wait_bits(const _Atomic uint32_t *flag, uint32_t bits, uint64_t deadline_usec);

#endif
