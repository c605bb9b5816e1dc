/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_WORKER_H
#define GANGER_DAEMON_WORKER_H

/*
 * A worker: a named definition, and its instances
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "daemon/config/config.h"
#include "daemon/map.h"
#include "daemon/placement.h"
#include "daemon/schedule.h"
#include "daemon/end-counts.h"
#include "daemon/worker-log.h"

struct gang;
struct group;
struct instance;
struct release;
struct roll;
struct worker_demand;
struct worker_scaling;

struct worker {
        struct gang *gang;
        struct map_node node;           /* gang->workers_by_name */
        struct list link;               /* gang->workers */
        char *name;
        struct group *group;            /* NULL: in none */
        struct schedule schedule;
        uint64_t round_usec;            /* since when it is started again with its group; 0: it is not */
        const struct worker_definition *definition; /* of gang->config; once removed, of one of gang->retired */
        unsigned int wanted;            /* how many instances: the definition's, or by hand */
        bool scaled;                    /* by hand */
        bool stopped;                   /* by hand */
        bool drained;                   /* by hand; see daemon/hold.h */
        bool has_spares;                /* some of its instances may be spares */
        bool removed;                   /* no longer defined: goes with its last process */
        bool picked;                    /* by the change that is being begun; see change.c */
        bool fresh;                     /* about to be started: whoever comes after it waits */
        bool ending;                    /* about to be stopped or restarted: whoever it comes after waits */
        struct instance **instances;    /* by number; those past worker_count_target() are on their way down */
        size_t n_instances;
        unsigned int n_ready;
        unsigned int n_waiting;
        unsigned int n_held;            /* instances that are to end, and have not been told yet */
        struct roll *roll;              /* that is under way, or was the last; NULL: none */
        struct release *previous;       /* before the last upgrade; NULL: there was none */
        struct release *file;           /* what the file says, if something else was put into force; see daemon/release.h */
        bool file_kept;                 /* by the reload that is being done */
        struct worker_scaling *scaling; /* with a range of instances: what is looked at; NULL: nothing */
        bool joined;                    /* instances had one stream for both, for want of descriptors: it was told */
        bool unscalable;                /* … for want of what it takes; until the next reload */
        struct placement placement;
        struct worker_demand *demand;   /* with `start = on-demand`: what is watched; NULL: nothing yet */
        struct end_counts ends;
        struct worker_log log;
        struct worker_stall *stall;     /* with `stall-timeout`, while one is ready; else NULL */
        uint32_t state_slot;
};

/** @return the worker of that name, or NULL. */
struct worker *worker_find(struct gang *gang, const char *name);

/**
 * How many instances are to exist: those that are wanted, spares, and what a roll needs beside them. All that has to do with
 * which instances there are asks this; `wanted` is how many of them do the work.
 */
unsigned int worker_count_target(const struct worker *worker);

/** The same without what only a roll needs: that has the numbers from here on. */
unsigned int worker_count_lasting(const struct worker *worker);

/** What a definition wants, if so many are there: within its range. */
unsigned int worker_count_defined(const struct worker_definition *definition, unsigned int wanted);

/** Put a new worker into the tables, with no instance. Definition: owned by the config in force. */
int worker_new(struct worker **ret, struct gang *gang, const struct worker_definition *definition);

/** Take it out of the tables and free it, with its instances. @return NULL. */
struct worker *worker_free(struct worker *worker);

/** Make sure that instances 0 … n - 1 exist (down). */
int worker_grow(struct worker *worker, unsigned int n);

/**
 * How many instances are to run, from now on: starts what is missing, stops what is too many, highest first.
 * The others are not touched.
 * @param by_hand  `gangerctl scale`: stays over a reload that does not change `instances`; and nothing more is waited
 *                 for, where a worker that rests would only have more to start later.
 */
int worker_scale(struct worker *worker, unsigned int wanted, bool by_hand);

/**
 * Free instances past worker_count_target() that are down; and the worker itself, if it is removed and has none left.
 * @return whether the worker is still there.
 */
bool worker_collect(struct worker *worker);

/** It is no longer defined: its instances are stopped, and then it goes. */
void worker_remove(struct worker *worker);

/** Is it to run at all, as far as people and the configuration say? */
bool worker_is_wanted(const struct worker *worker);

/** Does it rest: none of its instances runs, and none is to before somebody uses it or starts it? */
bool worker_is_resting(const struct worker *worker);

/** Write the worker's record into the state memory: something of it that people may have wished has changed. */
/** How many of its instances are ready, or have ended well and remain so. */
unsigned int worker_count_active(const struct worker *worker);

/** Write the worker's record into the state memory. */
void worker_save(struct worker *worker);

/** A process of it has ended, or could not be started: count it. */
void worker_count_end(struct worker *worker, enum report_cause cause, int status);

#endif
