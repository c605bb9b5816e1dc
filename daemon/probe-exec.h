/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_PROBE_EXEC_H
#define GANGER_DAEMON_PROBE_EXEC_H

/*
 * A probe that is a program: exit status 0 is well
 *
 * It runs beside the instance (side-process.h), under the key "KEY/probe", for `health-timeout` at most. What it found is
 * told by probing_answered().
 */

#include "daemon/instance.h"

/** Begin. While another one still runs nothing is begun: at its end probing_resume() is called, or it is the answer. */
void probe_exec_start(struct instance *instance, char *const *program);
/** Give it up, if there is one: nothing is told. */
void probe_exec_stop(struct instance *instance);

#endif
