/* SPDX-License-Identifier: MIT */
/*
 * on-failure: a program that is run when an instance has failed
 *
 * It runs once for each failure: that one is due is compared with the one that runs, by the generation of the instance.
 */

#include "daemon/failure-hook.h"

#include "base/fault.h"
#include "base/text.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/side-process.h"
#include "daemon/worker.h"

/* It runs, or never will: the next manager need not see to it. */
static void settle(struct instance *instance) {
        instance->failure_due = 0;
        instance_save(instance);
}

void failure_hook_wish(struct instance *instance) {
        if (instance_definition(instance)->on_failure[0] && !fault_is("forget-failure"))
                instance->failure_due = instance->generation;
}

void failure_hook_run(struct instance *instance) {
        struct gang *gang = instance_gang(instance);
        char *const *program = instance_definition(instance)->on_failure;
        struct error error = ERROR_NULL;
        int r;

        if (instance->failure_due == 0 || gang->stopping || side_process_find(gang, instance->key, &failure_hook_kind))
                return;
        if (!program[0]) {
                settle(instance); /* a reload has taken it away */
                return;
        }
        fault_point("before-failure-hook");
        r = side_process_run(instance, &failure_hook_kind, program, instance->failure_due, &error);
        fault_point("after-failure-hook");
        if (r >= 0)
                return;
        log_error("%s/%s: %s", instance->key, failure_hook_kind.suffix, error.text);
        settle(instance);
}

/* ---- as a process beside the instance ---------------------------------------------------------- */

static int hook_environment(struct strings *s, const struct instance *instance) {
        char text[EXIT_STATUS_FORMAT_MAX] = "";
        int r;

        if (instance->last_valid)
                exit_status_format(text, sizeof text, instance->last_status);
        r = environment_setf(s, "GANGER_REASON=%s", instance->reason);
        if (r >= 0)
                r = environment_setf(s, "GANGER_EXIT=%s", text);
        return r < 0 ? r : environment_setf(s, "GANGER_RESTARTS=%u", instance->history.restarts);
}

static uint64_t hook_timeout(const struct worker_definition *definition) {
        return definition->on_failure_timeout_usec;
}

static void settle_that(const struct side_process *hook) {
        struct instance *instance = instance_find(hook->gang, hook->instance);

        if (instance && instance->failure_due == hook->generation)
                settle(instance);
}

/* That one was due, and runs. */
static void hook_started(struct side_process *hook) {
        if (!fault_is("failure-twice"))
                settle_that(hook);
}

static bool hook_resumed(struct side_process *hook) {
        return true;
}

/* Maybe the instance has failed again meanwhile. */
static void hook_ended(struct side_process *hook, const struct side_end *end) {
        struct instance *instance = instance_find(hook->gang, hook->instance);
        char words[EXIT_STATUS_FORMAT_MAX];

        if (end->error)
                settle_that(hook);
        else if (end->status != 0)
                log_warning("%s: %s", hook->key, exit_status_format(words, sizeof words, end->status));
        if (instance)
                failure_hook_run(instance);
}

const struct side_kind failure_hook_kind = {
        .suffix = "on-failure",
        .environment = hook_environment,
        .timeout = hook_timeout,
        .started = hook_started,
        .resumed = hook_resumed,
        .ended = hook_ended,
};
