/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_STANDBY_H
#define GANGER_DAEMON_STANDBY_H

/*
 * Spares (`standby`): instances that are started and ready, and take over when another is lost
 *
 * A spare is held (daemon/hold.h). Its role is in its record; daemon/policy/standby.h says who has it.
 */

struct instance;
struct worker;

/** New instances of a worker, of which there are no records yet: the last are the spares. */
void standby_init(struct worker *worker);

/** Something has changed: how many are wanted, or how soon one can work. */
void standby_balance(struct worker *worker);

/** It has ended, or is about to: if a spare is ready, that takes over in this call. */
void standby_lost(struct instance *instance);

#endif
