/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_MONITOR_WORLD_H
#define GANGER_TESTS_CRASH_MONITOR_WORLD_H

/*
 * The world of monitors: one, the data that it guards, what was done to it (the history), and who does it (actors)
 *
 * The monitor has all of the simulated memory but its last line, where the data is. The history is private to the harness:
 * writing it is no shared access.
 */

#include "shm/monitor.h"
#include "sim.h"

/** Whoever prepares a scenario. */
#define SETUP SIM_WORKERS

/** What the lock guards. Consistent: both numbers of changes are the same. */
struct data {
        volatile uint32_t begun, done;
        volatile uint32_t items;        /* or a gate that is open */
};

enum done { NOT, BEGUN, DONE };
enum known { NO, PERHAPS, YES };

struct history {
        enum done holds[SIM_WORKERS + 1]; /* BEGUN: about to lock or to unlock */
        enum known owed;                /* somebody died who held it, and the next one must be told */
        enum known broken;              /* it was unlocked although inconsistent */
};

extern struct history history;

struct actor {
        unsigned int who, incarnation;
        struct monitor monitor;
        bool watches;                   /* waits for the lock among other things */
};

struct scenario {
        struct scenario_head head;
        void (*body[SIM_WORKERS])(struct actor *a);
        void (*setup)(struct actor *a); /* may be NULL */
        void (*quiet)(void);            /* while somebody holds; may be NULL */
        uint32_t conditions;
        uint32_t patience;
        bool replaced;                  /* the dead get replacements */
};

extern const struct scenario monitor_scenarios[];
extern const size_t n_monitor_scenarios;
extern const struct scenario *scenario;

/* ---- ops.c: what an actor does; compiled with the hooks -------------------------------------- */

#define NO_LIMIT UINT64_MAX

/** @return as monitor_lock(). */
int op_lock(struct actor *a, uint64_t deadline);
/** Wait for the lock among other things, and try to have it. @param polls  as before Linux 5.16. @return as monitor_try(). */
int op_lock_any(struct actor *a, bool polls);
void op_unlock(struct actor *a);
/** Put the state right, and say so. */
void op_repair(struct actor *a);
/** @return as monitor_wait(). */
int op_wait(struct actor *a, uint32_t condition, uint64_t deadline, bool drains);
void op_signal(struct actor *a, uint32_t condition);
void op_broadcast(struct actor *a, uint32_t condition);
/** Change what is guarded, in steps. */
void op_change(int items);

/* ---- world.c --------------------------------------------------------------------------------- */

struct data *world_data(void);
struct region world_region(void);
void actor_init(struct actor *a, unsigned int who, unsigned int incarnation);
uint32_t participant_of(unsigned int who);

#endif
