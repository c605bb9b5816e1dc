/* SPDX-License-Identifier: MIT */

/*
 * What must hold of what a process may not do
 */

#include <seccomp.h>

#include "daemon/config/checker.h"
#include "daemon/config/syscall-filter.h"
#include "daemon/config/words-isolation.h"

/* Nobody can have what may not be had. */
static void check_capabilities(const struct checker *c, const struct worker_isolation *i) {
        uint64_t missing = i->ambient_capabilities & ~i->capabilities;

        if (i->ambient_capabilities == AMOUNT_UNSET || i->capabilities == AMOUNT_UNSET || missing == 0)
                return;
        complain(c, "ambient-capabilities", "%s is not in capabilities",
                 isolation_capabilities.words[__builtin_ctzll(missing)].name);
}

static void check_system_calls(const struct checker *c, const struct worker_isolation *i) {
        struct syscall_filter filter;
        size_t n = 0;

        while (i->system_calls[n])
                n++;
        if (n == 0) {
                if (i->system_call_error != INTEGER_UNSET && !was_written(c, "system-call-filter"))
                        complain(c, "system-call-error-number", "only with system-call-filter");
                return;
        }
        if (syscall_filter_read(&filter, i->system_calls, n, NULL) == 0 &&
            !syscall_filter_permits(&filter, (unsigned int)SCMP_SYS(execve)))
                complain(c, "system-call-filter", "it refuses execve, by which the program is started");
}

void check_isolation(const struct checker *c, const struct worker_definition *w) {
        check_capabilities(c, &w->isolation);
        check_system_calls(c, &w->isolation);
}
