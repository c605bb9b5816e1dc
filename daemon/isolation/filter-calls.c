/* SPDX-License-Identifier: MIT */
/*
 * system-call-filter
 *
 * Where only some calls are permitted, each other one that we know of is refused by name, and what is newer than we are
 * does not exist (ENOSYS): libraries try new calls first, and then use old ones.
 */

#include <errno.h>
#include <stdlib.h>

#include "daemon/config/config.h"
#include "daemon/config/syscall-filter.h"
#include "daemon/isolation/filter.h"

static bool is_known(int number) {
        _cleanup_(freep) char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

        return name;
}

int filter_calls_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        bool kills = i->system_call_error == INTEGER_UNSET;
        uint32_t others, refused = kills ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(i->system_call_error);
        _cleanup_(filter_freep) struct filter *filter = NULL;
        struct syscall_filter calls;
        size_t n = 0;
        int r;

        while (i->system_calls[n])
                n++;
        if (n == 0)
                return 0;
        r = syscall_filter_read(&calls, i->system_calls, n, error);
        if (r < 0)
                return r;
        others = calls.is_allow_list ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW;
        r = filter_new(&filter, others);
        if (r < 0)
                return error_errno(error, r, "making its filter");
        for (int call = 0; call < SYSCALL_NUMBERS_MAX; call++) {
                uint32_t action = syscall_filter_permits(&calls, (unsigned int)call) ? SCMP_ACT_ALLOW : refused;

                if (action != others && is_known(call))
                        filter_call(filter, action, call);
        }
        return filter_keep(filter, filters, KEEPER_FILTER_CALLS, error);
}
