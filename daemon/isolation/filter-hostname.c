/* SPDX-License-Identifier: MIT */
/*
 * protect-hostname: the filter that goes with its namespace
 */

#include <errno.h>

#include "daemon/config/config.h"
#include "daemon/isolation/filter.h"

int filter_hostname_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        _cleanup_(filter_freep) struct filter *filter = NULL;
        int r;

        if (!i->protect_hostname)
                return 0;
        r = filter_new(&filter, SCMP_ACT_ALLOW);
        if (r < 0)
                return error_errno(error, r, "making its filter");
        filter_call(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sethostname));
        filter_call(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(setdomainname));
        return filter_keep(filter, filters, KEEPER_FILTER_HOSTNAME, error);
}
