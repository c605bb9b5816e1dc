/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_STEP_H
#define GANGER_TESTS_CRASH_STEP_H

/*
 * stepkill: a real process, killed at every instruction of an operation
 *
 * The arena is all that outlives a victim: two rings, its member memory, and the marks in which it says what it has begun and done. A
 * copy of it is what a SIGKILL at that instruction leaves.
 */

#include <stdbool.h>
#include <stdint.h>

#include "shm/member.h"
#include "shm/queue.h"
#include "shm/recover.h"

#define STEP_RINGS 2
#define STEP_RING_BYTES 8192
#define STEP_SLOTS 4
#define STEP_IDS 32
#define STEP_MAX_DELIVERIES 2

/* Participants. The zombie is dead too, and not recovered before the check; the waiter waits. */
#define STEP_VICTIM 1
#define STEP_PEER 2
#define STEP_ZOMBIE 3
#define STEP_WAITER 70
#define STEP_JUDGE 100
#define STEP_GENERATION 1

struct mark {
        volatile uint8_t send_begun, sent, finish_begun, finished, received;
};

struct arena {
        _Alignas(4096) unsigned char ring[STEP_RINGS][STEP_RING_BYTES];
        struct mark marks[STEP_RINGS][STEP_IDS];
        volatile int over;              /* the victim has done all it had to do */
        struct member_memory member;    /* of the victim */
};

struct operation {
        const char *name;
        void (*setup)(struct arena *a);
        void (*victim)(struct arena *a);
        bool forwards;                  /* what is in ring 0 or in ring 1 must be in exactly one */
};

extern const struct operation operations[];
extern const unsigned int n_operations;

void arena_reset(struct arena *a);
void arena_open(struct arena *a, struct queue *q, unsigned int ring, uint32_t participant);
/** @return what is wrong with an arena in which victim and zombie were recovered, or NULL. Spoils it. */
const char *arena_check(struct arena *a, const struct operation *op);
void arena_recover(struct arena *a, uint32_t participant);
/** Send and receive as one who lives, on a state that is half done. @return NULL, or what is wrong. */
const char *arena_peer(struct arena *a, struct queue *q);

bool step_send(struct arena *a, struct queue *q, unsigned int ring, unsigned int id);
bool step_receive(struct arena *a, struct queue *q, unsigned int ring, struct lease *ret);
unsigned int step_id(const void *data, uint32_t size);

#endif
