/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_PIPE_STEP_WORLD_H
#define GANGER_TESTS_CRASH_PIPE_STEP_WORLD_H

/*
 * The arena of pipes: one of them, and a mark for each message; messages are numbered as they are sent
 */

#include "shm/recover.h"
#include "step.h"

#define STEP_PIPE_BYTES 8192
#define STEP_CAPACITY 4096
#define STEP_IDS 32
#define STEP_BROKEN STEP_IDS
/** The second record does not fit before the end of the ring. */
#define STEP_START (UINT64_C(3) * STEP_CAPACITY - 80)

struct mark {
        volatile uint8_t send_begun, sent, consume_begun, consumed;
};

struct arena {
        _Alignas(4096) unsigned char pipe[STEP_PIPE_BYTES];
        struct mark marks[STEP_IDS];
        volatile uint32_t next;         /* the number of the next message */
};

void arena_open(struct arena *a, struct pipe *p);
bool step_take(struct arena *a, struct pipe *p, enum pipe_end end, uint32_t participant);
/** Copied in and published. @return whether there was room. */
bool step_send(struct arena *a, struct pipe *p);
/** Copied out and consumed. @return its number; STEP_BROKEN: there is none; the reason, if it is not what it should be. */
unsigned int step_receive(struct arena *a, struct pipe *p, const char **ret_why);
/** The number of a record; STEP_BROKEN if it is torn. */
unsigned int step_id(const void *data, uint32_t size);

#endif
