/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_DEMAND_H
#define GANGER_DAEMON_DEMAND_H

/*
 * Workers that are started on demand (`start = on-demand`), and stopped when they are idle (`idle-stop`)
 */

struct gang;
struct worker;

/** Watch, start or look after the workers as it is due now: call it at the end of each turn of the loop. */
void demand_turn(struct gang *gang);

/** Forget what is watched for it: its definition changes, or it goes. The next turn begins anew. */
void demand_forget(struct worker *worker);

/** Take-over: nobody is announced at any ring. */
void demand_take_over(struct gang *gang);

#endif
