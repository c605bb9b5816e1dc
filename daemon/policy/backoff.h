/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_BACKOFF_H
#define GANGER_DAEMON_POLICY_BACKOFF_H

/*
 * How long to wait before a restart
 *
 * The first restart in a row is at once; the n-th waits delay × 2^(n-2), with a jitter of ±25 %, and
 * never longer than the maximum. The row ends when the instance was ready for a while.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

/** Being ready for less than this never ends a row of failures. */
#define BACKOFF_RESET_USEC (10 * USEC_PER_SEC)

struct backoff {
        uint64_t delay_usec;            /* restart-delay; 0: every restart is at once */
        uint64_t delay_max_usec;        /* restart-delay-max; less than the delay: counts as the delay */
};

/**
 * The delay before a restart.
 *
 * The jitter is spread below the maximum, not cut off at it: many instances that fail together for
 * long do not start together (the longest delays lie between 60 % and 100 % of the maximum).
 *
 * @param failures  restarts of the same row before this one: 0 gives no delay.
 * @param random    any random word.
 */
uint64_t backoff_delay(const struct backoff *b, uint32_t failures, uint64_t random);

/**
 * Whether an instance was ready for long enough to forget the failures before: at least
 * BACKOFF_RESET_USEC, and at least as long as the delay that was to come next.
 */
bool backoff_resets(const struct backoff *b, uint32_t failures, uint64_t ready_usec);

#endif
