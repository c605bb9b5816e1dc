/* SPDX-License-Identifier: MIT */

/*
 * A limit of lines in a period
 *
 * Invariant: what was asked for is what passed, what rate_turn() told of, and `dropped`.
 */

#include "daemon/policy/rate.h"

#include "base/cleanup.h"
#include "base/time.h"

uint64_t rate_turn(struct rate *r, uint64_t period_usec, uint64_t now) {
        if (r->since_usec == 0 || now < usec_add(r->since_usec, period_usec))
                return 0;
        r->since_usec = 0;
        r->passed = 0;
        return TAKE_GENERIC(r->dropped, 0);
}

bool rate_admit(struct rate *r, uint32_t max, uint64_t now) {
        if (max == 0)
                return true;
        if (r->since_usec == 0)
                r->since_usec = now;
        if (r->passed < max) {
                r->passed++;
                return true;
        }
        r->dropped++;
        return false;
}
