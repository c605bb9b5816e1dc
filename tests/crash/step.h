/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_STEP_H
#define GANGER_TESTS_CRASH_STEP_H

/*
 * stepkill: a real process, killed at every instruction of an operation
 *
 * The arena is all that outlives a victim: objects in memory, and the marks in which it says what it has begun and done. A copy of
 * it is what a SIGKILL at that instruction leaves. What is in an arena, and what must hold in it, is the world's: one for each
 * kind of object (a folder each).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/region.h"

/* Participants. The zombie is dead too, and not recovered before the check; the waiter waits. */
#define STEP_VICTIM 1
#define STEP_PEER 2
#define STEP_ZOMBIE 3
#define STEP_WAITER 70
#define STEP_JUDGE 100
#define STEP_GENERATION 1

struct arena;

struct operation {
        const char *name;
        void (*setup)(struct arena *a);
        void (*victim)(struct arena *a);
        unsigned int flags;             /* the world's own */
};

/* ---- the world ----------------------------------------------------------------------------------- */

extern const struct operation operations[];
extern const unsigned int n_operations;
/** Bytes of an arena. */
extern const size_t arena_size;

/** The objects in it. @return how many. */
#define STEP_REGIONS_MAX 4
size_t arena_regions(struct arena *a, struct region ret[STEP_REGIONS_MAX]);

void arena_reset(struct arena *a);
/** Recover a dead participant. */
void arena_recover(struct arena *a, uint32_t participant);
/** Work as one who lives (STEP_PEER), on a state that is half done. @return NULL, or what is wrong. */
const char *arena_peer(struct arena *a);
/** @return what is wrong with an arena in which victim, zombie and waiter were recovered, or NULL. Spoils it. */
const char *arena_check(struct arena *a, const struct operation *op);

#endif
