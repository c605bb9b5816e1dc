/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SUCCESSOR_H
#define GANGER_DAEMON_SUCCESSOR_H

/*
 * An object that is defined otherwise by now: its successor, of that form, takes over what is in it
 *
 * Nobody can have both. So whoever has it is restarted, and waits until the last one has let go; then what is in it is moved
 * (shm/object.h), and the successor stands in its place, under its name.
 */

#include "base/error.h"
#include "daemon/objects.h"

struct config;
struct worker_definition;

/**
 * Could it become that now?
 * @return 0; -EBUSY (a process has it that is nobody's instance), -EUCLEAN (it is quarantined), -ENOSPC, -EMSGSIZE (what is in it
 * does not fit), -EOPNOTSUPP (another kind, or a POSIX semaphore), -ENOMEM.
 */
int successor_check(struct gang_object *object, const struct geometry *geometry, struct error *error);

/** It is defined so. If it is otherwise it is to become that, and is given to nobody until it has. */
void successor_plan(struct gang_object *object, const struct geometry *geometry);

/** A reload: plan for all that there are, also what could not be done before. After what was removed or added was. */
void successors_plan(struct gang *gang, const struct config *config);

/** Restart whoever has one that is to change. */
void successors_begin(struct gang *gang);

/** Take-over is complete: what the manager before has begun is finished, if it still can be. */
void successor_settle(struct gang_object *object);

/** Nobody has it any more: if it is to change, it does. Touches no instance. */
void successor_take_over(struct gang_object *object);

/** Must a worker wait, since something that it names is changing? @return its name, or NULL. */
const char *successor_awaited(const struct gang *gang, const struct worker_definition *definition);

#endif
