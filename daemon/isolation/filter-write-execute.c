/* SPDX-License-Identifier: MIT */
/*
 * memory-deny-write-execute
 *
 * By a filter, and not by prctl(PR_SET_MDWE): that is of memory, and the child shares the keeper's until it executes.
 */

#include <errno.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "daemon/config/config.h"
#include "daemon/isolation/filter.h"

static const struct {
        int call;
        uint64_t bits;                  /* of its third argument, in all of them */
} rules[] = {
        { SCMP_SYS(mmap), PROT_WRITE | PROT_EXEC }, { SCMP_SYS(mmap2), PROT_WRITE | PROT_EXEC },
        { SCMP_SYS(mprotect), PROT_EXEC }, { SCMP_SYS(pkey_mprotect), PROT_EXEC },
        { SCMP_SYS(shmat), SHM_EXEC },
};

int filter_write_execute_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        _cleanup_(filter_freep) struct filter *filter = NULL;
        int r;

        if (!i->memory_deny_write_execute)
                return 0;
        r = filter_new(&filter, SCMP_ACT_ALLOW);
        if (r < 0)
                return error_errno(error, r, "making its filter");
        for (size_t n = 0; n < ARRAY_SIZE(rules); n++)
                filter_bits(filter, SCMP_ACT_ERRNO(EPERM), rules[n].call, 2, rules[n].bits);
        return filter_keep(filter, filters, KEEPER_FILTER_WRITE_EXECUTE, error);
}
