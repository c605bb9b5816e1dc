/* SPDX-License-Identifier: MIT */
#ifndef GANGER_ISOLATION_ISOLATION_H
#define GANGER_ISOLATION_ISOLATION_H

/*
 * What a process may not do: from a definition to what the keeper's child sets
 */

#include "base/error.h"
#include "daemon/spawn-settings.h"
#include "daemon/user.h"

struct worker_definition;

/**
 * Add all that the definition restricts. Holds for whatever is run of a worker.
 * @param settings  points into the definition afterwards.
 * @return 0; -errno: the error names the key.
 */
int isolation_make(struct spawn_settings *settings, const struct worker_definition *definition, const struct user *user,
                   struct error *error);

/** Add that it is process 1 of a namespace: for what a worker runs, and not for what is run beside that. */
void isolation_add_pids(struct spawn_settings *settings, const struct worker_definition *definition);

#endif
