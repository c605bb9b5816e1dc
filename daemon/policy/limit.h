/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_LIMIT_H
#define GANGER_DAEMON_POLICY_LIMIT_H

/*
 * Restart limits
 *
 * At most N restarts in any period, as OTP's intensity: a sliding window over the times of the last
 * restarts. What is started by hand does not count: do not ask for it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The highest N: the times of that many restarts are kept, and written to the state memory. */
#define RESTART_LIMIT_MAX 64

/** Times of restarts, the oldest first. Costs no memory before the first. */
struct restart_limit {
        uint64_t *at_usec;
        uint32_t n, allocated;
};

#define RESTART_LIMIT_NULL ((struct restart_limit){ 0 })

void restart_limit_done(struct restart_limit *l);

/**
 * Ask for a restart, and count it if it is granted.
 * @param max          N; more than RESTART_LIMIT_MAX counts as that. 0: no limit, and none is counted.
 * @param period_usec  USEC_INFINITY: for ever. A restart exactly that long ago still counts.
 * @param now          CLOCK_MONOTONIC; never smaller than in an earlier call.
 * @return whether it is granted. For want of memory it is granted, and not counted: the back-off
 *         still bounds how often that can be.
 */
bool restart_limit_admit(struct restart_limit *l, uint32_t max, uint64_t period_usec, uint64_t now);

/** Forget all of them. */
void restart_limit_clear(struct restart_limit *l);

/**
 * Take the times from a record. Those in the future are left out; of too many, the newest are kept.
 * @param at_usec  the oldest first, as `l->at_usec` has them.
 * @return 0 or -ENOMEM (`l` is then empty).
 */
int restart_limit_restore(struct restart_limit *l, const uint64_t *at_usec, size_t n, uint64_t now);

#endif
