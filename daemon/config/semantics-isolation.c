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
        const struct {
                bool on;
                uint64_t missing;
                const char *words;
        } rows[] = {
                { i->capabilities != AMOUNT_UNSET, ~i->capabilities, "is not in capabilities" },
                { i->private_devices, isolation_devices, "is taken away by private-devices" },
                { i->protect_kernel_modules, isolation_modules, "is taken away by protect-kernel-modules" },
                { i->protect_kernel_logs, isolation_logs, "is taken away by protect-kernel-logs" },
                { i->protect_clock, isolation_clock, "is taken away by protect-clock" },
        };

        for (size_t n = 0; n < ARRAY_SIZE(rows) && i->ambient_capabilities != AMOUNT_UNSET; n++) {
                uint64_t missing = i->ambient_capabilities & rows[n].missing;

                if (rows[n].on && missing)
                        complain(c, "ambient-capabilities", "%s %s", isolation_capabilities.words[__builtin_ctzll(missing)].name,
                                 rows[n].words);
        }
}

/* The bridge is a program like another, and is not where the root is. */
static void check_root(const struct checker *c, const struct worker_definition *w) {
        if (w->isolation.root_directory && w->io != WORKER_IO_NONE)
                complain(c, "root-directory", "not with io: its program is not in there");
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
        check_root(c, w);
        check_system_calls(c, &w->isolation);
}
