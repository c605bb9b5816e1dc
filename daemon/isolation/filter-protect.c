/* SPDX-License-Identifier: MIT */
/*
 * private-devices, protect-kernel-modules, protect-kernel-logs, protect-clock: the system calls that go with them
 */

#include <errno.h>

#include "daemon/config/config.h"
#include "daemon/config/syscall-filter.h"
#include "daemon/isolation/filter.h"

/* Those of a set, or a call, fail with EPERM. */
static int refuse(const char *calls, struct filters *filters, uint32_t what, struct error *error) {
        _cleanup_(filter_freep) struct filter *filter = NULL;
        char *items[] = { (char *)calls };
        struct syscall_filter refused;
        int r;

        r = syscall_filter_read(&refused, items, ARRAY_SIZE(items), error);
        if (r < 0)
                return r;
        r = filter_new(&filter, SCMP_ACT_ALLOW);
        if (r < 0)
                return error_errno(error, r, "making its filter");
        for (int call = 0; call < SYSCALL_NUMBERS_MAX; call++)
                if (!syscall_filter_permits(&refused, (unsigned int)call))
                        filter_call(filter, SCMP_ACT_ERRNO(EPERM), call);
        return filter_keep(filter, filters, what, error);
}

int filter_devices_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        return i->private_devices ? refuse("~@raw-io", filters, KEEPER_FILTER_DEVICES, error) : 0;
}

int filter_modules_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        return i->protect_kernel_modules ? refuse("~@module", filters, KEEPER_FILTER_MODULES, error) : 0;
}

int filter_logs_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        return i->protect_kernel_logs ? refuse("~syslog", filters, KEEPER_FILTER_LOGS, error) : 0;
}

int filter_clock_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        return i->protect_clock ? refuse("~@clock", filters, KEEPER_FILTER_CLOCK, error) : 0;
}
