/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_RESTART_H
#define GANGER_DAEMON_POLICY_RESTART_H

/*
 * What follows from the end of a process
 *
 * Puts together the policy of the worker, its restart limit and its back-off, and says which event the
 * state table gets. Pure: the caller passes the time and a random word.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/exit-status.h"
#include "daemon/policy/backoff.h"
#include "daemon/policy/crash-loop.h"
#include "daemon/policy/limit.h"
#include "daemon/policy/states.h"

/** After which ends a worker is started again. The words for them are the configuration's. */
enum restart_policy {
        RESTART_ALWAYS,
        RESTART_ON_FAILURE,             /* non-zero status, signal, condemned, could not be spawned */
        RESTART_ON_ABNORMAL,            /* signal, condemned */
        RESTART_NEVER,
        _RESTART_POLICY_N,
};

/** How a process ended, and what we had to do with it. */
struct restart_end {
        bool spawn_failed;              /* there never was one; `status` means nothing */
        bool refused;                   /* … and there will be none until somebody does something about it */
        bool condemned;                 /* we ended it for a failure: not ready in time, watchdog, … */
        int status;                     /* as waitpid(2) gives it */
        enum instance_state state;      /* when it ended */
        bool wanted;                    /* the owner's flag, see states.h */
        bool on_demand;                 /* after a good end it waits until somebody uses it again */
        uint64_t ready_usec;            /* how long it was ready; 0: never */
        uint64_t ran_usec;              /* from its start to its end */
};

enum restart_verdict {
        RESTART_VERDICT_DONE,           /* not wanted any more, or ended well and stays so */
        RESTART_VERDICT_START,          /* we ended it in order to start it again: at once, and not counted */
        RESTART_VERDICT_RETRY,          /* by its policy, as far as the limit allows, after a back-off */
        RESTART_VERDICT_FAILED,         /* ended badly, and its policy does not start it again */
};

/**
 * What is different for some ends. They speak of how a process ended by itself: not of one that was killed since it was
 * not ready in time, nor of one that could not be started.
 */
struct restart_rules {
        struct exit_set success;        /* ends that are as good as exit status 0 */
        struct exit_set prevent;        /* after these it is not started again, whatever the policy */
        struct exit_set force;          /* … and after these it is, unless `prevent` has it too */
};

/** Did it end as it may: exit status 0, or what its rules count as that? */
bool restart_end_is_good(const struct restart_rules *rules, const struct restart_end *end);

/** Policy and rules alone, without limit and back-off. `end->state` must have a process. */
enum restart_verdict restart_decide(enum restart_policy policy, const struct restart_rules *rules,
                                    const struct restart_end *end);

/** The part of a worker's definition that is about restarts. */
struct restart_options {
        enum restart_policy policy;
        struct restart_rules rules;
        struct backoff backoff;
        uint32_t limit;                 /* N of restart-limit N/period; 0: no limit */
        uint64_t limit_period_usec;
};

/** What an instance remembers of its restarts. All of it is in the state memory. */
struct restart_history {
        uint32_t failures;              /* in a row: the exponent of the back-off */
        uint32_t restarts;              /* in all, by policy */
        struct restart_limit limit;
        struct crash_loop loop;
};

#define RESTART_HISTORY_NULL ((struct restart_history){ 0 })

void restart_history_done(struct restart_history *h);

/** It is started by hand: what was before counts no more, but `restarts` stays. */
void restart_history_forgive(struct restart_history *h);

/** What follows from an end. */
struct restart_plan {
        enum instance_event event;      /* EXITED_DONE, _RESTART, _BACKOFF or _GIVE_UP: one that the table accepts there */
        uint64_t delay_usec;            /* for INSTANCE_ACT_ARM_BACKOFF; 0 but for EXITED_BACKOFF */
        bool limited;                   /* it is the restart limit that gave up */
        bool loops;                     /* it is to be said that this is a crash loop */
};

/** What follows from the end of a process: decides, and counts it. */
struct restart_plan restart_plan(const struct restart_options *options, struct restart_history *h,
                                 const struct restart_end *end, uint64_t now, uint64_t random);

#endif
