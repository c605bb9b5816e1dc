/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_MAIN_PID_H
#define GANGER_DAEMON_MAIN_PID_H

/*
 * Which process speaks for which instance, and which one is its main process
 */

#include <stdbool.h>
#include <sys/types.h>

#include "keeper.pb-c.h"

struct gang;
struct instance;

/**
 * The instance that a process belongs to: as its main process, in its session, as a descendant of its main process, or
 * in its cgroup.
 * @return it, or NULL.
 */
struct instance *main_pid_instance_of(struct gang *gang, pid_t pid);

/** The one in whose session a process is, of that number; or NULL. */
struct instance *main_pid_instance_of_session(struct gang *gang, pid_t session);

/** Is it the main process of an instance? */
bool main_pid_is_main(struct gang *gang, pid_t pid);

/**
 * An instance says that its main process is this one (MAINPID=). It must belong to the instance, or be an orphan that
 * came to the keeper and has the same user; anything else is passed over.
 */
void main_pid_named(struct instance *instance, pid_t pid);

/** The keeper's word that it is another one. */
void main_pid_changed(struct instance *instance, const Ganger__Keeper__MainChanged *message);

/** A process that may fork has ended; the keeper waits until all that it said is heard. */
void main_pid_ending(struct instance *instance);
/** The notify socket can be read again: those that wait for it. */
void main_pids_settle(struct gang *gang);

#endif
