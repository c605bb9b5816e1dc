/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_LEFT_OUT_H
#define GANGER_DAEMON_LEFT_OUT_H

/*
 * What a process goes without is told, once for a definition
 */

#include "keeper.pb-c.h"

struct worker_definition;

/** A warning for each. @param key  of the process, stands in front. */
void left_out_tell(const struct worker_definition *definition, const char *key, const Ganger__Keeper__Spawned *message);

#endif
