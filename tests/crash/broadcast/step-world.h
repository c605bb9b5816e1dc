/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_BROADCAST_STEP_WORLD_H
#define GANGER_TESTS_CRASH_BROADCAST_STEP_WORLD_H

/*
 * The arena of broadcasts: one ring, what was sent to it in order, and a witness: a subscriber who lives, and reads at the end
 */

#include "shm/recover.h"
#include "step.h"

#define STEP_RING_BYTES 8192
#define STEP_CAPACITY 512
#define STEP_MESSAGE_MAX 48
#define STEP_SLOTS 4
#define STEP_IDS 64
#define STEP_WITNESS STEP_JUDGE

struct arena {
        _Alignas(4096) unsigned char ring[STEP_RING_BYTES];
        uint32_t policy;
        volatile uint8_t order[STEP_IDS]; /* ids, in the order in which they were begun */
        volatile uint32_t n_begun;
        volatile uint8_t sent[STEP_IDS]; /* by place in the order */
};

void arena_open(struct arena *a, struct broadcast *b, uint32_t participant);
/** As the witness left it; with policy wait. */
void arena_witness(struct arena *a, struct broadcast *b);
uint32_t step_size(unsigned int id);
/** @return the number of a message; STEP_IDS if it is torn. */
unsigned int step_id(const void *data, uint32_t size);
/** Append the next, and publish it if that is wanted. @return whether there was room. */
bool step_append(struct arena *a, struct broadcast *b, bool publish);

#endif
