/* SPDX-License-Identifier: MIT */
#ifndef GANGER_ISOLATION_LANDLOCK_H
#define GANGER_ISOLATION_LANDLOCK_H

/*
 * What Landlock permits: from a definition to what the keeper's child asks the kernel for
 */

#include <stdbool.h>

#include "base/error.h"
#include "daemon/keeper/protocol.h"
#include "keeper.pb-c.h"

struct worker_definition;
struct worker_isolation;

struct landlock_rules {
        Ganger__Keeper__Landlock rules[KEEPER_LANDLOCK_MAX];
        Ganger__Keeper__Landlock *pointers[KEEPER_LANDLOCK_MAX];
        size_t n;
};

/** Begins with none. */
#define LANDLOCK_RULES_NULL { .n = 0 }

/** Does anything say what it may do? */
bool landlock_is_wanted(const struct worker_isolation *isolation);

/** All that the definition permits. Points into it. @return 0; -E2BIG: the error names the key. */
int landlock_rules_make(struct landlock_rules *rules, const struct worker_definition *definition, struct error *error);

/** Hand them over. `rules` must outlive the spec. */
void spawn_spec_set_landlock(Ganger__Keeper__SpawnSpec *spec, struct landlock_rules *rules,
                             const struct worker_definition *definition);

#endif
