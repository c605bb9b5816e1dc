/* SPDX-License-Identifier: MIT */
/*
 * success-action, failure-action: the daemon ends when a worker or a group does, with its exit status
 *
 * A worker or a group fails with one instance that is given up. It has ended well when the last of its processes has ended
 * by itself and well; what people have stopped holds it up no more.
 */

#include "daemon/exit-action.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/group.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"

/** As shells have it: of a program that cannot be executed; and what is added to the number of a signal. */
#define STATUS_NOT_STARTED 126
#define STATUS_SIGNALLED 128
/** Of a failure whose process has said 0: one that was ended since it hung, say. */
#define STATUS_FAILED 1

/* Whose end this is. */
struct subject {
        const char *kind, *name;
        const struct end_actions *actions;
};

static int status_of(const struct restart_end *end) {
        if (end->spawn_failed)
                return STATUS_NOT_STARTED;
        return WIFSIGNALED(end->status) ? STATUS_SIGNALLED + WTERMSIG(end->status) : WEXITSTATUS(end->status);
}

static void decide(struct gang *gang, const struct subject *s, bool failed, const struct restart_end *end) {
        Ganger__State__EndingState record = GANGER__STATE__ENDING_STATE__INIT;
        int given = failed ? s->actions->failure_status : s->actions->success_status, status = status_of(end), r;
        uint32_t slot = STATE_SLOT_NONE;

        if (failed && status == 0)
                status = STATUS_FAILED;
        gang->ending = true;
        gang->exit_status = given == INTEGER_UNSET ? status : given;
        record.exit_status = gang->exit_status;
        r = fault_is("forget-exit-status") ? 0 : state_write_message(&gang->state, &slot, STATE_ENDING, &record.base);
        if (r < 0)
                log_error("the exit status is lost if the manager dies: cannot write its record: %s", strerror(-r));
        fault_point("ending-decided");
        log_info("%s %s has %s: gangerd ends, with exit status %d", s->kind, s->name, failed ? "failed" : "ended well",
                 gang->exit_status);
        gang_touch(gang);
}

/* ---- well -------------------------------------------------------------------------------------- */

static bool has_ended_well(const struct instance *instance) {
        const struct restart_rules rules = { .success = instance_definition(instance)->success_exit_status };
        const struct restart_end end = { .status = instance->last_status };

        if (instance->stopped)
                return true; /* its end would be none */
        return instance->state == INSTANCE_DOWN && instance->last_valid && restart_end_is_good(&rules, &end);
}

/* All but this one, which is about to. */
static bool others_have_ended_well(const struct worker *worker, const struct instance *last) {
        for (size_t i = 0; i < worker->n_instances && i < worker_count_target(worker); i++)
                if (worker->instances[i] != last && !has_ended_well(worker->instances[i]))
                        return false;
        return true;
}

static bool group_has_ended_well(struct gang *gang, const struct group *group, const struct instance *last) {
        list_for_each(it, &gang->workers) {
                const struct worker *worker = list_entry(it, struct worker, link);

                if (group_has(group, worker) && !others_have_ended_well(worker, last))
                        return false;
        }
        return true;
}

static void plan_success(struct instance *instance, const struct restart_end *end) {
        const struct worker *worker = instance->worker;
        const struct end_actions *actions = &worker->definition->end_actions;
        struct gang *gang = worker->gang;

        if (actions->success == END_ACTION_EXIT && others_have_ended_well(worker, instance)) {
                decide(gang, &(struct subject){ "worker", worker->name, actions }, false, end);
                return;
        }
        for (const struct group *group = worker->group; group; group = group->parent)
                if (group->actions.success == END_ACTION_EXIT && group_has_ended_well(gang, group, instance)) {
                        decide(gang, &(struct subject){ "group", group->name, &group->actions }, false, end);
                        return;
                }
}

/* ---- badly ------------------------------------------------------------------------------------- */

/* The worker has failed; and so have the groups up to that which gave up with it. */
static void plan_failure(struct instance *instance, const struct restart_end *end, const struct group_verdict *verdict) {
        const struct worker *worker = instance->worker;
        const struct end_actions *actions = &worker->definition->end_actions;
        const struct group *group = verdict->decision == GROUP_FAIL ? worker->group : NULL;

        if (actions->failure == END_ACTION_EXIT) {
                decide(worker->gang, &(struct subject){ "worker", worker->name, actions }, true, end);
                return;
        }
        for (; group; group = &group->policy == verdict->group ? NULL : group->parent)
                if (group->actions.failure == END_ACTION_EXIT) {
                        decide(worker->gang, &(struct subject){ "group", group->name, &group->actions }, true, end);
                        return;
                }
}

void exit_action_plan(struct instance *instance, enum instance_event event, const struct restart_end *end,
                      const struct group_verdict *verdict) {
        const struct gang *gang = instance_gang(instance);
        const struct restart_rules rules = { .success = instance_definition(instance)->success_exit_status };

        if (gang->stopping || gang->ending || !end->wanted)
                return;
        if (event == INSTANCE_EV_EXITED_GIVE_UP)
                plan_failure(instance, end, verdict);
        else if (event == INSTANCE_EV_EXITED_DONE && restart_end_is_good(&rules, end))
                plan_success(instance, end);
}

bool exit_action_restore(struct gang *gang, const Ganger__State__EndingState *record) {
        gang->ending = true;
        gang->exit_status = record->exit_status;
        return true;
}
