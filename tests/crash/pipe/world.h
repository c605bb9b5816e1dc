/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_PIPE_WORLD_H
#define GANGER_TESTS_CRASH_PIPE_WORLD_H

/*
 * The world of pipes: one of them, what was done to each message (the history), and who does it (actors)
 *
 * The history is what the checks compare the pipe with. It is private to the harness: writing it is no shared access. There is one
 * writer at a time, so messages are numbered as they are sent, whoever sends them.
 */

#include "sim.h"

#define CAPACITY 4096
#define MESSAGE_MAX 1800

enum done { NOT, BEGUN, DONE };

struct history {
        enum done sent;                 /* begun: appended */
        enum done consumed;
};

extern struct history history[SIM_IDS];

struct actor {
        unsigned int who, incarnation;
        struct pipe pipe;
        unsigned int wanted;            /* writer: bytes that it waits for */
        unsigned int appended, n_appended; /* not published yet, as far as it knows: the first, and how many */
        unsigned int peeked[SIM_IDS], n_peeked; /* not consumed yet */
};

enum how { LOOK, WAIT, POLL };

struct scenario {
        struct scenario_head head;
        void (*body[SIM_WORKERS])(struct actor *a);
        void (*setup)(struct actor *a); /* a writer who goes away; may be NULL */
        uint64_t start;                 /* where the positions begin */
        bool replaced;                  /* the dead get replacements */
};

extern const struct scenario pipe_scenarios[];
extern const size_t n_pipe_scenarios;
extern const struct scenario *scenario;

/* ---- ops.c: what an actor does; compiled with the hooks -------------------------------------- */

/** @return 0, -EBUSY. */
int op_take(struct actor *a, enum pipe_end end);
void op_leave(struct actor *a);
/** @return 0, -EAGAIN. */
int op_send(struct actor *a, enum how how);
/** Written in place. */
int op_append(struct actor *a, enum how how);
void op_publish(struct actor *a);
int op_receive(struct actor *a, enum how how);
/** Read in place. */
int op_peek(struct actor *a, enum how how);
void op_consume(struct actor *a);
/** Wait among other things, until a record is there, or room for the next one. @param how  WAIT or POLL. */
void op_wait_any(struct actor *a, enum how how);
/** How many were sent, or begun. */
unsigned int op_sent(void);

uint32_t payload_size(unsigned int id);
void payload_write(void *data, unsigned int id);
/** SIM_IDS: it is torn. */
unsigned int payload_id(const void *data, uint32_t size);

/* ---- world.c --------------------------------------------------------------------------------- */

/** Who has an end, as far as is known; SIM_WORKERS + 1: nobody. */
extern unsigned int holder[PIPE_READER + 1];
#define SETUP SIM_WORKERS
#define NOBODY (SIM_WORKERS + 1)

uint32_t participant_of(unsigned int who);

#endif
