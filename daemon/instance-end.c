/* SPDX-License-Identifier: MIT */
/*
 * The end of a process: recover what it held, decide what follows, let the keeper forget it
 *
 * The generation is part of the decision: an exit of an earlier generation than the recorded one was decided
 * already, by this manager or by one before it, and only wants acknowledging.
 */

#include "daemon/instance.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/exit-action.h"
#include "daemon/failure-hook.h"
#include "daemon/gang.h"
#include "daemon/group.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/order.h"
#include "daemon/report.h"
#include "daemon/roll.h"
#include "daemon/standby.h"
#include "daemon/worker.h"

static struct restart_options restart_options(const struct worker_definition *definition) {
        return (struct restart_options){
                .policy = definition->restart,
                .rules = { .success = definition->success_exit_status, .prevent = definition->restart_prevent,
                           .force = definition->restart_force },
                .backoff = { .delay_usec = definition->restart_delay_usec,
                             .delay_max_usec = definition->restart_delay_max_usec },
                .limit = definition->restart_limit_count,
                .limit_period_usec = definition->restart_limit_period_usec,
        };
}

/* Why it is in the state that it is about to enter. */
static void explain_end(struct instance *instance, const struct restart_plan *plan, const char *end) {
        char text[USEC_FORMAT_MAX];

        if (plan->event == INSTANCE_EV_EXITED_BACKOFF)
                instance_set_reason(instance, "%s; starts again in %s", end,
                                    usec_format_rough(text, sizeof text, plan->delay_usec));
        else if (plan->event == INSTANCE_EV_EXITED_RESTART)
                instance_set_reason(instance, "%s; started again", end);
        else if (plan->event == INSTANCE_EV_EXITED_GIVE_UP && plan->limited)
                instance_set_reason(instance, "%s; gave up: more than %u restarts in %s", end,
                                    instance_definition(instance)->restart_limit_count,
                                    usec_format(text, sizeof text, instance_definition(instance)->restart_limit_period_usec));
        else
                instance_set_reason(instance, "%s", end);
}

/* The restart limit does not see it, so somebody should. */
static void tell_loop(struct instance *instance) {
        const struct crash_loop *loop = &instance->history.loop;
        char text[USEC_FORMAT_MAX];

        usec_format_rough(text, sizeof text, now_usec() - loop->since_usec);
        events_add(&instance_gang(instance)->events, instance->key, &(struct event){ .kind = EVENT_CRASH_LOOP },
                   "crash loop: %u failures in a row, in %s", loop->n, text);
        log_warning("%s: crash loop: %u failures in a row, in %s", instance->key, loop->n, text);
}

/* Decide what follows, and do it. */
static void instance_end(struct instance *instance, const struct restart_end *end, const char *words, pid_t ended) {
        struct restart_options options = restart_options(instance_definition(instance));
        struct restart_plan plan = restart_plan(&options, &instance->history, end, now_usec(), gang_random());
        bool alone = roll_ended(instance, end, &options.rules, &plan);
        struct group_plan group = { .event = plan.event };
        char reason[INSTANCE_TEXT_MAX];

        if (!alone)
                group_plan(instance, plan.event, words, &group);
        plan.event = group.event;
        /* Taken along with others: they must be gone, or there again, first. */
        if (plan.event == INSTANCE_EV_EXITED_RESTART && order_start(instance->worker, reason, sizeof reason) != ORDER_GO)
                plan.event = INSTANCE_EV_EXITED_HOLD;
        explain_end(instance, &plan, words);
        if (group.verdict.decision == GROUP_FAIL)
                instance_set_reason(instance, "%s; its group gave up", words);
        snprintf(reason, sizeof reason, "%s", instance->reason);
        instance->generation++;
        instance->version = instance->next_version;
        if (plan.event == INSTANCE_EV_EXITED_GIVE_UP && !alone)
                failure_hook_wish(instance);
        instance->remains = instance_definition(instance)->remain && plan.event == INSTANCE_EV_EXITED_DONE && end->wanted &&
                            restart_end_is_good(&options.rules, end);
        if (!alone)
                exit_action_plan(instance, plan.event, end, &group.verdict);
        instance_handle(instance, plan.event, plan.delay_usec, ended);
        if (!alone)
                group_carry_out(instance, &group);
        /* Only now: nobody's log is to delay the next process. */
        if (plan.event == INSTANCE_EV_EXITED_GIVE_UP)
                log_error("%s: %s", instance->key, reason);
        else if (end->wanted && !restart_end_is_good(&options.rules, end))
                log_warning("%s: %s", instance->key, reason);
        if (plan.loops)
                tell_loop(instance);
        failure_hook_run(instance);
}

static struct restart_end end_of(const struct instance *instance) {
        return (struct restart_end){
                .condemned = *instance->condemned.verdict,
                .state = instance->state,
                .wanted = instance->wanted,
                .on_demand = instance_definition(instance)->start == WORKER_START_ON_DEMAND,
                .ready_usec = instance->ready_usec ? now_usec() - instance->ready_usec : 0,
        };
}

/** What format_end() makes. */
#define END_FORMAT_MAX (EXIT_STATUS_FORMAT_MAX + VERDICT_MAX + 8)

/* "killed by SIGABRT (watchdog: silent for 2s)", "exit status 1 (said: No such file or directory)" */
static void format_end(const struct instance *instance, int status, enum report_cause cause, char *buf, size_t size) {
        char text[EXIT_STATUS_FORMAT_MAX];

        exit_status_format(text, sizeof text, status);
        if (*instance->condemned.verdict)
                snprintf(buf, size, "%s (%s)", text, instance->condemned.verdict);
        else if (cause == REPORT_NO_MEMORY)
                snprintf(buf, size, "%s (oom-kill)", text);
        else if (instance->said.error > 0)
                snprintf(buf, size, "%s (said: %s)", text, strerror((int)instance->said.error));
        else
                snprintf(buf, size, "%s", text);
}

int instance_on_spawn_failure(sd_event_source *source, void *userdata) {
        struct instance *instance = userdata;
        struct restart_end end = end_of(instance);
        char words[INSTANCE_TEXT_MAX];

        snprintf(words, sizeof words, "%s", instance->reason);
        end.spawn_failed = true;
        end.refused = instance->refused;
        report_not_started(instance, words);
        worker_count_end(instance->worker, REPORT_NOT_STARTED, 0);
        events_add(&instance_gang(instance)->events, instance->key, &(struct event){ .kind = EVENT_SPAWN_FAILED }, "%s",
                   words);
        instance_end(instance, &end, words, 0);
        return 0;
}

/* Why it ended, as far as its end itself does not tell. */
static enum report_cause cause_of(const struct instance *instance, const Ganger__Keeper__Exited *message) {
        if (*instance->condemned.verdict)
                return instance->state == INSTANCE_STARTING ? REPORT_NOT_READY : REPORT_CONDEMNED;
        if (instance->state == INSTANCE_DRAINING || instance->state == INSTANCE_STOPPING)
                return REPORT_ASKED;
        if (WIFSIGNALED(message->status) && WTERMSIG(message->status) == SIGKILL &&
            cgroup_oom_kills(&instance->worker->gang->cgroups, instance->key, instance->cgroup) > instance->oom_kills)
                return REPORT_NO_MEMORY;
        return REPORT_BY_ITSELF;
}

void instance_exited(struct instance *instance, const Ganger__Keeper__Exited *message) {
        struct gang *gang = instance_gang(instance);
        struct restart_end end = end_of(instance);
        char words[END_FORMAT_MAX];
        enum report_cause cause;
        bool known;

        if (message->pid != instance->pid) {
                keeper_link_exit_acknowledge(&gang->link, instance->key, message->pid);
                return;
        }
        /* First of all: nothing that follows is to delay who takes over. */
        if (!fault_is("takeover-late"))
                standby_lost(instance);
        cause = cause_of(instance, message);
        format_end(instance, message->status, cause, words, sizeof words);
        /* What left the process group; the others are dead. */
        instance_kill_rest(instance, message->exited_usec - message->started_usec);

        if (fault_is("acknowledge-before-recover")) {
                keeper_link_exit_acknowledge(&gang->link, instance->key, message->pid);
                keeper_link_flush(&gang->link);
        }
        report_held(instance);
        fault_point("before-recover");
        membership_recover(&gang->objects, &instance->membership, message->pid, words);
        fault_point("after-recover");
        known = report_has_end(instance);
        report_ended(instance, message, cause);
        if (!known || fault_is("count-twice"))
                worker_count_end(instance->worker, cause, message->status);
        fault_point("after-report");
        events_add(&gang->events, instance->key,
                   &(struct event){ .kind = EVENT_EXIT, .pid = message->pid, .status = message->status }, "%s", words);
        sweep_ended(instance);
        instance_forget_pid(instance);
        instance->last_valid = true;
        instance->last_status = message->status;
        end.status = message->status;
        end.ran_usec = message->exited_usec - message->started_usec;
        instance_end(instance, &end, words, message->pid);
        if (fault_is("takeover-late"))
                standby_lost(instance);
        report_output(instance, message->pid);
}
