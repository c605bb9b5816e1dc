/* SPDX-License-Identifier: MIT */
#ifndef GANGER_ISOLATION_ISOLATION_H
#define GANGER_ISOLATION_ISOLATION_H

/*
 * What a process may not do: from a definition to what the keeper's child sets
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "daemon/spawn-settings.h"
#include "daemon/user.h"

struct worker_definition;
struct worker_isolation;

/**
 * Add all that the definition restricts. Holds for whatever is run of a worker.
 * @param settings  points into the definition afterwards.
 * @return 0; -errno: the error names the key.
 */
int isolation_make(struct spawn_settings *settings, const struct worker_definition *definition, const struct user *user,
                   struct error *error);

/**
 * Whether what runs as that user has not the rights to set a filter, or rules of Landlock, without: then the kernel wants to
 * know that it cannot gain any, and `no-new-privileges` is set with them.
 * @param n_filters  of system calls.
 */
bool isolation_implies_no_new_privileges(const struct worker_isolation *isolation, size_t n_filters,
                                         const struct user *user);

/** Add that it is process 1 of a namespace: for what a worker runs, and not for what is run beside that. */
void isolation_add_pids(struct spawn_settings *settings, const struct worker_definition *definition);

#endif
