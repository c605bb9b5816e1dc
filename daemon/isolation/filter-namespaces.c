/* SPDX-License-Identifier: MIT */
/*
 * restrict-namespaces
 *
 * Of clone(2), unshare(2) and setns(2). What kind setns(2) enters is not seen where it is not said, so then it is refused.
 * CLONE_NEWTIME is none of clone(2), where the bit is part of a signal.
 */

#include <errno.h>
#include <sched.h>

#include "daemon/config/config.h"
#include "daemon/config/words-isolation.h"
#include "daemon/isolation/filter.h"

int filter_namespaces_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        const uint32_t refused = SCMP_ACT_ERRNO(EPERM);
        _cleanup_(filter_freep) struct filter *filter = NULL;
        int r;

        if (i->namespaces == INTEGER_UNSET)
                return 0;
        r = filter_new(&filter, SCMP_ACT_ALLOW);
        if (r < 0)
                return error_errno(error, r, "making its filter");
        for (size_t n = 0; n < isolation_namespaces.n; n++) {
                uint64_t flag = (uint64_t)isolation_namespaces.words[n].value;

                if (i->namespaces >> n & 1)
                        continue;
                if (flag != CLONE_NEWTIME)
                        filter_bits(filter, refused, SCMP_SYS(clone), 0, flag);
                filter_bits(filter, refused, SCMP_SYS(unshare), 0, flag);
                filter_bits(filter, refused, SCMP_SYS(setns), 1, flag);
        }
        filter_number(filter, refused, SCMP_SYS(setns), 1, 0);
        filter_call(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
        return filter_keep(filter, filters, KEEPER_FILTER_NAMESPACES, error);
}
