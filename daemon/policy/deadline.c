/* SPDX-License-Identifier: MIT */

/*
 * Deadlines of what is expected from a process
 *
 * Invariant: an extension never brings a deadline nearer than the configuration has it.
 */

#include "daemon/policy/deadline.h"

#include "base/cleanup.h"
#include "base/time.h"

uint64_t deadline_extend(uint64_t since_usec, uint64_t timeout_usec, uint64_t now, uint64_t extension_usec) {
        return MAX(usec_add(since_usec, timeout_usec), usec_add(now, extension_usec));
}
