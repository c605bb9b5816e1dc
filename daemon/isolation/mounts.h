/* SPDX-License-Identifier: MIT */
#ifndef GANGER_ISOLATION_MOUNTS_H
#define GANGER_ISOLATION_MOUNTS_H

/*
 * The file systems that a process sees: from a definition to what the keeper's child mounts
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "keeper.pb-c.h"

/** Of a file system of processes, what every kernel understands, and does anyway: it is not told of the mount. */
#define MOUNTS_PROC_PLAIN "hidepid=0"

struct worker_definition;
struct mounts;

/**
 * All that the definition wants, in the order in which it is to be done. Paths are looked up now.
 * @param own_pids  it is in a PID namespace of its own, of which its /proc is.
 * @param runtime_dir  stays where it is, whatever is put over it.
 * @return 0; -errno: the error names the key and the path.
 */
int mounts_make(struct mounts **ret, const struct worker_definition *definition, bool own_pids, const char *runtime_dir,
                struct error *error);

/** Hand them over. `mounts` must outlive the spec. */
void spawn_spec_set_mounts(Ganger__Keeper__SpawnSpec *spec, struct mounts *mounts, const struct worker_definition *definition);

/** Free. @return NULL. */
struct mounts *mounts_free(struct mounts *mounts);
DEFINE_CLEANUP(struct mounts *, mounts_free)

#endif
