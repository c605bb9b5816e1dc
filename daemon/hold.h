/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_HOLD_H
#define GANGER_DAEMON_HOLD_H

/*
 * Instances that run and take nothing new: those that people have drained, and spares
 *
 * A flag in the member memory of the process says so (lib/shm/member.h); it is set before there is a process, and cleared
 * while it runs. What people have drained stays so over the ends of its processes, of the manager, and, where there is a
 * state directory, of the daemon.
 */

#include <stdbool.h>

#include "base/error.h"

struct change;
struct instance;
struct worker;
struct worker_definition;

/** Whether there is anything to hold back from such a worker. @return 0 or -EINVAL: there is not, and why. */
int hold_check(const struct worker_definition *definition, struct error *error);

bool instance_is_drained(const struct instance *instance);

/** By hand: all of a worker, those that it gets later too; or one. */
void worker_drain(struct worker *worker, bool on);
void instance_drain(struct instance *instance, bool on);

/** What is to be so has changed, or its member memory is new: tell its process, if it has one. */
void hold_apply(struct instance *instance);

/** Take-over: the same, also what the manager before may have left half done. */
void hold_resume(struct instance *instance);

/** Does its process hold a message that it has received, or a call that it serves? */
bool hold_is_busy(const struct instance *instance);

/**
 * Look at those that are drained by a change until they hold nothing, now and then: who finishes a message tells nobody.
 * Without memory for that, a change is settled at once.
 */
void hold_watch(struct change *change);

#endif
