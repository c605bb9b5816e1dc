/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_SEMAPHORE_STEP_WORLD_H
#define GANGER_TESTS_CRASH_SEMAPHORE_STEP_WORLD_H

/*
 * The arena of semaphores and counters: one with tokens and one without, two counters, and a mark for each change of these
 *
 * The memory of an object ends after the participants that there are: what lies beyond is not touched.
 */

#include "shm/counter.h"
#include "shm/semaphore.h"
#include "step.h"

#define STEP_BYTES 8192
#define STEP_PERMITS 2
#define STEP_COUNTERS 2
#define STEP_CHANGES 16

enum step_object { STEP_PLAIN, STEP_TOKENS, STEP_COUNTER, STEP_OBJECTS };

struct arena {
        _Alignas(4096) unsigned char memory[STEP_OBJECTS][STEP_BYTES];
        sem_t tokens;
        volatile uint8_t begun[STEP_CHANGES], done[STEP_CHANGES]; /* changes of counter 0: each adds a bit */
        volatile uint8_t beyond;                                  /* more was held than there is */
};

void arena_open(struct arena *a, struct semaphore *s, enum step_object which, uint32_t participant);
void arena_open_counter(struct arena *a, struct counter *c, uint32_t participant);
/** Take one, and look whether more are held than there are. */
bool step_try(struct arena *a, struct semaphore *s);
void step_add(struct arena *a, struct counter *c, unsigned int k);

#endif
