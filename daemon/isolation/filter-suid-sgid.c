/* SPDX-License-Identifier: MIT */
/*
 * restrict-suid-sgid
 *
 * Whatever takes the mode of a file. What takes it in memory, where no filter looks, is as if it did not exist.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "daemon/config/config.h"
#include "daemon/isolation/filter.h"

/** Newer than some headers; of the same number everywhere. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/** Without O_DIRECTORY, which is part of it. */
#define O_TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)

static const struct {
        int call;
        unsigned int mode;              /* which argument it is */
} modes[] = {
        { SCMP_SYS(chmod), 1 }, { SCMP_SYS(fchmod), 1 }, { SCMP_SYS(fchmodat), 2 }, { SYS_fchmodat2, 2 },
        { SCMP_SYS(mkdir), 1 }, { SCMP_SYS(mkdirat), 2 }, { SCMP_SYS(mknod), 1 }, { SCMP_SYS(mknodat), 2 },
        { SCMP_SYS(creat), 1 },
};

/* Their mode counts only if they make a file. */
static const struct {
        int call;
        unsigned int flags, mode;
} opens[] = { { SCMP_SYS(open), 1, 2 }, { SCMP_SYS(openat), 2, 3 } };

static void refuse_bit(struct filter *filter, uint64_t bit) {
        static const uint64_t making[] = { O_CREAT, O_TMPFILE_BIT };
        const uint32_t refused = SCMP_ACT_ERRNO(EPERM);

        for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
                filter_bits(filter, refused, modes[i].call, modes[i].mode, bit);
        for (size_t i = 0; i < ARRAY_SIZE(opens); i++)
                for (size_t j = 0; j < ARRAY_SIZE(making); j++) {
                        const struct scmp_arg_cmp arguments[] = {
                                SCMP_CMP64(opens[i].flags, SCMP_CMP_MASKED_EQ, making[j], making[j]),
                                SCMP_CMP64(opens[i].mode, SCMP_CMP_MASKED_EQ, bit, bit),
                        };

                        filter_rule(filter, refused, opens[i].call, ARRAY_SIZE(arguments), arguments);
                }
}

int filter_suid_sgid_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        _cleanup_(filter_freep) struct filter *filter = NULL;
        int r;

        if (!i->restrict_suid_sgid)
                return 0;
        r = filter_new(&filter, SCMP_ACT_ALLOW);
        if (r < 0)
                return error_errno(error, r, "making its filter");
        refuse_bit(filter, S_ISUID);
        refuse_bit(filter, S_ISGID);
        filter_call(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2));
        filter_no_io_uring(filter);
        return filter_keep(filter, filters, KEEPER_FILTER_SUID_SGID, error);
}
