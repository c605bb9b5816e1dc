/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_SERVICE_STEP_WORLD_H
#define GANGER_TESTS_CRASH_SERVICE_STEP_WORLD_H

/*
 * The arena of services: one service, and a mark for each call
 */

#include "shm/recover.h"
#include "shm/service.h"
#include "step.h"

#define STEP_SERVICE_BYTES 8192
#define STEP_SLOTS 4
#define STEP_IDS 16
#define STEP_MAX_DELIVERIES 2

/** Calls of the peer and of whoever prepares a state, and of the victim, begin at these. */
#define STEP_PEER_ID 8
#define STEP_VICTIM_ID 1

/** An operation's flag: its victim rejects. */
#define STEP_REJECTS 1

struct mark {
        volatile uint8_t call_begun, ended;
        volatile uint8_t reply_begun, replied; /* by anybody */
        volatile uint8_t received;
};

/** An open call, and whose it is. */
struct step_call {
        struct call call;
        uint32_t participant;
        uint32_t id;
};

struct arena {
        _Alignas(4096) unsigned char service[STEP_SERVICE_BYTES];
        uint32_t policy;
        struct mark marks[STEP_IDS];
        /* Calls that were made before the victim began, and whose callers live: each must have an end. */
        struct step_call open[STEP_SLOTS];
        uint32_t n_open;
        struct call victims;            /* call, in some states */
};

void arena_open(struct arena *a, struct service *s, uint32_t participant);
/** Make a call. @return whether there was a slot. */
bool step_call(struct arena *a, struct service *s, unsigned int id, struct call *ret);
/** Look for its result. @return as service_result(), and it is released; -EILSEQ: it is not what it should be. */
int step_end(struct arena *a, struct service *s, unsigned int id, const struct call *c);
/** Take a call. @return its number; STEP_IDS: there is none; above: it is torn, or was delivered too often. */
unsigned int step_receive(struct arena *a, struct service *s, struct served *ret);
/** @return as service_reply(). */
int step_reply(struct arena *a, struct service *s, unsigned int id, const struct served *r);

#endif
