/* SPDX-License-Identifier: MIT */
/*
 * lock-personality
 *
 * To that which we have, and so the keeper and its child.
 */

#include <errno.h>
#include <sys/personality.h>

#include "daemon/config/config.h"
#include "daemon/isolation/filter.h"

/** Asks, and changes nothing. */
#define PERSONALITY_ASK 0xffffffffUL

int filter_personality_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        _cleanup_(filter_freep) struct filter *filter = NULL;
        int r, current;

        if (!i->lock_personality)
                return 0;
        current = personality(PERSONALITY_ASK);
        if (current < 0)
                return error_errno(error, -errno, "personality(2)");
        r = filter_new(&filter, SCMP_ACT_ALLOW);
        if (r < 0)
                return error_errno(error, r, "making its filter");
        filter_rule(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(personality), 1, &SCMP_A0_64(SCMP_CMP_NE, (uint64_t)current));
        return filter_keep(filter, filters, KEEPER_FILTER_PERSONALITY, error);
}
