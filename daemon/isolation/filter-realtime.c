/* SPDX-License-Identifier: MIT */
/*
 * restrict-realtime: what lets a process run before all others for as long as it likes
 *
 * sched_setattr(2) does not exist for it: what it asks for is in memory, where no filter can look.
 */

#include <errno.h>
#include <sched.h>

#include "daemon/config/config.h"
#include "daemon/isolation/filter.h"

/** The last policy that we know of: SCHED_EXT. What is past it is refused, and what has a flag too. */
#define POLICY_LAST 7

static bool is_ordinary(unsigned int policy) {
        return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

int filter_realtime_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        const uint32_t refused = SCMP_ACT_ERRNO(EPERM);
        _cleanup_(filter_freep) struct filter *filter = NULL;
        int r;

        if (!i->restrict_realtime)
                return 0;
        r = filter_new(&filter, SCMP_ACT_ALLOW);
        if (r < 0)
                return error_errno(error, r, "making its filter");
        for (unsigned int policy = 0; policy <= POLICY_LAST; policy++)
                if (!is_ordinary(policy))
                        filter_rule(filter, refused, SCMP_SYS(sched_setscheduler), 1, &SCMP_A1_64(SCMP_CMP_EQ, policy));
        filter_rule(filter, refused, SCMP_SYS(sched_setscheduler), 1, &SCMP_A1_64(SCMP_CMP_GT, POLICY_LAST));
        filter_call(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(sched_setattr));
        return filter_keep(filter, filters, KEEPER_FILTER_REALTIME, error);
}
