/* SPDX-License-Identifier: MIT */

/*
 * start, stop, restart, drain, resume, scale, wait, signal, reset-failed: change the gang, or wait until it is so
 *
 * Each can be asked twice, so a manager that dies meanwhile is asked again: the library gives a restart
 * the time before which a process must have been started.
 */

#include <string.h>

#include "base/text.h"
#include "ctl/ctl.h"
#include "ctl/roll.h"
#include "ctl/verbs.h"

/** Names, or --all, but one of them. */
static int check_names(const struct ctl *ctl) {
        bool all = option_given(&ctl->options, OPTION_ALL);

        if (!all && ctl->n_args == 0)
                return complain(STATUS_USAGE, "%s what? Give names, or --all", ctl->verb->name);
        if (all && ctl->n_args > 0)
                return complain(STATUS_USAGE, "names or --all, not both");
        return STATUS_DONE;
}

static int change(struct ctl *ctl, Ganger__V1__Request *request) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        int r;

        r = ctl_call(ctl, request, true, &reply);
        if (!reply)
                return r;
        ctl->out.ops->changes(&ctl->out, reply->change);
        if (reply->change->limited)
                talk(ctl, "of all workers, only those that you may operate were meant");
        for (size_t i = 0; i < reply->change->n_changes; i++)
                if (!reply->change->changes[i]->ok)
                        r = STATUS_FAILED;
        return r;
}

/* The requests differ in type, not in form. */
#define DEFINE_CHANGE(function, member, Type, CASE, INIT)                               \
        function(struct ctl *ctl) {                                                     \
                Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;                \
                Type call = INIT;                                                       \
                int r;                                                                  \
                                                                                        \
                r = check_names(ctl);                                                   \
                if (r != STATUS_DONE)                                                   \
                        return r;                                                       \
                call.names = ctl->args;                                                 \
                call.n_names = (size_t)ctl->n_args;                                     \
                call.all = option_given(&ctl->options, OPTION_ALL);                     \
                call.no_wait = option_given(&ctl->options, OPTION_NO_WAIT);             \
                request.call_case = CASE;                                               \
                request.member = &call;                                                 \
                return change(ctl, &request);                                           \
        }

DEFINE_CHANGE(int verb_start, start, Ganger__V1__StartRequest, GANGER__V1__REQUEST__CALL_START, GANGER__V1__START_REQUEST__INIT)
DEFINE_CHANGE(int verb_stop, stop, Ganger__V1__StopRequest, GANGER__V1__REQUEST__CALL_STOP, GANGER__V1__STOP_REQUEST__INIT)
DEFINE_CHANGE(static int restart_at_once, restart, Ganger__V1__RestartRequest, GANGER__V1__REQUEST__CALL_RESTART,
              GANGER__V1__RESTART_REQUEST__INIT)

int verb_restart(struct ctl *ctl) {
        int r = check_names(ctl);

        if (r != STATUS_DONE)
                return r;
        return option_given(&ctl->options, OPTION_ROLLING) ? roll_restart(ctl) : restart_at_once(ctl);
}

static int drain(struct ctl *ctl, bool resume) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__DrainRequest call = GANGER__V1__DRAIN_REQUEST__INIT;
        int r;

        r = check_names(ctl);
        if (r != STATUS_DONE)
                return r;
        call.names = ctl->args;
        call.n_names = (size_t)ctl->n_args;
        call.all = option_given(&ctl->options, OPTION_ALL);
        call.no_wait = option_given(&ctl->options, OPTION_NO_WAIT);
        call.resume = resume;
        request.call_case = GANGER__V1__REQUEST__CALL_DRAIN;
        request.drain = &call;
        return change(ctl, &request);
}

int verb_drain(struct ctl *ctl) {
        return drain(ctl, false);
}

int verb_resume(struct ctl *ctl) {
        return drain(ctl, true);
}

int verb_scale(struct ctl *ctl) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__ScaleRequest call = GANGER__V1__SCALE_REQUEST__INIT;
        uint64_t n = 0;

        call.automatic = strcmp(ctl->args[1], "auto") == 0;
        if (!call.automatic && parse_number(ctl->args[1], "scale", UINT32_MAX, &n) < 0)
                return STATUS_USAGE;
        call.name = ctl->args[0];
        call.instances = (uint32_t)n;
        call.no_wait = option_given(&ctl->options, OPTION_NO_WAIT);
        request.call_case = GANGER__V1__REQUEST__CALL_SCALE;
        request.scale = &call;
        return change(ctl, &request);
}

int verb_wait(struct ctl *ctl) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__WaitRequest call = GANGER__V1__WAIT_REQUEST__INIT;

        if (option_given(&ctl->options, OPTION_READY) && option_given(&ctl->options, OPTION_STOPPED))
                return complain(STATUS_USAGE, "--ready or --stopped, not both");
        call.names = ctl->args;
        call.n_names = (size_t)ctl->n_args;
        call.stopped = option_given(&ctl->options, OPTION_STOPPED);
        request.call_case = GANGER__V1__REQUEST__CALL_WAIT;
        request.wait = &call;
        return change(ctl, &request);
}

int verb_signal(struct ctl *ctl) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__SignalRequest call = GANGER__V1__SIGNAL_REQUEST__INIT;
        const char *signal = ctl->args[ctl->n_args - 1];

        call.signal = signal_parse(signal);
        if (call.signal < 0)
                return complain(STATUS_USAGE, "'%s' is not a signal, such as SIGHUP or SIGRTMIN+3", signal);
        call.names = ctl->args;
        call.n_names = (size_t)ctl->n_args - 1;
        request.call_case = GANGER__V1__REQUEST__CALL_SIGNAL;
        request.signal = &call;
        return change(ctl, &request);
}

int verb_reset_failed(struct ctl *ctl) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__ResetFailedRequest call = GANGER__V1__RESET_FAILED_REQUEST__INIT;
        int r;

        r = check_names(ctl);
        if (r != STATUS_DONE)
                return r;
        call.names = ctl->args;
        call.n_names = (size_t)ctl->n_args;
        call.all = option_given(&ctl->options, OPTION_ALL);
        request.call_case = GANGER__V1__REQUEST__CALL_RESET_FAILED;
        request.reset_failed = &call;
        return change(ctl, &request);
}
