/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_SEMAPHORE_WORLD_H
#define GANGER_TESTS_CRASH_SEMAPHORE_WORLD_H

/*
 * The world of semaphores and counters: one of either, what each worker holds and has changed (the history), and who does it (actors)
 *
 * The history is private to the harness: writing it is no shared access. Each change of a counter adds a bit that no other adds, so its value
 * tells which changes are in it.
 */

#include "shm/counter.h"
#include "shm/semaphore.h"
#include "sim.h"

#define COUNTERS 2
/** Changes of one worker to one counter. */
#define CHANGES_PER_WORKER 8

enum change { NOT, BEGUN, DONE };

struct history {
        unsigned int held;              /* permits; of an outsider, tokens */
        enum change changes[COUNTERS][CHANGES_PER_WORKER];
};

extern struct history history[SIM_WORKERS];
/** What somebody has read of a counter: it stays so. */
extern int64_t seen[COUNTERS];

struct actor {
        unsigned int who, incarnation;
        struct semaphore semaphore;
        struct counter counter;
};

struct scenario {
        struct scenario_head head;
        void (*body[SIM_WORKERS])(struct actor *a);
        void (*quiet)(void);            /* while somebody holds; may be NULL */
        enum object_kind kind;
        uint32_t slots;
        uint32_t policy;
        bool replaced;                  /* the dead get replacements */
        bool outsider[SIM_WORKERS];     /* knows the tokens only */
};

extern const struct scenario semaphore_scenarios[];
extern const size_t n_semaphore_scenarios;
extern const struct scenario *scenario;

/* ---- ops.c: what an actor does; compiled with the hooks -------------------------------------- */

/** @return 0, -EAGAIN: none is free. */
int op_try(struct actor *a);
void op_acquire(struct actor *a);
void op_release(struct actor *a);
/** Wait for a permit among other things. @param polls  as before Linux 5.16. */
void op_wait_any(struct actor *a, bool polls);
/** As a program that knows POSIX semaphores only. */
void op_outsider_acquire(struct actor *a);
void op_outsider_release(struct actor *a);

/** Change a counter for the how many-th time. */
void op_add(struct actor *a, uint32_t i, unsigned int k);
void op_swap(struct actor *a, uint32_t i, unsigned int k);
/** Change a counter, unrecorded. */
void op_shift(struct actor *a, uint32_t i, int64_t delta);
void op_get(struct actor *a, uint32_t i);
/** @return whether there was an instant. */
bool op_snapshot(struct actor *a, int64_t *ret);

/* ---- world.c --------------------------------------------------------------------------------- */

sem_t *world_tokens(void);
/** Fail if a value lacks a change that was done, or has one that was not begun. @param done  from world_done(). */
void world_judge_value(uint32_t i, int64_t value, int64_t done);
/** The changes of a counter that are done. */
int64_t world_done(uint32_t i);
int64_t world_bit(unsigned int who, unsigned int k);

#endif
