/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_MOUNTS_H
#define GANGER_KEEPER_MOUNTS_H

/*
 * A mount namespace of a process
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/keeper/left-out.h"

/** As Mount of keeper.proto. */
struct mount_step {
        uint32_t what;
        const char *key;
        const char *path;
        const char *source;
        bool may_lack;
};

/** The key of this name that a step can be of, which stays. @return NULL: there is none. */
const char *mount_key(const char *name);

/** Is there such a step, and has it what it needs? */
bool mount_step_is_valid(const struct mount_step *step);

/**
 * Make a mount namespace for this process, and in it what these say, by system calls alone: in the child.
 * @param own_pids  it has a PID namespace of its own, which is of no use without a /proc of that: where that cannot be
 *                  had, it is not left out but fails, under "private-pids". Else what is under that name is passed over.
 * @param apart     as it must be: what is mounted reaches nobody else.
 * @param may_lack  where no namespace can be had, it goes without.
 * @param left_out  gets what was left out.
 * @param ret_key   what was being done: on failure, what failed.
 * @return -1 with errno, else not less than 0.
 */
long mounts_apply(const struct mount_step *steps, size_t n, bool own_pids, bool apart, bool may_lack,
                  struct left_out *left_out, const char **ret_key);

#endif
