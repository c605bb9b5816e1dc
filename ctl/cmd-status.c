/* SPDX-License-Identifier: MIT */

/*
 * status, is-active and is-failed: how the gang is
 */

#include <string.h>

#include "ctl/ctl.h"
#include "ctl/verbs.h"

/** Lines of output shown of each instance, if --lines does not say. */
#define LOG_LINES_DEFAULT 10

static int ask_status(struct ctl *ctl, uint32_t log_lines, Ganger__V1__Reply **ret) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__StatusRequest status = GANGER__V1__STATUS_REQUEST__INIT;

        status.names = ctl->args;
        status.n_names = (size_t)ctl->n_args;
        status.log_lines = log_lines;
        request.call_case = GANGER__V1__REQUEST__CALL_STATUS;
        request.status = &status;
        return ctl_call(ctl, &request, false, ret);
}

int verb_status(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        bool details = ctl->n_args > 0;
        uint32_t lines = details ? LOG_LINES_DEFAULT : 0;
        int r;

        if (option_given(&ctl->options, OPTION_LINES))
                lines = ctl->options.lines;
        r = ask_status(ctl, lines, &reply);
        if (!reply)
                return r;
        ctl->out.ops->status(&ctl->out, reply->status, details);
        return STATUS_DONE;
}

static bool is_active(const Ganger__V1__Instance *instance) {
        return strcmp(instance->state, "ready") == 0 || strcmp(instance->state, "exited") == 0;
}

/** "ready" if one is, or "exited"; else that of its first instance. */
static const char *worker_state(const Ganger__V1__Worker *worker) {
        const char *state = NULL;

        for (size_t i = 0; i < worker->n_instances && worker->ready > 0; i++) {
                if (!is_active(worker->instances[i]))
                        continue;
                state = worker->instances[i]->state;
                if (strcmp(state, "ready") == 0)
                        break;
        }
        if (state)
                return state;
        return worker->n_instances > 0 ? worker->instances[0]->state : "down";
}

/** It runs, be it as a spare. */
static bool has_failed(const Ganger__V1__Worker *worker) {
        for (size_t i = 0; i < worker->n_instances; i++)
                if (strcmp(worker->instances[i]->state, "failed") == 0)
                        return true;
        return false;
}

/** Look a worker or an instance up in a status. @return false: it is not there. */
static bool find_activity(const Ganger__V1__StatusReply *status, const char *name, struct activity *ret) {
        for (size_t w = 0; w < status->n_workers; w++) {
                const Ganger__V1__Worker *worker = status->workers[w];

                if (strcmp(worker->name, name) == 0) {
                        *ret = (struct activity){ name, worker->ready > 0, has_failed(worker), worker_state(worker) };
                        return true;
                }
                for (size_t i = 0; i < worker->n_instances; i++) {
                        const Ganger__V1__Instance *instance = worker->instances[i];

                        if (strcmp(instance->key, name) == 0) {
                                *ret = (struct activity){ name, is_active(instance) || strcmp(instance->state, "standby") == 0,
                                                          strcmp(instance->state, "failed") == 0, instance->state };
                                return true;
                        }
                }
        }
        return false;
}

/** Ask, and show the state of each. @return STATUS_DONE, or the exit status after complaining. */
static int find_activities(struct ctl *ctl, size_t *ret_active, size_t *ret_failed) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        _cleanup_(freep) struct activity *found = NULL;
        int r;

        r = ask_status(ctl, 0, &reply);
        if (!reply)
                return r;
        found = calloc((size_t)ctl->n_args, sizeof *found);
        if (!found)
                return complain(STATUS_FAILED, "out of memory");
        *ret_active = *ret_failed = 0;
        for (int i = 0; i < ctl->n_args; i++) {
                if (!find_activity(reply->status, ctl->args[i], &found[i]))
                        return complain(STATUS_NO_SUCH_NAME, "no worker or instance '%s'", ctl->args[i]);
                *ret_active += found[i].active;
                *ret_failed += found[i].failed;
        }
        if (!option_given(&ctl->options, OPTION_QUIET))
                ctl->out.ops->activity(&ctl->out, found, (size_t)ctl->n_args);
        return STATUS_DONE;
}

int verb_is_active(struct ctl *ctl) {
        size_t active, failed;
        int r = find_activities(ctl, &active, &failed);

        if (r != STATUS_DONE)
                return r;
        return active == (size_t)ctl->n_args ? STATUS_DONE : STATUS_NOT_RUNNING;
}

int verb_is_failed(struct ctl *ctl) {
        size_t active, failed;
        int r = find_activities(ctl, &active, &failed);

        if (r != STATUS_DONE)
                return r;
        return failed > 0 ? STATUS_DONE : STATUS_FAILED;
}
