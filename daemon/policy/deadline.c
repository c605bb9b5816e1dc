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

enum health_verdict health_count(struct health *h, bool succeeded, uint32_t retries, uint64_t ready_usec,
                                 uint64_t start_period_usec) {
        if (succeeded) {
                *h = (struct health){ .known = true };
                return HEALTH_FINE;
        }
        if (!h->known && ready_usec < start_period_usec)
                return HEALTH_POOR;
        if (h->failures < UINT32_MAX)
                h->failures++;
        return h->failures >= retries ? HEALTH_LOST : HEALTH_POOR;
}
