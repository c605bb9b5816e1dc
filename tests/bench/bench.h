/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_H
#define GANGER_BENCH_H

/*
 * What every bench needs: time, processors, medians, and results as a table and as JSON
 *
 * A result is a set of samples, one of each round; rounds of all that is compared are interleaved, so that
 * what else the machine does hits all of them alike. Shown is the median, the lowest and the highest, and the ratio
 * to the peer that is compared with.
 *
 * Before each round placement is measured. Rounds in which others used the processors are marked, and left out if at
 * least half of the rounds are without a mark; else all of them count. The table says which, and how many.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** Rounds of one measurement at most. */
#define BENCH_ROUNDS_MAX 2048

/** Results of one bench at most. */
#define BENCH_RESULTS_MAX 64

uint64_t bench_now_ns(void);

/** Give up: print what did not work. With `errno` if it is not 0. */
_Noreturn void bench_die(const char *fmt, ...) __attribute__((__format__(printf, 1, 2)));

/** Run on the first or second processor that this process was given (0, 1), or on both of them (-1). */
void bench_pin(int which);

/** How many processors are used: 1 or 2. */
int bench_processors(void);

/** Is this one of them? */
bool bench_uses(int cpu);

/** Memory shared with children, zeroed, touched. */
void *bench_shared(size_t size);

void bench_unmap(void *p, size_t size);

/** End a child and wait for it. Takes 0: none. */
void bench_kill(pid_t pid);

static inline void bench_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
}

/** Do nothing for so long, or a bit more. */
void bench_pause_ns(uint64_t ns);

/** How often was asked for: $BENCH_ROUNDS, or this. The time of these rounds begins. */
int bench_rounds(int usual);

/**
 * Begin another round of all tables that are open: `for (int left = bench_rounds(9); bench_round(&left);)`.
 * Measures placement, and marks samples since the last look if the machine was busy meanwhile.
 * @return false: no more, or their time is up.
 */
bool bench_round(int *left);

/** Before anything runs: are the processors used? If so, all that is measured later in `unwatched` tables is marked. */
void bench_look_around(void);

/** Sort, and take the value below which the fraction `q` lies. */
double bench_quantile(double *samples, size_t n, double q);

/* ---- results ----------------------------------------------------------------------------------- */

enum bench_better { BENCH_MORE, BENCH_LESS };

/** One row. */
struct bench_result {
        const char *name;
        const char *note;
        size_t n;
        size_t judged;                  /* of these it is known whether they are busy */
        double samples[BENCH_ROUNDS_MAX];
        bool busy[BENCH_ROUNDS_MAX];    /* taken while others used the processors */
};

struct bench_table {
        const char *part;               /* "queue" */
        const char *title;
        const char *unit;
        enum bench_better better;
        const char *peer;               /* the row that ratios are taken of; NULL: none */
        bool quantiles;                 /* show p50, p99 and the worst, in place of median, lowest and highest */
        bool unwatched;                 /* what is measured is no child of this process: see bench_look_around() */
        struct bench_table *next;       /* of the open ones */
        size_t placements_n;
        double placements[BENCH_ROUNDS_MAX];
        size_t n;
        struct bench_result rows[BENCH_RESULTS_MAX];
};

struct bench_table *bench_table_new(const char *part, const char *title, const char *unit, enum bench_better better,
                                    const char *peer);

/** A row, made when it is first named. */
struct bench_result *bench_row(struct bench_table *t, const char *name, const char *note);
void bench_add(struct bench_result *r, double sample);

/** The median of a row; 0 if there is none of that name. */
double bench_median(const struct bench_table *t, const char *name);

/**
 * How good one row is beside another, round by round: what else the machine does at the time hits both. Above 1 is better.
 * @return the quantile `q` of the rounds' ratios; 0: there is none.
 */
double bench_ratio(const struct bench_table *t, const char *name, const char *beside, double q);

/** Print it, and append it to $BENCH_JSON, a line a row. */
void bench_table_show(struct bench_table *t);
void bench_table_free(struct bench_table *t);

/** Both. */
void bench_table_finish(struct bench_table *t);

/** Say whether an aim of the table that was shown last was met, and append that to $BENCH_JSON. @return `met`. */
bool bench_aim(const char *what, double value, const char *relation, double aim, bool met);

static inline bool bench_aim_least(const char *what, double value, double aim) {
        return bench_aim(what, value, "at least", aim, value >= aim);
}

static inline bool bench_aim_most(const char *what, double value, double aim) {
        return bench_aim(what, value, "at most", aim, value <= aim);
}

#endif
