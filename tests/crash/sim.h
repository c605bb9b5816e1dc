/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CRASH_SIM_H
#define GANGER_TESTS_CRASH_SIM_H

/*
 * crashsim: the real code of lib/shm under a scheduler that can switch and kill at every shared access
 *
 * Fibers stand for threads of as many processes; the one after them is the supervisor, who recovers the dead
 * while the others go on, and starts their replacements. The compiler's calls to __tsan_* (sim-hooks.c) are the
 * points; sim-sys.c stands in for the kernel. What may happen in one execution is bounded by `struct budget`.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/member.h"
#include "shm/recover.h"

#define SIM_WORKERS 3
#define SIM_SUPERVISOR SIM_WORKERS
#define SIM_FIBERS (SIM_WORKERS + 1)
#define SIM_RINGS 3
#define SIM_RING_BYTES 8192
#define SIM_IDS 64
/** Things that one fiber can sleep on. */
#define SIM_KEYS 4

/** How often each may happen in one execution. */
struct budget {
        unsigned int preemptions;       /* switches from a fiber that could have gone on */
        unsigned int kills;             /* of workers */
        unsigned int supervisor_kills;
        unsigned int delays;            /* stores kept in a store buffer past what follows them */
};

enum access { ACCESS_READ, ACCESS_WRITE };

/* ---- choice.c: which of several things happens --------------------------------------------------- */

void choice_exhaustive(void);
void choice_random(uint64_t seed);
void choice_replay(const char *path);
/** Begin an execution. */
void choice_restart(void);
/** @return whether there is another execution to try. */
bool choice_next(void);
/** One of `n`; 0 is the one that costs nothing. */
unsigned int choose(unsigned int n);
/** The same, but a random execution takes 0 except in one case of `rarity`. */
unsigned int choose_rarely(unsigned int n, unsigned int rarity);
/** Print the choices made, for choice_replay(). */
void choice_print(void);

/* ---- sim.c: fibers ------------------------------------------------------------------------------- */

extern unsigned char sim_memory[SIM_RINGS][SIM_RING_BYTES];
extern struct member_memory sim_members[SIM_WORKERS];
extern bool sim_trace;

/** Run one execution. @return NULL, or what went wrong. */
const char *sim_execute(const struct budget *b);
/** The execution has failed: ends it, if it is running. */
void sim_fail(const char *why);
/** Whatever happened, the words of this object must not look damaged; seats are not looked at. */
void sim_check_sound(const struct region *region);
/** A word for the trace. */
void sim_say(const char *what, unsigned int n);

/**
 * A shared access is about to be made: somebody else may run, or this fiber may die here.
 * @return whether it is one: `p` is in shared memory, and an execution is running.
 */
bool sim_point(const volatile void *p, enum access access, const void *caller);
/** Between two operations. */
void sim_boundary(void);
/** Sleep until sim_wake() with the same key, or until a time (UINT64_MAX: never). @return whether it was woken. */
bool sim_sleep(const volatile void *key, uint64_t deadline_usec);
/**
 * Sleep until sim_wake() with one of `n` keys, at most SIM_KEYS. As in the kernel it counts as a sleeper with each of the
 * others until it runs again.
 */
bool sim_sleep_any(const volatile void *const *keys, unsigned int n, uint64_t deadline_usec);
/** Time stands still while anybody can go on; then it goes on to the first deadline. */
uint64_t sim_now(void);
/** Let a long time go by. */
void sim_go_on(uint64_t usec);
unsigned int sim_wake(const volatile void *key, unsigned int count);
/** Wait until nobody else can go on. */
void sim_hold(void);
/** What a fiber sleeps on; NULL: it does not. */
const volatile void *sim_sleeps_on(unsigned int who);
/** The `i`th thing that it sleeps on; NULL: there are no more. */
const volatile void *sim_sleeps_at(unsigned int who, unsigned int i);
bool sim_is_done(unsigned int who);
unsigned int sim_deaths(void);
unsigned long sim_points(void);

/* ---- sim-waiters.c: what every world demands at the end ------------------------------------------- */

struct eventcount;

/** The participant that a worker has in a world. */
typedef uint32_t (*sim_participant_fn)(unsigned int who);

/**
 * Announced at an eventcount are the workers that sleep there, and nobody else.
 * @param polled  what pollers of it sleep on; NULL: nobody polls.
 */
void sim_check_waiters(const struct eventcount *c, const volatile void *polled, sim_participant_fn participant_of);

/* ---- sim-buffer.c: what a fiber has stored, but nobody else sees yet ------------------------------ */

void buffer_reset(void);
bool buffer_is_empty(unsigned int fiber);
void buffer_put(unsigned int fiber, volatile void *p, uint64_t value, unsigned int size);
bool buffer_get(unsigned int fiber, const volatile void *p, uint64_t *ret);
void buffer_flush(unsigned int fiber);
void sim_flush(void);
void sim_flush_all(void);
/** An atomic store: at once, or later. */
void sim_store(volatile void *p, uint64_t value, unsigned int size, bool ordered, const void *caller);
/** @return whether this fiber has stored there itself, not yet seen by others. */
bool sim_load(const volatile void *p, uint64_t *ret);

/* ---- sim-sys.c ----------------------------------------------------------------------------------- */

/** What the clock shows when an execution begins. */
#define SIM_TIME_BEGINS 1000
/** A deadline that has passed before the execution begins. */
#define SIM_LONG_AGO 1

/** The event descriptor of a ring is its number. */
extern uint64_t sim_events[SIM_RINGS];

/** A new execution begins. */
void sim_sys_reset(void);
/** Wait, as poll(2) would, until the event descriptor is readable, or until a time. */
void sim_event_wait(int fd, uint64_t deadline_usec);

/* ---- the world: what is simulated, one for each kind of object (a folder each) ------------------- */

/** What crashsim must know of a scenario. */
struct scenario_head {
        const char *name;
        const char *what;
        unsigned int switches;          /* small enough for more than one; 0: one */
        bool delays;                    /* worth running with store buffers */
        bool brief;                     /* large, and recovery is not what it is about: a switch or a kill, never both */
};

/** The `i`th scenario of the world; NULL: there are no more. */
const struct scenario_head *world_scenario(size_t i);
/** Executions from here on are of this one. */
void world_choose(size_t i);

/* Called back by sim.c. */
void world_reset(void);
void world_run(unsigned int who, unsigned int incarnation);
/** Recover a dead worker. @return whether it gets a replacement. */
bool world_recover(unsigned int who, unsigned int incarnation);
/** Nobody can go on, but for those that hold: must they? */
void world_quiet(void);
/** Nobody can go on. */
void world_check(void);

#endif
