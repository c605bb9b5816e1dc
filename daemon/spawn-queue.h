/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SPAWN_QUEUE_H
#define GANGER_DAEMON_SPAWN_QUEUE_H

/*
 * Processes that are yet to be asked for
 *
 * The keeper takes longer to start one than we to ask. Whatever its socket has no room for holds its descriptors a second
 * time: a thousand of them would be some seven thousand. So an instance whose turn it is not yet is only remembered, which
 * is what it would be to a successor of ours, too: starting, and without a process.
 */

#include <stdbool.h>

struct gang;
struct instance;

/** Has the keeper enough to do? Then it is asked for this one later, in its turn: instance_ask_now(). */
bool spawn_queue_put(struct instance *instance);

/** There is room in the socket: ask for those that wait, as long as there is. */
void spawn_queue_turn(struct gang *gang);

/** Something else is about to be asked about it, for which there must be a process: ask now. */
void spawn_queue_hurry(struct instance *instance);

#endif
