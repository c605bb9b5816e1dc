/* SPDX-License-Identifier: MIT */

/*
 * Workers that are started on demand
 *
 * Invariant: within any DEMAND_PERIOD_USEC there are at most DEMAND_BURST starts. A program that ends at once and leaves
 * what it was started for would be started without end.
 */

#include "daemon/policy/demand.h"

#include "base/time.h"

enum demand_mode demand_mode(const struct demand_facts *facts) {
        if (facts->n_busy > 0)
                return DEMAND_RUNS;
        return facts->wanted && facts->n_resting > 0 ? DEMAND_WATCH : DEMAND_NOTHING;
}

uint64_t demand_start(struct demand *d, uint64_t now) {
        uint64_t *oldest = &d->started_usec[d->n_started % DEMAND_BURST];
        uint64_t next = usec_add(*oldest, DEMAND_PERIOD_USEC);

        if (d->n_started >= DEMAND_BURST && now < next)
                return next;
        *oldest = now;
        d->n_started++;
        /* Only the remainder counts; it must not begin anew. */
        if (d->n_started == 2 * DEMAND_BURST)
                d->n_started = DEMAND_BURST;
        return 0;
}

void demand_begin(struct demand *d, uint64_t activity) {
        d->activity = activity;
}

bool demand_is_idle(struct demand *d, bool busy, uint64_t activity) {
        bool same = activity == d->activity;

        d->activity = activity;
        return same && !busy;
}
