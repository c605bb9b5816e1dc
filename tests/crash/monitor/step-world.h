/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_MONITOR_STEP_WORLD_H
#define GANGER_TESTS_CRASH_MONITOR_STEP_WORLD_H

/*
 * The arena of monitors: one, what it guards, and what the victim says of itself
 */

#include "shm/monitor.h"
#include "shm/recover.h"
#include "step.h"

#define STEP_CONDITIONS 1
#define STEP_MONITOR_BYTES 12288

/** A deadline that has passed: a sleep ends at once. */
#define LONG_AGO 1

/** Operations' flags. */
#define STEP_DEAD 1                     /* begins with a lock whose holder died */
#define STEP_SPOILS 2                   /* the victim unlocks it without putting the state right */

struct arena {
        _Alignas(4096) unsigned char memory[STEP_MONITOR_BYTES];
        volatile uint64_t begun, done;  /* guarded: whole if they are the same */
        volatile uint8_t holds, spoilt; /* the victim: it does, for certain; it is about to */
};

void arena_open(struct arena *a, struct monitor *m, uint32_t participant);
/** With the lock held. @param r  how it was had. */
void step_change(struct arena *a, struct monitor *m, int r);

#endif
