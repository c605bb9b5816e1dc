/* SPDX-License-Identifier: MIT */
/*
 * A probe that is a program
 *
 * What must hold: it speaks for the process that it was begun for, and for no other; by then that may be gone, or be
 * another one. It does not outlive its process: who stops probing kills it, and a manager that takes over kills what its
 * predecessor had no time to kill.
 */

#include "daemon/probe-exec.h"

#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/side-process.h"

void probe_exec_start(struct instance *instance, char *const *program) {
        struct error error = ERROR_NULL;
        int r;

        if (side_process_find(instance_gang(instance), instance->key, &probe_exec_kind))
                return;
        r = side_process_run(instance, &probe_exec_kind, program, instance->generation, &error);
        fault_point("after-probe");
        if (r < 0)
                probing_answered(instance, false, error.text);
}

void probe_exec_stop(struct instance *instance) {
        struct side_process *side = side_process_find(instance_gang(instance), instance->key, &probe_exec_kind);

        if (side && !fault_is("probe-left"))
                side_process_kill(side);
}

/* ---- as a process beside the instance ---------------------------------------------------------- */

static int probe_environment(struct strings *s, const struct instance *instance) {
        return environment_setf(s, "MAINPID=%d", (int)instance->pid);
}

static uint64_t probe_timeout(const struct worker_definition *definition) {
        return definition->health_timeout_usec;
}

static void probe_started(struct side_process *side) {
}

/* Is it about the process that the instance has, and is that still asked? */
static bool probe_is_wanted(const struct side_process *side, const struct instance *instance) {
        return instance && instance->pid > 0 && instance->generation == side->generation &&
               probing_of(instance)->due_usec != USEC_INFINITY;
}

static bool probe_resumed(struct side_process *side) {
        return probe_is_wanted(side, instance_find(side->gang, side->instance)) || fault_is("probe-left");
}

/* "exit status 2: no such table" */
static const char *describe(char *buf, size_t size, const struct side_process *side, const struct side_end *end) {
        char status[EXIT_STATUS_FORMAT_MAX];

        if (end->error)
                snprintf(buf, size, "%s: %s", end->step, strerrordesc_np(end->error));
        else
                snprintf(buf, size, "%s%s%s",
                         side->late ? "no answer in time" : exit_status_format(status, sizeof status, end->status),
                         *side->said ? ": " : "", side->said);
        return buf;
}

static void probe_ended(struct side_process *side, const struct side_end *end) {
        struct instance *instance = instance_find(side->gang, side->instance);
        char why[PROBE_WHY_MAX];

        if (probe_is_wanted(side, instance))
                probing_answered(instance, !end->error && end->status == 0, describe(why, sizeof why, side, end));
        else if (instance)
                probing_resume(instance);
}

const struct side_kind probe_exec_kind = {
        .suffix = "probe",
        .environment = probe_environment,
        .timeout = probe_timeout,
        .started = probe_started,
        .resumed = probe_resumed,
        .ended = probe_ended,
};
