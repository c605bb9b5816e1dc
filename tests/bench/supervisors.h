/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_SUPERVISORS_H
#define GANGER_BENCH_SUPERVISORS_H

/*
 * Supervisors beside each other: each keeps the same program running, tests/bench/bench-first, so many times
 *
 * Of each the bench knows what it is told through the FIFO: which process has begun, and when. All else is a row of a
 * table: how it is configured and started, how it is asked, how it ends.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gangd.h"

struct supervised;

struct supervisor {
        const char *name;
        const char *note;
        const char *program;            /* without it in PATH it is not compared with; NULL: it is always here */
        size_t instances_max;           /* more it does not take, or not in the time that a bench has */
        size_t restarts_max;            /* rounds of one restart after the other that it gets */
        /** Begin to keep s->n processes running; does not wait for them. */
        void (*start)(struct supervised *s);
        /** Ask for the state of all of them by the program that people use, to its end; false: there is none for so many. */
        bool (*status)(struct supervised *s);
        /** Ask it to end, with all that it has started; does not wait. */
        void (*stop)(struct supervised *s);
};

/** One that runs. */
struct supervised {
        const struct supervisor *kind;
        struct gangd world;             /* its directory and its FIFO; ganger itself is all of it */
        size_t n;
        pid_t pid;                      /* of the process that was started */
        pid_t *workers;                 /* as they were reported, `n` of them */
};

/** Those that are here, the bare one first and ganger second; says which are not. @return how many. */
size_t supervisors_find(const struct supervisor *const **ret);

/** Start it with `n` processes, and wait until all of them run. @return nanoseconds from nothing to the last one. */
uint64_t supervised_start(struct supervised *s, const struct supervisor *kind, size_t n);

/** Of ganger only: have `n` workers, so many more at a time. */
void supervised_grow(struct supervised *s, size_t n, size_t step);

/** Kill one. @return nanoseconds to the first instruction of the next one. */
uint64_t supervised_restart_one(struct supervised *s, size_t which);

/** Kill all. @return nanoseconds until all are replaced. */
uint64_t supervised_restart_all(struct supervised *s);

/** @return nanoseconds; 0: it has no answer for so many. */
uint64_t supervised_status(struct supervised *s);

/** End it, and wait until nothing of it is left. @return nanoseconds. */
uint64_t supervised_stop(struct supervised *s);

/** What all of its own processes take of memory, the workers not counted: PSS, in kB. */
double supervised_memory(const struct supervised *s);

/** What they have taken of the processors, in ticks. */
unsigned long supervised_ticks(const struct supervised *s);

#endif
