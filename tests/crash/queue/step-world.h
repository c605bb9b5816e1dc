/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_QUEUE_STEP_WORLD_H
#define GANGER_TESTS_CRASH_QUEUE_STEP_WORLD_H

/*
 * The arena of queues: two rings, the member memory of the victim, and a mark for each message
 */

#include "shm/member.h"
#include "shm/recover.h"
#include "step.h"

#define STEP_RINGS 2
#define STEP_RING_BYTES 8192
#define STEP_SLOTS 4
#define STEP_IDS 32
#define STEP_MAX_DELIVERIES 2
#define STEP_SHORT 16
/** More than one block. */
#define STEP_LONG 80
#define STEP_HEAP 192

/** An operation's flag: what is in ring 0 or in ring 1 must be in exactly one. */
#define STEP_FORWARDS 1
/** The victim is producer STEP_KEY; its messages 1, 2, … have these sequences. */
#define STEP_SEQUENCED 2
#define STEP_KEY 7
#define STEP_SEQUENCE_MAX 3

struct mark {
        volatile uint8_t send_begun, sent, finish_begun, finished, received;
};

struct arena {
        _Alignas(4096) unsigned char ring[STEP_RINGS][STEP_RING_BYTES];
        struct mark marks[STEP_RINGS][STEP_IDS];
        uint32_t dead_max;              /* of the rings */
        enum queue_dead_policy dead_policy;
        uint32_t delay_msec;
        uint32_t heap;                  /* bytes; then the victim's messages are STEP_LONG */
        struct member_memory member;    /* of the victim */
};

void arena_open(struct arena *a, struct queue *q, unsigned int ring, uint32_t participant);
bool step_send(struct arena *a, struct queue *q, unsigned int ring, unsigned int id);
bool step_receive(struct arena *a, struct queue *q, unsigned int ring, struct lease *ret);
unsigned int step_id(const void *data, uint32_t size);
/** How long a message is, by its number. */
uint32_t step_size(const struct arena *a, unsigned int id);

#endif
