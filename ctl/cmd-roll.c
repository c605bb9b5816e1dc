/* SPDX-License-Identifier: MIT */

/*
 * restart --rolling, upgrade, promote, rollback
 *
 * The daemon answers at once with how far it is. So this follows the events from when it asked first, shows those of the
 * workers concerned, and asks again where one of them may be the last. A manager that dies meanwhile is asked again, too:
 * it knows by the time in the request what was begun.
 */

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "ctl/ctl.h"
#include "ctl/roll.h"
#include "ctl/verbs.h"

/** More events than happen between the first question and its answer. */
#define PAST_EVENTS 200

struct waiting {
        struct ctl *ctl;
        Ganger__V1__Request *request;
        struct ganger_control_stream *stream; /* NULL: it was over at once, so far */
        uint64_t since_usec;            /* CLOCK_REALTIME: what was before is not shown */
        uint64_t deadline_usec;
        bool back;                      /* taking back is what is wanted */
        bool may_hold;                  /* a hold without an end is not waited for */
};

static bool is_end(const char *phase) {
        return strcmp(phase, "done") == 0 || strcmp(phase, "failed") == 0;
}

static bool is_settled(const struct waiting *w, const Ganger__V1__Roll *roll) {
        return is_end(roll->phase) || (w->may_hold && strcmp(roll->phase, "hold") == 0 && roll->due_usec == 0);
}

static bool is_good(const struct waiting *w, const Ganger__V1__Roll *roll) {
        return strcmp(roll->phase, "failed") != 0 || (w->back && roll->by_hand);
}

static bool all_settled(const struct waiting *w, const Ganger__V1__RollReply *reply) {
        for (size_t i = 0; i < reply->n_rolls; i++)
                if (!is_settled(w, reply->rolls[i]))
                        return false;
        return true;
}

static bool has_worker(const Ganger__V1__RollReply *reply, const char *name) {
        for (size_t i = 0; i < reply->n_rolls; i++)
                if (strcmp(reply->rolls[i]->worker, name) == 0)
                        return true;
        return false;
}

static int open_stream(struct waiting *w) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__EventsRequest events = GANGER__V1__EVENTS_REQUEST__INIT;
        int r;

        events.follow = true;
        events.past = PAST_EVENTS;
        request.call_case = GANGER__V1__REQUEST__CALL_EVENTS;
        request.events = &events;
        r = ganger_control_stream(w->ctl->client, &request, &w->stream);
        return r < 0 ? complain(status_of_error(r), "%s", ganger_control_error(w->ctl->client)) : STATUS_DONE;
}

static int64_t time_left(const struct waiting *w) {
        uint64_t now = now_usec();

        if (w->deadline_usec == USEC_INFINITY)
                return -1;
        return w->deadline_usec > now ? (int64_t)(w->deadline_usec - now) : 1;
}

/** Show what comes, until something may have come to its end. */
static int follow(struct waiting *w, const Ganger__V1__RollReply *reply) {
        for (;;) {
                _cleanup_(ctl_replyp) Ganger__V1__Reply *item = NULL;
                const Ganger__V1__Event *event;
                int r = ganger_control_stream_next(w->stream, &item, time_left(w));

                if (r == -EINTR)
                        continue;
                if (r == -ETIMEDOUT)
                        return complain(STATUS_FAILED, "it is not done in time, and goes on");
                if (!item)
                        return complain(status_of_error(r), "%s", ganger_control_stream_error(w->stream));
                event = item->event;
                if (event->realtime_usec < w->since_usec)
                        continue;
                if (strcmp(event->kind, "manager") == 0)
                        return STATUS_DONE;
                if (strcmp(event->kind, "roll") != 0 || !has_worker(reply, event->key))
                        continue;
                talk(w->ctl, "%s: %s", event->key, event->text);
                if (is_end(event->state) || strcmp(event->state, "hold") == 0)
                        return STATUS_DONE;
        }
}

static int finish(struct waiting *w, const Ganger__V1__RollReply *reply) {
        int status = STATUS_DONE;

        w->ctl->out.ops->rolls(&w->ctl->out, reply);
        if (reply->limited)
                talk(w->ctl, "of all workers, only those that you may operate were meant");
        for (size_t i = 0; i < reply->n_rolls; i++)
                if (!is_good(w, reply->rolls[i]))
                        status = STATUS_FAILED;
        return status;
}

static int wait_for_it(struct waiting *w) {
        for (;;) {
                _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
                int r = ctl_call(w->ctl, w->request, true, &reply);

                if (!reply)
                        return r;
                if (option_given(&w->ctl->options, OPTION_NO_WAIT) || all_settled(w, reply->roll))
                        return finish(w, reply->roll);
                r = w->stream ? STATUS_DONE : open_stream(w);
                if (r == STATUS_DONE)
                        r = follow(w, reply->roll);
                if (r != STATUS_DONE)
                        return r;
        }
}

static int roll(struct ctl *ctl, Ganger__V1__Request *request, bool back, bool may_hold) {
        struct waiting w = {
                .ctl = ctl, .request = request, .back = back, .may_hold = may_hold, .since_usec = now_realtime_usec(),
                .deadline_usec = USEC_INFINITY,
        };
        int r;

        if (option_given(&ctl->options, OPTION_TIMEOUT))
                w.deadline_usec = usec_add(now_usec(), ctl->options.timeout_usec);
        r = wait_for_it(&w);
        ganger_control_stream_free(w.stream);
        return r;
}

static int roll_names(struct ctl *ctl, Ganger__V1__RollAction action) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__RollRequest call = GANGER__V1__ROLL_REQUEST__INIT;

        call.names = ctl->args;
        call.n_names = (size_t)ctl->n_args;
        call.all = option_given(&ctl->options, OPTION_ALL);
        call.action = action;
        request.call_case = GANGER__V1__REQUEST__CALL_ROLL;
        request.roll = &call;
        return roll(ctl, &request, action == GANGER__V1__ROLL_ACTION__ROLL_BACK, false);
}

int roll_restart(struct ctl *ctl) {
        return roll_names(ctl, GANGER__V1__ROLL_ACTION__ROLL_RESTART);
}

int verb_promote(struct ctl *ctl) {
        return roll_names(ctl, GANGER__V1__ROLL_ACTION__ROLL_PROMOTE);
}

int verb_rollback(struct ctl *ctl) {
        return roll_names(ctl, GANGER__V1__ROLL_ACTION__ROLL_BACK);
}

int verb_upgrade(struct ctl *ctl) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__UpgradeRequest call = GANGER__V1__UPGRADE_REQUEST__INIT;
        bool has_exec = option_given(&ctl->options, OPTION_EXEC);
        char *name = ctl->args[0];

        if (!has_exec && ctl->n_args > 1)
                return complain(STATUS_USAGE, "one NAME; a program and its arguments go with --exec");
        if (option_given(&ctl->options, OPTION_HOLD) && ctl->options.canary == 0)
                return complain(STATUS_USAGE, "--hold needs --canary");
        if (has_exec) {
                ctl->args[0] = (char *)ctl->options.exec;       /* its arguments are behind it */
                call.exec = ctl->args;
                call.n_exec = (size_t)ctl->n_args;
        }
        call.name = name;
        call.canary = ctl->options.canary;
        /* 0 is without end. */
        call.hold_usec = option_given(&ctl->options, OPTION_HOLD) ? MAX(ctl->options.hold_usec, UINT64_C(1)) : 0;
        call.max_fail = ctl->options.max_fail;
        request.call_case = GANGER__V1__REQUEST__CALL_UPGRADE;
        request.upgrade = &call;
        return roll(ctl, &request, false, true);
}
