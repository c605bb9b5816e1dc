/* SPDX-License-Identifier: MIT */
/*
 * Groups: who is started again with whom, and what follows when one gives up
 *
 * The order in which things are written makes a manager that dies in between do no harm: first that workers are in a round,
 * then what became of the instance, whose exit is acknowledged with it, and last what the group has counted.
 */

#include "daemon/group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/instance.h"
#include "daemon/log/log.h"
#include "daemon/worker.h"

static struct group *group_of(struct group_policy *policy) {
        return container_of(policy, struct group, policy);
}

struct group *group_find(struct gang *gang, const char *name) {
        list_for_each(it, &gang->groups)
                if (strcmp(list_entry(it, struct group, link)->name, name) == 0)
                        return list_entry(it, struct group, link);
        return NULL;
}

bool group_has(const struct group *group, const struct worker *worker) {
        for (const struct group *g = worker->group; g; g = g->parent)
                if (g == group)
                        return true;
        return false;
}

bool group_is_failed(const struct group *group) {
        for (; group; group = group->parent)
                if (group->failed)
                        return true;
        return false;
}

/* ---- records ----------------------------------------------------------------------------------- */

static void group_save(struct gang *gang, struct group *group) {
        Ganger__State__GroupState record = GANGER__STATE__GROUP_STATE__INIT;
        int r;

        record.name = group->name;
        record.restart_usec = group->policy.history.at_usec;
        record.n_restart_usec = group->policy.history.n;
        record.failed = group->failed;
        record.reason = group->reason;
        r = state_write_message(&gang->state, &group->state_slot, STATE_GROUP, &record.base);
        if (r < 0)
                log_error("group %s: cannot write its record: %s", group->name, strerror(-r));
}

bool group_restore(struct gang *gang, const Ganger__State__GroupState *record, uint32_t slot) {
        struct group *group = group_find(gang, record->name);

        if (!group)
                return false;
        group->state_slot = slot;
        group->failed = record->failed;
        snprintf(group->reason, sizeof group->reason, "%s", record->reason);
        if (restart_limit_restore(&group->policy.history, record->restart_usec, record->n_restart_usec, now_usec()) < 0)
                log_warning("group %s: its restarts are forgotten for want of memory", group->name);
        return true;
}

/* ---- being ------------------------------------------------------------------------------------- */

static struct group *group_free(struct gang *gang, struct group *group) {
        state_erase(&gang->state, &group->state_slot);
        list_unlink(&group->link);
        restart_limit_done(&group->policy.history);
        free(group->name);
        free(group);
        return NULL;
}

static int group_new(struct gang *gang, const char *name, struct group **ret) {
        struct group *group = calloc(1, sizeof *group);

        if (!group)
                return -ENOMEM;
        group->state_slot = STATE_SLOT_NONE;
        group->name = strdup(name);
        if (!group->name) {
                free(group);
                return -ENOMEM;
        }
        list_append(&gang->groups, &group->link);
        *ret = group;
        return 0;
}

void groups_done(struct gang *gang) {
        list_for_each_safe(it, &gang->groups)
                group_free(gang, list_entry(it, struct group, link));
}

static int groups_make(struct gang *gang) {
        const struct config *config = gang->config;

        for (size_t i = 0; i < config->n_groups; i++) {
                const struct group_definition *definition = config->groups[i];
                struct group *group = group_find(gang, definition->name);
                int r = group ? 0 : group_new(gang, definition->name, &group);

                if (r < 0)
                        return r;
                group->defined = true;
                group->policy.strategy = (enum group_strategy)definition->strategy;
                group->policy.limit = definition->restart_limit_count;
                group->policy.limit_period_usec = definition->restart_limit_period_usec;
                group->actions = definition->end_actions;
        }
        return 0;
}

int groups_apply(struct gang *gang) {
        const struct config *config = gang->config;
        int r;

        list_for_each(it, &gang->groups)
                list_entry(it, struct group, link)->defined = false;
        r = groups_make(gang);
        if (r < 0)
                return r;
        for (size_t i = 0; i < config->n_groups; i++) {
                struct group *group = group_find(gang, config->groups[i]->name);
                struct group *parent = config->groups[i]->group ? group_find(gang, config->groups[i]->group) : NULL;

                if (!group)
                        continue;
                group->parent = parent;
                group->policy.parent = parent ? &parent->policy : NULL;
        }
        /* One that is on its way out is in none. */
        list_for_each(it, &gang->workers)
                list_entry(it, struct worker, link)->group = NULL;
        for (size_t i = 0; i < config->n_workers; i++) {
                struct worker *worker = worker_find(gang, config->workers[i]->name);

                if (worker && config->workers[i]->group)
                        worker->group = group_find(gang, config->workers[i]->group);
        }
        list_for_each_safe(it, &gang->groups)
                if (!list_entry(it, struct group, link)->defined)
                        group_free(gang, list_entry(it, struct group, link));
        return 0;
}

static void forget_failures(struct gang *gang, struct group *group) {
        if (!group->failed && group->policy.history.n == 0)
                return;
        group->failed = false;
        group->reason[0] = '\0';
        restart_limit_clear(&group->policy.history);
        group_save(gang, group);
}

void group_forgive(struct gang *gang, struct group *group) {
        for (; group; group = group->parent)
                forget_failures(gang, group);
}

/* ---- who is concerned -------------------------------------------------------------------------- */

/** Does the strategy of the verdict take a worker along? @param reached  see for_each_concerned(). */
static bool is_concerned(const struct group_verdict *v, const struct worker *worker, const struct worker *pivot,
                         bool *reached) {
        const struct group *group = group_of(v->group), *child = v->child ? group_of(v->child) : NULL;
        bool is_child = child ? group_has(child, worker) : worker == pivot;

        *reached |= is_child;
        switch (v->group->strategy) {
        case GROUP_ONE_FOR_ALL:
                return group_has(group, worker);
        case GROUP_REST_FOR_ONE:
                return *reached && group_has(group, worker);
        case GROUP_ONE_FOR_ONE:
                return child && is_child;
        case _GROUP_STRATEGY_N:
                break;
        }
        return false;
}

/** Begin the round of those that a verdict is about. */
static void round_begin(struct gang *gang, const struct group_verdict *v, const struct worker *pivot) {
        uint64_t now = now_usec();
        bool reached = false;

        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (!is_concerned(v, worker, pivot, &reached))
                        continue;
                gang->n_in_rounds += worker->round_usec == 0;
                worker->round_usec = now;
                if (!fault_is("forget-round"))
                        worker_save(worker);
        }
}

/** The limits of what is started again as a whole begin afresh. */
static void forgive_within(struct gang *gang, const struct group *child) {
        list_for_each(it, &gang->groups) {
                struct group *group = list_entry(it, struct group, link);

                for (const struct group *around = group; around; around = around->parent)
                        if (around == child)
                                forget_failures(gang, group);
        }
}

/* ---- deciding ---------------------------------------------------------------------------------- */

static void explain(const struct group *group, const struct instance *instance, const char *words, struct group_plan *plan) {
        char period[USEC_FORMAT_MAX];

        if (plan->verdict.decision == GROUP_RESTART)
                snprintf(plan->reason, sizeof plan->reason, "group %s: %s: %s", group->name, instance->key, words);
        else if (group->policy.limit > 0)
                snprintf(plan->reason, sizeof plan->reason, "group %s gave up: more than %u restarts in %s: %s: %s",
                         group->name, group->policy.limit,
                         usec_format(period, sizeof period, group->policy.limit_period_usec), instance->key, words);
        else
                snprintf(plan->reason, sizeof plan->reason, "group %s gave up: %s: %s", group->name, instance->key, words);
}

/** Is it to be started again because it ended by itself? Not when it was ended for that. */
static bool is_restart(const struct instance *instance, enum instance_event event) {
        return event == INSTANCE_EV_EXITED_BACKOFF ||
               (event == INSTANCE_EV_EXITED_RESTART &&
                (instance->state == INSTANCE_STARTING || instance->state == INSTANCE_READY));
}

void group_plan(struct instance *instance, enum instance_event event, const char *words, struct group_plan *ret) {
        struct group *group = instance->worker->group;
        bool gave_up = event == INSTANCE_EV_EXITED_GIVE_UP;

        *ret = (struct group_plan){ .event = event };
        if (!group || (!gave_up && !is_restart(instance, event)) || !worker_is_wanted(instance->worker))
                return;
        ret->asked = true;
        ret->verdict = group_decide(&group->policy, gave_up, now_usec());
        if (ret->verdict.decision == GROUP_AS_PLANNED)
                return;
        explain(group_of(ret->verdict.group), instance, words, ret);
        if (ret->verdict.decision == GROUP_FAIL) {
                ret->event = INSTANCE_EV_EXITED_GIVE_UP;
                return;
        }
        if (gave_up || ret->verdict.child) {
                restart_history_forgive(&instance->history);
                ret->event = INSTANCE_EV_EXITED_HOLD;
        }
        round_begin(instance_gang(instance), &ret->verdict, instance->worker);
        fault_point("round-begun");
}

/* ---- carrying it out --------------------------------------------------------------------------- */

/** Is it one that a round ends? Whatever was started since the round began is not. */
static bool is_of_before(const struct instance *instance, uint64_t round_usec) {
        uint64_t began = instance->pid > 0 ? instance->started_usec : instance->since_usec;

        return (instance->state == INSTANCE_STARTING || instance->state == INSTANCE_READY) && began < round_usec;
}

/** One that has no process, and is to be started with the others. */
static bool is_to_start(const struct instance *instance) {
        return (instance->state == INSTANCE_DOWN || instance->state == INSTANCE_FAILED) && !instance->stopped &&
               worker_is_wanted(instance->worker) && instance->number < worker_count_target(instance->worker);
}

static void round_take(struct instance *instance, const char *reason) {
        if (is_of_before(instance, instance->worker->round_usec)) {
                instance_set_reason(instance, "%s", reason);
                instance_end_in_order(instance, INSTANCE_HELD_RESTART);
        } else if (is_to_start(instance)) {
                restart_history_forgive(&instance->history);
                instance->remains = false; /* it did its part for those that are gone */
                instance_start(instance, false);
        }
}

static void round_carry_out(struct gang *gang, const struct instance *pivot, uint64_t round_usec, const char *reason) {
        for (struct list *it = gang->workers.prev; it != &gang->workers; it = it->prev) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (worker->round_usec != round_usec)
                        continue;
                for (size_t i = worker->n_instances; i > 0; i--)
                        if (worker->instances[i - 1] != pivot)
                                round_take(worker->instances[i - 1], reason);
        }
}

static void group_fail(struct gang *gang, struct group *group, const struct instance *pivot, const char *reason) {
        group->failed = true;
        snprintf(group->reason, sizeof group->reason, "%s", reason);
        group_save(gang, group);
        log_error("%s", reason);
        for (struct list *it = gang->workers.prev; it != &gang->workers; it = it->prev) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (!group_has(group, worker))
                        continue;
                for (size_t i = worker->n_instances; i > 0; i--) {
                        struct instance *instance = worker->instances[i - 1];

                        if (instance == pivot)
                                continue;
                        instance->abandoned = instance->wanted;
                        instance_stop_because(instance, reason);
                }
        }
}

void group_carry_out(struct instance *instance, const struct group_plan *plan) {
        struct gang *gang = instance_gang(instance);

        for (struct group *g = plan->asked ? instance->worker->group : NULL; g; g = g->parent)
                if (g->policy.limit > 0)
                        group_save(gang, g);
        if (plan->verdict.decision == GROUP_FAIL)
                group_fail(gang, group_of(plan->verdict.group), instance, plan->reason);
        if (plan->verdict.decision != GROUP_RESTART)
                return;
        if (plan->verdict.child)
                forgive_within(gang, group_of(plan->verdict.child));
        log_warning("%s: started again", plan->reason);
        /* A strategy that is about this one alone has begun no round. */
        if (instance->worker->round_usec != 0)
                round_carry_out(gang, instance, instance->worker->round_usec, plan->reason);
        gang_touch(gang);
}

void groups_resume(struct gang *gang) {
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                for (size_t i = worker->n_instances; i > 0 && worker->round_usec != 0; i--)
                        round_take(worker->instances[i - 1], "its group is started again");
        }
}

/* ---- the end of a round ------------------------------------------------------------------------ */

static bool holds_up(const struct instance *instance, uint64_t round_usec) {
        return instance->state == INSTANCE_BACKOFF || instance->state == INSTANCE_DRAINING ||
               instance->state == INSTANCE_STOPPING || is_of_before(instance, round_usec);
}

static bool round_is_over(struct gang *gang, uint64_t round_usec) {
        list_for_each(it, &gang->workers) {
                const struct worker *worker = list_entry(it, struct worker, link);

                for (size_t i = 0; i < worker->n_instances && worker->round_usec == round_usec; i++)
                        if (holds_up(worker->instances[i], round_usec))
                                return false;
        }
        return true;
}

static void round_end(struct gang *gang, uint64_t round_usec) {
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (worker->round_usec != round_usec)
                        continue;
                worker->round_usec = 0;
                gang->n_in_rounds--;
                worker_save(worker);
        }
}

void groups_turn(struct gang *gang) {
        list_for_each(it, &gang->workers) {
                uint64_t round_usec = list_entry(it, struct worker, link)->round_usec;

                if (gang->n_in_rounds == 0)
                        return;
                if (round_usec != 0 && round_is_over(gang, round_usec))
                        round_end(gang, round_usec);
        }
}
