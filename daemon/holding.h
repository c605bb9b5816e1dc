/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_HOLDING_H
#define GANGER_DAEMON_HOLDING_H

/*
 * What processes hold, for the case that the keeper dies with all of them: see daemon/holding.c
 */

#include <stdbool.h>
#include <stdint.h>

#include "state.pb-c.h"

struct gang;
struct gang_objects;
struct membership;

/** Before a process is asked for: write down the seats that it gets. Nothing, if the keeper's store ends with it. */
int holding_write(struct gang *gang, const char *key, uint64_t generation, struct membership *m);

/** It is recovered, or never was: forget that. */
void holding_erase(struct gang *gang, struct membership *m);

/** Take-over: a part that the predecessor wrote down. */
bool holding_restore(struct gang *gang, const Ganger__State__HeldState *record, uint32_t slot);

/** Take-over: the process of that is with the keeper, alive or not yet recovered, and has this membership. */
void holding_claim(struct gang *gang, const char *key, uint64_t generation, struct membership *m);

/** Take-over: all that nobody has claimed is of processes that are dead. Take their seats, so that nobody gets them … */
void holdings_take_seats(struct gang *gang);
/** … and put right what they left. */
void holdings_recover(struct gang *gang);

void holdings_done(struct gang_objects *objects);

#endif
