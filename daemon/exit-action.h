/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_EXIT_ACTION_H
#define GANGER_DAEMON_EXIT_ACTION_H

/*
 * success-action, failure-action: the daemon ends when a worker or a group does, with its exit status
 *
 * That it ends, and how, is a record of its own, which is written before the end of the process is: so it holds whenever
 * the manager dies, and the next one finds it and goes on with stopping.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/policy/group.h"
#include "daemon/policy/restart.h"
#include "state.pb-c.h"

struct gang;
struct instance;

/**
 * An instance is about to handle its end. If the daemon ends with it, that is written down, and gang->ending is set; the
 * manager stops everything at the end of the turn. While everything is being stopped nothing happens.
 * @param event    what its state table will get.
 * @param verdict  of its groups.
 */
void exit_action_plan(struct instance *instance, enum instance_event event, const struct restart_end *end,
                      const struct group_verdict *verdict);

/** Take-over. @return whether the record is one. */
bool exit_action_restore(struct gang *gang, const Ganger__State__EndingState *record);

#endif
