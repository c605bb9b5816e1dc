/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_DEMO_DEMO_H
#define GANGER_CTL_DEMO_DEMO_H

/*
 * The demo: a gang counts the words of real files while its members are killed, and the sums are
 * compared with those of `sort | uniq -c`.
 *
 * input.c finds the files, gang.c runs the daemon, feed.c gives the work out and takes the sums in, chaos.c kills,
 * screen.c shows it, verdict.c compares. demo.c ties them together.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/tally.h"
#include "ctl/attach.h"
#include "ctl/ctl.h"

#define DEMO_SECONDS 20
#define DEMO_KILLS_PER_SECOND 10
/** The longest line that travels in one message; a longer one is cut between words. */
#define DEMO_LINE_MAX 4096
/** Files that are counted at most. */
#define DEMO_FILES_MAX 100000

/* ---- input ------------------------------------------------------------------------------------- */

struct input_file {
        char *path;
        uint64_t words;         /* separated by white space */
        uint64_t times;         /* how often it was given out */
};

struct input {
        struct input_file *files;
        size_t n;
        size_t skipped;
};

void input_done(struct input *in);

/**
 * Find text files: those named, and all below the folders named; the licences of Debian if none is.
 * Files that are no text (a NUL byte, a word longer than a line may be) are skipped, and said.
 * @return STATUS_DONE, or the exit status after complaining.
 */
int input_collect(const struct ctl *ctl, char **paths, int n_paths, struct input *ret);

/* ---- the gang ---------------------------------------------------------------------------------- */

struct gang_process {
        char directory[64];     /* the runtime directory, a temporary one; "": none */
        char socket[96];
        pid_t pid;              /* of gangerd; 0: not running */
        int pidfd;
};

#define GANG_PROCESS_NULL ((struct gang_process){ .pidfd = -1 })

/** Write a configuration and start a daemon of its own for it. @return as input_collect(). */
int gang_start(const struct ctl *ctl, struct gang_process *ret);

/** Wait until it answers. @return as input_collect(). */
int gang_wait(struct ctl *ctl, const struct gang_process *gang);

/** End it, and remove its directory. */
void gang_stop(struct gang_process *gang);

/* ---- work -------------------------------------------------------------------------------------- */

/** Times from the death of `sum` to the moment when somebody had its messages. */
#define DEMO_SAMPLES_MAX 65536

struct feed {
        struct attachment files, totals;
        struct input *input;
        size_t next;            /* file to give out */
        uint64_t files_fed, words_fed;
        struct tally got;       /* the words that came back */
        uint64_t sums;          /* messages that they came in */
        uint64_t killed_usec;   /* when a `sum` was last killed, and nothing of it was seen since; 0 */
        uint32_t *samples;      /* microseconds */
        size_t n_samples;
};

int feed_init(struct feed *f, struct ctl *ctl, struct input *input);
void feed_done(struct feed *f);

/** Give out files while there is space. @return 0 or -errno. */
int feed_give(struct feed *f);

/** Take in what came back. @return 0 or -errno. */
int feed_take(struct feed *f);

/** The sample below which a share (0 … 1) of them lies; 0: there are none. Sorts them. */
uint32_t feed_percentile(struct feed *f, double share);

/* ---- chaos ------------------------------------------------------------------------------------- */

struct chaos {
        struct ctl *ctl;
        uint64_t random;
        uint64_t interval_usec;         /* between kills of instances; 0: none */
        uint64_t next_usec, next_manager_usec;
        uint64_t kills, manager_kills;
};

void chaos_init(struct chaos *c, struct ctl *ctl, uint64_t seed, uint32_t kills_per_second);

/** When it wants to be called next; USEC_INFINITY: never. */
uint64_t chaos_due(const struct chaos *c);

/** Kill whoever's turn it is. @return 0 or -errno. */
int chaos_run(struct chaos *c, struct feed *feed, uint64_t now);

/* ---- what is seen ------------------------------------------------------------------------------ */

struct sight {
        uint64_t sent, acknowledged;    /* lines */
        uint64_t redelivered, dead;     /* messages of all rings */
        uint64_t restarts;
        uint32_t waiting;               /* messages in any ring that are not acknowledged */
};

/** Ask the daemon. @return 0 or -errno. */
int sight_update(struct sight *s, struct ctl *ctl);

struct screen {
        FILE *file;
        bool live;              /* redrawn in place; else a line each time */
        bool quiet;
        uint64_t begun_usec, end_usec;
        int64_t words_before;
        uint64_t shown_usec;
        uint32_t rates[48];     /* words a second, the newest last */
        size_t n_rates;
        int lines;              /* drawn */
};

void screen_init(struct screen *s, const struct ctl *ctl, uint64_t seconds);
void screen_show(struct screen *s, const struct sight *sight, struct feed *feed, const struct chaos *chaos);

/* ---- the end ----------------------------------------------------------------------------------- */

/** Compare what came back with what other programs count. @return 0 or -errno, after complaining. */
int verdict_compare(struct feed *f, struct demo_result *ret);

#endif
