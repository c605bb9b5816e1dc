/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_ROLL_H
#define GANGER_DAEMON_ROLL_H

/*
 * Rolling restart and upgrade of a worker
 *
 * What is to be done is decided by daemon/policy/roll.h, from what is the case; what is here looks, and does it. A version
 * is the time at which its roll began. Each process has the version that it was started for, in its cookie; each instance
 * has that of its next process, in its record. Those that have the version of the roll are new. While the roll of an
 * upgrade is under way, they run by the release that it brings (daemon/release.h), and all others by the configuration in
 * force.
 *
 * A roll is written down before anything is done, and when it is over its outcome stays, for whoever asks again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/error.h"
#include "daemon/instance.h"
#include "daemon/policy/restart.h"
#include "daemon/policy/roll.h"
#include "state.pb-c.h"

struct gang;
struct release;
struct worker;
struct worker_definition;

/** The numbers are kept in the state memory: never renumber. */
enum roll_kind {
        ROLL_RESTART = 0,
        ROLL_UPGRADE = 1,
        ROLL_BACK = 2,                  /* an upgrade to what was before the last one */
        _ROLL_KIND_N,
};

/** "restart", "upgrade", "rollback". */
const char *roll_kind_name(enum roll_kind kind);

/** What of a roll is fixed when it begins. */
struct roll_request {
        enum roll_kind kind;
        uint64_t asked_usec;            /* whoever asks again says the same; 0: nobody asks again */
        uint32_t canary;                /* 0: all at once */
        uint64_t hold_usec;             /* after which it is promoted by itself; USEC_INFINITY: it is not */
        uint32_t max_fail;
        bool from_file;                 /* what it brings is what the configuration file says */
};

/** The roll that is under way, or the last one. */
struct roll {
        struct worker *worker;
        struct roll_request request;
        struct roll_policy policy;
        uint64_t version;
        struct roll_member *members;    /* as they were seen last */
        size_t n_members;
        struct release *next;           /* what it brings, while it is under way; NULL: the same again */
        uint64_t due_usec;              /* of HOLD: when it is over; USEC_INFINITY: when somebody promotes it */
        sd_event_source *timer;
        uint64_t answered_usec;         /* as asked_usec, of who promoted it or took it back */
        bool by_hand;                   /* somebody took it back */
        bool done;                      /* over: all are new */
        char reason[INSTANCE_TEXT_MAX]; /* why it failed */
        uint32_t state_slot;
};

/** Its phase; of one that is over "done" or "failed". */
const char *roll_state_name(const struct roll *roll);

/** Is one under way? */
bool roll_is_active(const struct worker *worker);

/** May a surge run beside those that are wanted? */
bool roll_may_surge(const struct worker *worker);

/** How many instances there are to be beyond those that are wanted. */
unsigned int roll_surge(const struct worker *worker);

/** By what a process of that version runs. */
const struct worker_definition *roll_definition(const struct worker *worker, uint64_t version);

/** Is the process (or the next one) of that version new, in a roll that is under way? */
bool roll_is_new(const struct worker *worker, uint64_t version);

/** Can a worker be rolled? @return 0; -EINVAL, -EBUSY: the error says why not. */
int roll_check(const struct worker *worker, struct error *error);

/**
 * Begin; roll_check() has allowed it.
 * @param next  what is brought; taken if this succeeds. NULL: the same again.
 * @return 0; -ENOMEM, or an error of keeper or state memory: nothing was begun.
 */
int roll_begin(struct worker *worker, const struct roll_request *request, struct release *next, struct error *error);

/** By hand: go on with all; take it back. @param asked_usec  as in the request. */
void roll_promote(struct worker *worker, uint64_t asked_usec);
void roll_take_back(struct worker *worker, uint64_t asked_usec);

/** A reload brings another definition: what is under way fails. */
void roll_outdate(struct worker *worker);

/** The longest line that tells of a roll. */
#define ROLL_TEXT_MAX 384

/**
 * How far it is, or how it ended: one line for people.
 * @param ret  set to "".
 */
void roll_describe(const struct worker *worker, char *ret, size_t size);

/** Instances that are new and ready. */
uint32_t roll_count_new(const struct worker *worker);

/** Failures of new processes, so far. */
uint32_t roll_failures(const struct worker *worker);

/**
 * The process of an instance has ended, or could not be started. If that is the roll's affair, the plan is changed.
 * @param end  as it was handed to restart_plan().
 * @return whether the worker's group is not to be asked.
 */
bool roll_ended(struct instance *instance, const struct restart_end *end, const struct restart_rules *rules,
                struct restart_plan *plan);

/** Something changed: go on with what is under way. */
void rolls_turn(struct gang *gang);

/** The worker is no longer defined, and is gone: nothing stays written down of its rolls. */
void roll_forget(struct worker *worker);

/** Free it. */
void roll_free(struct worker *worker);

/** Take-over: what is recorded, once its worker is known; and on with it, once all instances are. */
bool roll_restore(struct gang *gang, const Ganger__State__RollState *record, uint32_t slot);
void rolls_resume(struct gang *gang);

#endif
