/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_DEADLINE_H
#define GANGER_DAEMON_POLICY_DEADLINE_H

/*
 * Deadlines of what is expected from a process
 *
 * Pure: times are arguments, of one clock.
 */

#include <stdbool.h>
#include <stdint.h>

/**
 * When a wait ends whose end the process has put off (EXTEND_TIMEOUT_USEC): as long as the first time has not run out,
 * that holds; past it, the process must say so again within each `extension_usec`.
 * @param timeout_usec  of the whole wait; may be USEC_INFINITY.
 */
uint64_t deadline_extend(uint64_t since_usec, uint64_t timeout_usec, uint64_t now, uint64_t extension_usec);

/** What the health probes of a process have shown. */
struct health {
        uint32_t failures;              /* in a row */
        bool known;                     /* one of them succeeded, since it is ready */
};

#define HEALTH_NULL ((struct health){ 0 })

enum health_verdict {
        HEALTH_FINE,
        HEALTH_POOR,                    /* it failed, but not often enough, or it is only starting */
        HEALTH_LOST,                    /* that was the last try */
};

/**
 * A probe has ended.
 * @param retries           failures in a row that are one too many; at least 1.
 * @param ready_usec        how long it is ready.
 * @param start_period_usec failures before that do not count, unless a probe has succeeded by then.
 */
enum health_verdict health_count(struct health *h, bool succeeded, uint32_t retries, uint64_t ready_usec,
                                 uint64_t start_period_usec);

#endif
