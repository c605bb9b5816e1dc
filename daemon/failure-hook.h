/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_FAILURE_HOOK_H
#define GANGER_DAEMON_FAILURE_HOOK_H

/*
 * on-failure: a program that is run when an instance has failed
 *
 * It is a child of the keeper as the instances are, under the key "KEY/on-failure", with no seat in any ring. Nobody
 * waits for it. It is run exactly once for each failure: that it is due is in the instance's record, from the write that
 * makes the instance `failed` until the keeper has said that the program runs.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "keeper.pb-c.h"
#include "state.pb-c.h"

struct gang;
struct instance;

/** The instance is about to be `failed`: it is due once that is written down. */
void failure_hook_wish(struct instance *instance);

/** Run it, if it is due; not while the one of an earlier failure still runs, whose end starts this one. */
void failure_hook_run(struct instance *instance);

/** Is that the key of such a program? */
bool failure_hook_owns(const char *key);

/** Take-over: one that runs, or has ended and nobody was told. @return 0, -ENOMEM. */
int failure_hook_adopt(struct gang *gang, const char *key, pid_t pid, uint64_t started_usec,
                       const Ganger__State__InstanceCookie *cookie);

/** What the keeper says. @return whether it was about such a program. */
bool failure_hook_spawned(struct gang *gang, const Ganger__Keeper__Spawned *message);
bool failure_hook_exited(struct gang *gang, const Ganger__Keeper__Exited *message);

void failure_hooks_done(struct gang *gang);

#endif
