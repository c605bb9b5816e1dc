/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_SERVICE_WORLD_H
#define GANGER_TESTS_CRASH_SERVICE_WORLD_H

/*
 * The world of services: one service, what became of each call (the history), and who calls and serves (actors)
 *
 * The history is what the checks compare with. It is private to the harness: writing it is no shared access.
 */

#include "shm/service.h"
#include "sim.h"

/** A call's number tells who makes it, and the how many-th it is. */
#define IDS_PER_CALLER 16
#define CALL_ID(who, k) ((who) * IDS_PER_CALLER + (k))
/** When the calls of some scenarios expire. */
#define DEADLINE (SIM_TIME_BEGINS + 10)
#define PAYLOAD_SIZE 16

enum done { NOT, BEGUN, DONE };

struct history {
        enum done called;
        enum done replied, rejected;    /* by any server */
        bool ended;                     /* the caller has its result, or has given up */
        bool server_known;
        unsigned int server;
        unsigned int received;          /* deliveries */
};

extern struct history history[SIM_IDS];

/** What somebody waits for among other things. */
#define FOR_REQUEST 1u
#define FOR_SLOT 2u
#define FOR_CALL 4u

struct actor {
        unsigned int who, incarnation;
        struct service service;
        unsigned int waits_for;         /* FOR_… */
};

enum how { LOOK, WAIT, POLL };

struct scenario {
        struct scenario_head head;
        void (*body[SIM_WORKERS])(struct actor *a);
        void (*quiet)(void);            /* while somebody holds; may be NULL */
        uint32_t slots;
        uint32_t max_deliveries;        /* 0: at most once */
        uint64_t lap;                   /* in which the slots begin */
        bool replaced;                  /* the dead get replacements */
};

extern const struct scenario service_scenarios[];
extern const size_t n_service_scenarios;
extern const struct scenario *scenario;
extern struct region region;

/* ---- ops.c: what an actor does; compiled with the hooks -------------------------------------- */

/** A call that has begun. @return 0, -EAGAIN (LOOK: no slot is free). */
int op_begin(struct actor *a, unsigned int id, uint64_t deadline_usec, enum how how, struct call *ret);
/** Wait for its end, or give it up at its deadline. */
void op_end(struct actor *a, unsigned int id, const struct call *c);
void op_give_up(struct actor *a, unsigned int id, const struct call *c);
void op_call(struct actor *a, unsigned int id, uint64_t deadline_usec);
/** @return 0, -EAGAIN; with `drain` until this worker is asked to drain: -ESHUTDOWN. */
int op_receive(struct actor *a, struct served *ret, enum how how);
int op_receive_drain(struct actor *a, struct served *ret);
void op_reply(struct actor *a, const struct served *r);
void op_reject(struct actor *a, const struct served *r);
/** Receive and reply. */
int op_serve(struct actor *a, enum how how);
/**
 * Wait among other things, until there is a call to serve, or a slot, or one of `n` calls is over. @param how  WAIT or POLL.
 * @return the first call that is over; `n`: what else was waited for may be there.
 */
size_t op_wait_any(struct actor *a, unsigned int waits_for, const struct call *calls, size_t n, enum how how);
/** A call that is over, or whose deadline has passed, has its end at once. */
void op_end_now(struct actor *a, unsigned int id, const struct call *c);
/** Time passes, past every deadline. */
void op_pass_time(struct actor *a);
/** The next call that this worker has not made yet. */
unsigned int op_next(const struct actor *a);

void request_write(void *data, unsigned int id);
unsigned int request_id(const void *data, uint32_t size);

/* ---- world.c --------------------------------------------------------------------------------- */

void actor_init(struct actor *a, unsigned int who, unsigned int incarnation);
uint32_t participant_of(unsigned int who);

#endif
