/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_BROADCAST_WORLD_H
#define GANGER_TESTS_CRASH_BROADCAST_WORLD_H

/*
 * The world of broadcasts: one ring, what was sent to it (the stream), and who sends and reads
 *
 * The stream is what the checks compare the ring with. It is private to the harness: writing it is no shared access.
 */

#include "sim.h"

/** Whoever prepares a scenario. */
#define SETUP SIM_WORKERS

/** The `sequence`th message of the ring. It was begun; below `n_sent` it was published for certain. */
struct sent {
        unsigned int id;
        bool seen;                      /* by some reader: so it was published */
};

extern struct sent stream[SIM_IDS];
extern unsigned int n_begun, n_sent;
/** The number of the next message that anybody begins; a message that was begun and not published is never begun again. */
extern unsigned int next_id;

struct actor {
        unsigned int who, incarnation;
        struct broadcast b;
        bool reads;                     /* subscribed, since it began with `next` */
        uint64_t next;                  /* the message that it must see next */
        uint32_t wanted;                /* bytes that it waits for room for; 0: it does not */
};

enum how { LOOK, WAIT, POLL, PEEK };

struct scenario {
        struct scenario_head head;
        void (*body[SIM_WORKERS])(struct actor *a);
        void (*setup)(struct actor *a); /* may be NULL */
        void (*quiet)(void);            /* while somebody holds; may be NULL */
        uint32_t policy;
        uint32_t slots;
        uint32_t capacity;              /* 0: three small messages */
        bool replaced;                  /* the dead get replacements */
};

extern const struct scenario broadcast_scenarios[];
extern const size_t n_broadcast_scenarios;
extern const struct scenario *scenario;

/* ---- ops.c: what an actor does; compiled with the hooks -------------------------------------- */

/** Become the writer. @return 0, -EBUSY. */
int op_claim(struct actor *a);
/** Append the next message. @return 0, -EAGAIN. */
int op_append(struct actor *a, enum how how);
void op_publish(struct actor *a);
int op_send(struct actor *a, enum how how);
/** @return 0, -EUSERS. */
int op_subscribe(struct actor *a, bool oldest);
/** @return 0, -EAGAIN; -ENOTCONN: dropped. */
int op_receive(struct actor *a, enum how how);
/** As op_receive(WAIT), until member `a->who` is asked to drain. */
int op_receive_drain(struct actor *a);
void op_close(struct actor *a);
/** Wait among other things, until there is a message, or room for the next one. @param how  WAIT or POLL. */
void op_wait_any(struct actor *a, enum how how);

/** @return the size of a message by its number. */
uint32_t payload_size(unsigned int id);
void payload_fill(uint64_t *words, unsigned int id);
unsigned int payload_id(const void *data, uint32_t size);
#define PAYLOAD_MAX 24

/* ---- world.c --------------------------------------------------------------------------------- */

void actor_init(struct actor *a, unsigned int who, unsigned int incarnation);
uint32_t participant_of(unsigned int who);

#endif
