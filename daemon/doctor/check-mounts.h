/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DOCTOR_CHECK_MOUNTS_H
#define GANGER_DOCTOR_CHECK_MOUNTS_H

/*
 * What was to be mounted, beside the mounts that a process sees
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/doctor/mount-table.h"
#include "keeper.pb-c.h"

/**
 * What of a step is not in force.
 * @param root  the directory that is the root of the process, in which the paths of steps are; NULL: none but ours.
 * @param own   the mounts that we see.
 * @return in words that go on after its path: "can be written to"; NULL: nothing.
 */
const char *mount_step_fault(const Ganger__Keeper__Mount *step, const char *root, const struct mount_table *mounts,
                             const struct mount_table *own);

/** Is what it names here newer than that (CLOCK_REALTIME)? Then it was something else, or nothing, for a process of then. */
bool mount_step_is_newer(const Ganger__Keeper__Mount *step, uint64_t usec);

#endif
