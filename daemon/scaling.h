/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SCALING_H
#define GANGER_DAEMON_SCALING_H

/*
 * Workers whose number of instances follows what waits for them (`instances = N..M`)
 *
 * What is decided is daemon/policy/scale.h's business.
 */

#include <stdbool.h>

struct gang;
struct worker;

/** Does it have a range, and is nobody holding it at a number by hand? */
bool worker_scales(const struct worker *worker);

/** Begin or end to look after workers, as is due now: call it at the end of each turn of the loop. */
void scaling_turn(struct gang *gang);

/** Forget what is looked at: its definition changes, or it goes. The next turn begins anew. */
void scaling_forget(struct worker *worker);

#endif
