/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_ORPHAN_H
#define GANGER_DAEMON_ORPHAN_H

/*
 * A process of an instance that nobody knows any more
 *
 * The manager before took its worker out of the configuration and died before the process was gone. It is stopped, and its
 * rings are recovered as for any other.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "daemon/objects.h"
#include "keeper.pb-c.h"
#include "state.pb-c.h"

/** How long it has, after SIGTERM, before SIGKILL. */
#define ORPHAN_STOP_USEC (10 * USEC_PER_SEC)

struct gang;
struct orphan;

/** Take one over. */
int orphan_new(struct gang *gang, const char *key, pid_t pid, const Ganger__State__InstanceCookie *cookie);

/** Is there one of this key? */
bool orphan_find(struct gang *gang, const char *key);

/** Stop all of them: once every membership of the take-over is restored. */
void orphans_stop(struct gang *gang);

/** @return whether it was the exit of an orphan, which is then recovered, acknowledged and forgotten. */
bool orphan_exited(struct gang *gang, const Ganger__Keeper__Exited *message);

/** @return whether it is an orphan whose process is another one now. */
bool orphan_main_changed(struct gang *gang, const Ganger__Keeper__MainChanged *message);

/** Is it the process of one that lives, or is that its invocation? 0 and "": is not asked. */
bool orphan_lives(struct gang *gang, pid_t pid, const char *invocation);

void orphans_done(struct gang *gang);

#endif
