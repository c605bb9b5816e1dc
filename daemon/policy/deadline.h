/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_DEADLINE_H
#define GANGER_DAEMON_POLICY_DEADLINE_H

/*
 * Deadlines of what is expected from a process
 *
 * Pure: times are arguments, of one clock.
 */

#include <stdint.h>

/**
 * When a wait ends whose end the process has put off (EXTEND_TIMEOUT_USEC): as long as the first time has not run out,
 * that holds; past it, the process must say so again within each `extension_usec`.
 * @param timeout_usec  of the whole wait; may be USEC_INFINITY.
 */
uint64_t deadline_extend(uint64_t since_usec, uint64_t timeout_usec, uint64_t now, uint64_t extension_usec);

#endif
