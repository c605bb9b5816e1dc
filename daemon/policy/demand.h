/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_DEMAND_H
#define GANGER_DAEMON_POLICY_DEMAND_H

/*
 * Workers that are started on demand: when to watch for it, when to start, when to stop again
 *
 * Pure: the caller passes the time, and what it sees.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** So many starts within so long are begun at once (systemd's TriggerLimit); more are put off. */
#define DEMAND_BURST 20
#define DEMAND_PERIOD_USEC UINT64_C(2000000)

/** What there is of a worker. */
struct demand_facts {
        bool wanted;                    /* neither stopped by hand nor on its way out */
        size_t n_busy;                  /* instances with a process, or with one to come without demand */
        size_t n_resting;               /* instances that demand would start */
};

enum demand_mode {
        DEMAND_NOTHING,                 /* nobody is to be started */
        DEMAND_WATCH,                   /* none runs: wait for whoever uses it */
        DEMAND_RUNS,                    /* it runs, and looks after itself; but it may become idle */
};

enum demand_mode demand_mode(const struct demand_facts *facts);

struct demand {
        uint64_t started_usec[DEMAND_BURST]; /* the last starts, around */
        uint32_t n_started;
        uint64_t activity;              /* as of the last look */
};

#define DEMAND_NULL ((struct demand){ 0 })

/** Somebody uses it. @return 0: start it, which is counted; else when to look again. */
uint64_t demand_start(struct demand *d, uint64_t now);

/** It begins to run, and has done so much already (any number that grows with what it does). */
void demand_begin(struct demand *d, uint64_t activity);

/**
 * A period of `idle-stop` is over.
 * @param busy      it has something to do at this moment.
 * @param activity  what it has done.
 * @return it did nothing since the last look, and has nothing to do: stop it.
 */
bool demand_is_idle(struct demand *d, bool busy, uint64_t activity);

#endif
