/* SPDX-License-Identifier: MIT */

/*
 * From names of system calls and sets to numbers
 *
 * Numbers are those of this architecture, as libseccomp knows them. A name in a set that it does not know is passed over:
 * the sets are of all architectures, and older and newer than it. A name that somebody wrote is a mistake if no
 * architecture has it: in a list of what is refused, it would refuse nothing.
 */

#include "daemon/config/syscall-filter.h"

#include <assert.h>
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

/** Of a name, with its NUL. */
#define NAME_MAX_BYTES 64
/** Sets, and calls of one architecture. */
#define SETS_MAX 64

static void set_number(struct syscall_filter *filter, int number, bool on) {
        uint8_t bit;

        if (number < 0 || number >= SYSCALL_NUMBERS_MAX)
                return;
        bit = (uint8_t)(1u << number % 8);
        if (on)
                filter->numbers[number / 8] |= bit;
        else
                filter->numbers[number / 8] &= (uint8_t)~bit;
}

static const struct syscall_set *find_set(const char *name) {
        for (const struct syscall_set *set = syscall_sets; set->name; set++)
                if (strcmp(set->name, name) == 0)
                        return set;
        return NULL;
}

/* Sets are in sets at most a few deep, and in no circle: the table is ours. */
static void apply_set(struct syscall_filter *filter, const struct syscall_set *set, bool on) {
        char name[NAME_MAX_BYTES];

        assert(set);
        for (const char *p = set->members; *p;) {
                size_t n = strcspn(p, " ");

                if (n < sizeof name) {
                        memcpy(name, p, n);
                        name[n] = '\0';
                        if (*name == '@')
                                apply_set(filter, find_set(name), on);
                        else
                                set_number(filter, seccomp_syscall_resolve_name(name), on);
                }
                p += n;
                p += *p == ' ';
        }
}

static int unknown_set(const char *name, struct error *error) {
        const char *names[SETS_MAX + 1] = { NULL };
        const char *nearest;

        for (size_t i = 0; i < SETS_MAX && syscall_sets[i].name; i++)
                names[i] = syscall_sets[i].name;
        nearest = text_nearest(name, names);
        if (nearest)
                return error_set(error, -EINVAL, "there is no set '%.64s'; did you mean '%s'?", name, nearest);
        return error_set(error, -EINVAL, "there is no set '%.64s'", name);
}

static int unknown_call(const char *name, struct error *error) {
        const char *names[SYSCALL_NUMBERS_MAX + 1] = { NULL };
        const char *nearest;
        size_t n = 0;

        for (int i = 0; i < SYSCALL_NUMBERS_MAX; i++) {
                names[n] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i);
                n += names[n] != NULL;
        }
        names[n] = NULL;
        nearest = text_nearest(name, names);
        if (nearest)
                error_set(error, -EINVAL, "there is no system call '%.64s'; did you mean '%s'?", name, nearest);
        else
                error_set(error, -EINVAL, "there is no system call '%.64s'", name);
        while (n > 0)
                free((char *)names[--n]);
        return -EINVAL;
}

static int apply(struct syscall_filter *filter, const char *name, bool on, struct error *error) {
        int number;

        if (*name == '@') {
                const struct syscall_set *set = find_set(name);

                if (!set)
                        return unknown_set(name, error);
                apply_set(filter, set, on);
                return 0;
        }
        number = seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR)
                return unknown_call(name, error);
        set_number(filter, number, on);
        return 0;
}

int syscall_filter_read(struct syscall_filter *filter, char *const *items, size_t n, struct error *error) {
        *filter = (struct syscall_filter){ .is_allow_list = n > 0 && items[0][0] != '~' };
        if (filter->is_allow_list)
                apply_set(filter, find_set("@default"), true);
        for (size_t i = 0; i < n; i++) {
                bool negated = items[i][0] == '~';
                int r = apply(filter, items[i] + negated, negated != filter->is_allow_list, error);

                if (r < 0)
                        return r;
        }
        return 0;
}
