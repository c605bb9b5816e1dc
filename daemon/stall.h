/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_STALL_H
#define GANGER_DAEMON_STALL_H

/*
 * `stall-timeout`: an instance that holds one message, or serves one call, for too long is condemned
 */

#include <stdint.h>

struct gang;
struct worker;

/** In a period of `stall-timeout` it is looked so often; so late may a stall be seen. */
#define STALL_LOOKS 4

/** Begin or end to watch workers, as it is due now: call it at the end of each turn of the loop. */
void stall_turn(struct gang *gang);

/** Forget what is known of it: its definition changes, or it goes. The next turn begins anew. */
void stall_forget(struct worker *worker);

#endif
