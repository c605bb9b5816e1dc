/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_QUEUE_WORLD_H
#define GANGER_TESTS_CRASH_QUEUE_WORLD_H

/*
 * The world of queues: rings, what was done to each message (the history), and who does it (actors)
 *
 * The history is what the checks compare the rings with. It is private to the harness: writing it is no shared access.
 */

#include "sim.h"

/** A message's number tells who sent it, and the how many-th it is. */
#define IDS_PER_SENDER 8
#define MESSAGE_ID(who, k) ((who) * IDS_PER_SENDER + (k))
/** Whoever prepares a scenario, as a sender. */
#define SETUP SIM_WORKERS

enum done { NOT, BEGUN, DONE };

struct history {
        enum done sent;
        enum done acknowledged;         /* or forwarded */
        bool holder_known;
        unsigned int holder;
        unsigned int received;
        uint64_t position;              /* at which it was sent; known once it was received */
        uint64_t due;                   /* not to be delivered before */
};

extern struct history history[SIM_RINGS][SIM_IDS];

struct actor {
        unsigned int who, incarnation;
        struct queue queue[SIM_RINGS];
        struct journal *journal;
        unsigned int last[SIM_RINGS][SIM_WORKERS + 1]; /* first deliveries, by sender */
        uint32_t wants;                 /* the room that it waits for, if it does */
};

enum how { LOOK, WAIT, POLL };

struct scenario {
        struct scenario_head head;
        void (*body[SIM_WORKERS])(struct actor *a);
        void (*setup)(struct actor *a); /* may be NULL */
        void (*quiet)(void);            /* while somebody holds; may be NULL */
        void (*check)(unsigned int drained[SIM_RINGS][SIM_IDS]); /* may be NULL */
        uint32_t slots[SIM_RINGS];
        uint32_t max_deliveries;
        uint32_t dead_max;
        uint32_t delay_msec;
        enum queue_dead_policy dead_policy;
        uint64_t lap;                   /* in which the rings begin */
        bool replaced;                  /* the dead get replacements */
        uint32_t blocks;                /* of the heaps; 0: there are none */
        uint32_t sizes[SIM_WORKERS + 1]; /* of the messages of each sender; 0: PAYLOAD_SIZE, which fits a slot */
        uint32_t reserves[SIM_WORKERS + 1]; /* what it reserves for them; 0: their size */
};

extern const struct scenario queue_scenarios[];
extern const size_t n_queue_scenarios;
extern const struct scenario *scenario;
extern struct region regions[SIM_RINGS];

/* ---- ops.c: what an actor does; compiled with the hooks -------------------------------------- */

/** @return 0, -EAGAIN. */
int op_send(struct actor *a, unsigned int ring, unsigned int id, enum how how);
int op_receive(struct actor *a, unsigned int ring, struct lease *ret, enum how how);
/** As op_receive(WAIT), until member `a->who` is asked to drain. */
int op_receive_drain(struct actor *a, unsigned int ring, struct lease *ret);
void op_acknowledge(struct actor *a, unsigned int ring, const struct lease *l);
void op_reject(struct actor *a, unsigned int ring, const struct lease *l);
/** As a person does it: drop all dead letters. */
void op_bury(struct actor *a, unsigned int ring);
/** Two at once, waiting until there are: each for itself, but one wake-up. */
void op_send_batch(struct actor *a, unsigned int ring);
void op_take_batch(struct actor *a, unsigned int ring);
/** Be the producer `a->who`. What it has sent is taken from the ring's answer. @return how many were accepted. */
unsigned int op_produce(struct actor *a, unsigned int ring);
/** Send its next message, the `k`th, from 0. */
void op_send_sequenced(struct actor *a, unsigned int ring, unsigned int k);
/** Ask how many producer `who` has sent. @return how many. */
unsigned int op_sequence(struct actor *a, unsigned int ring, unsigned int who);
/**
 * Wait for a message in either of the rings 0 and 1, or (`space`) for space in ring 0 or a message in ring 1, until this worker is
 * asked to drain. @param how  WAIT or POLL. @return the first that is ready, or -ESHUTDOWN.
 */
int op_wait_any(struct actor *a, bool space, enum how how);
/** Receive and acknowledge. */
int op_take(struct actor *a, unsigned int ring, enum how how);
/** The same message to `outputs` rings, from ring 1 on, for `n` inputs of ring 0. */
void op_forward(struct actor *a, const struct lease *l, size_t n, unsigned int outputs);
/** The next message that this worker has not sent yet. */
unsigned int op_next(const struct actor *a, unsigned int ring);

unsigned int payload_id(const void *data, uint32_t size);
void payload_write(void *data, unsigned int id);
#define PAYLOAD_SIZE 16
#define BLOCK_SIZE 64
/** How long a message is, by its number. */
uint32_t payload_size(unsigned int id);

/* ---- world.c --------------------------------------------------------------------------------- */

void actor_init(struct actor *a, unsigned int who, unsigned int incarnation);
uint32_t participant_of(unsigned int who);

#endif
