/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_PLACEMENT_DEVICES_H
#define GANGER_DAEMON_PLACEMENT_DEVICES_H

/*
 * Which devices an instance may open: at a start
 */

#include "base/error.h"
#include "daemon/cgroup-control.h"

struct instance;
struct worker;

/**
 * The cgroup of the next process of an instance is there: have its rules in it, before the process is.
 * @param fd  its directory; -1: there is none.
 * @param fn  told if the process goes without, where it may.
 * @return 0; -errno: it must not be started: the error says why.
 */
int devices_prepare(struct instance *instance, int fd, cgroup_fault_fn fn, void *userdata, struct error *error);

/** A manager takes over. @param fn  told if a process goes without. */
void devices_look(struct worker *worker, cgroup_fault_fn fn, void *userdata);

#endif
