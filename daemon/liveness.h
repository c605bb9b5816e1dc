/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_LIVENESS_H
#define GANGER_DAEMON_LIVENESS_H

/*
 * What is watched of a process, beginning and ending with its states
 *
 * The one place that the life of an instance (instance.c) tells; which means there are is known here.
 */

#include "daemon/notify.h"
#include "daemon/policy/states.h"
#include "state.pb-c.h"

struct instance;

void liveness_init(struct instance *instance);
void liveness_done(struct instance *instance);

/** A process is about to be asked for. */
void liveness_prepare(struct instance *instance);

/** It is in this state now, and was in another one, or in this one with another process. */
void liveness_entered(struct instance *instance, enum instance_state from);

/** Into its record, and out of it. */
void liveness_save(const struct instance *instance, Ganger__State__InstanceState *record);
void liveness_restore(struct instance *instance, const Ganger__State__InstanceState *record);

/** A manager has taken over: everything that was under way goes on. */
void liveness_resume(struct instance *instance);

/** What the process, or one of its, has said by sd_notify(3). */
void liveness_notified(struct instance *instance, const struct notify_message *message);

#endif
