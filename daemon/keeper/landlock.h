/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_LANDLOCK_H
#define GANGER_KEEPER_LANDLOCK_H

/*
 * Landlock: what a process may do with files and ports, whoever it is
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/keeper/left-out.h"

/** As Landlock of keeper.proto. */
struct landlock_rule {
        uint32_t what;
        const char *path;               /* of a file or directory; of it with all that is below it */
        bool may_be_missing;
        uint32_t port;                  /* 0: one that the system chooses */
        bool none;                      /* no port at all */
};

/** Is there such a one, and has it what it needs? */
bool landlock_rule_is_valid(const struct landlock_rule *rule);

/**
 * Make a set of these rules, which restricts nothing yet, by system calls alone: in the child.
 * @param may_lack  what an older kernel cannot restrict is left out; else that is a failure.
 * @param ret_key   what was being done: on failure, what failed.
 * @return a descriptor that goes with exec, or -1 with errno.
 */
long landlock_make(const struct landlock_rule *rules, size_t n, bool may_lack, struct left_out *left_out, const char **ret_key);

/** From now on they hold for this process. @return -1 with errno, else not less than 0. */
long landlock_restrict(long fd);

#endif
