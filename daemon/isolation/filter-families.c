/* SPDX-License-Identifier: MIT */
/*
 * restrict-address-families
 *
 * Of socket(2). Families that the kernel may have some day are not permitted where only some are.
 */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/config/config.h"
#include "daemon/config/words-isolation.h"
#include "daemon/isolation/filter.h"

#define FAMILY_WORDS 64

/* @return a bit for each number. "none" is no family. */
static uint64_t families_of(char *const *items) {
        uint64_t set = 0;

        for (; *items; items++) {
                const struct isolation_word *word = isolation_word_find(&isolation_families, *items + (**items == '~'));

                if (word)
                        set |= UINT64_C(1) << word->value;
        }
        return set;
}

int filter_families_make(const struct worker_isolation *i, struct filters *filters, struct error *error) {
        const uint32_t refused = SCMP_ACT_ERRNO(EAFNOSUPPORT);
        _cleanup_(filter_freep) struct filter *filter = NULL;
        bool is_allow_list;
        uint64_t set;
        int r;

        if (!i->address_families[0])
                return 0;
        is_allow_list = i->address_families[0][0] != '~';
        set = families_of(i->address_families);
        r = filter_new(&filter, SCMP_ACT_ALLOW);
        if (r < 0)
                return error_errno(error, r, "making its filter");
        for (unsigned int family = 0; family < FAMILY_WORDS; family++)
                if ((set >> family & 1) != is_allow_list)
                        filter_number(filter, refused, SCMP_SYS(socket), 0, family);
        if (is_allow_list)
                filter_rule(filter, refused, SCMP_SYS(socket), 1, &SCMP_A0_64(SCMP_CMP_GE, FAMILY_WORDS));
        filter_no_io_uring(filter);
        return filter_keep(filter, filters, KEEPER_FILTER_FAMILIES, error);
}
