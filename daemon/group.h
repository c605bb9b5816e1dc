/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_GROUP_H
#define GANGER_DAEMON_GROUP_H

/*
 * Groups: who is started again with whom, and what follows when one gives up
 *
 * The decision is daemon/policy/group.h; what is here carries it out. A restart of several is a round: it is written into
 * the records of the workers that are in it before anything is done, and then each of their processes is ended; none is
 * started before the last is gone. A manager that takes over goes on with it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "daemon/config/config.h"
#include "daemon/policy/group.h"
#include "daemon/policy/states.h"
#include "state.pb-c.h"

struct gang;
struct instance;
struct worker;

#define GROUP_TEXT_MAX 192

struct group {
        struct list link;               /* gang->groups */
        char *name;
        struct group *parent;
        struct group_policy policy;
        struct end_actions actions;
        bool failed;
        char reason[GROUP_TEXT_MAX];    /* why */
        bool shown;                     /* while a status is made: it is in it */
        bool defined;                   /* while a configuration is put into force: it is in it */
        uint32_t state_slot;
};

/** Have the groups of the configuration in force, and know who is in which. @return 0, -ENOMEM. */
int groups_apply(struct gang *gang);
void groups_done(struct gang *gang);

/** @return the group of that name, or NULL. */
struct group *group_find(struct gang *gang, const char *name);

/** Is a worker in it, or in a group that is? */
bool group_has(const struct group *group, const struct worker *worker);

/** Did it give up, or one around it? @param group  may be NULL. */
bool group_is_failed(const struct group *group);

/** People start something in it: it and those around it begin afresh. @param group  may be NULL. */
void group_forgive(struct gang *gang, struct group *group);

/** What follows from the end of an instance for its group. */
struct group_plan {
        enum instance_event event;      /* of the instance itself */
        bool asked;                     /* a group has decided, and may have counted */
        struct group_verdict verdict;
        char reason[GROUP_TEXT_MAX];    /* why others are concerned */
};

/**
 * Decide, and write down who is concerned.
 * @param event  as the policy of its worker has it.
 * @param words  how it ended.
 */
void group_plan(struct instance *instance, enum instance_event event, const char *words, struct group_plan *ret);

/** Then, when the instance has handled its event: do it to the others. */
void group_carry_out(struct instance *instance, const struct group_plan *plan);

/** Rounds whose processes are all gone are over: what waits for that may start. At the end of a turn. */
void groups_turn(struct gang *gang);

/** Take-over. */
bool group_restore(struct gang *gang, const Ganger__State__GroupState *record, uint32_t slot);
/** When the states of all are known: go on with rounds. */
void groups_resume(struct gang *gang);

#endif
