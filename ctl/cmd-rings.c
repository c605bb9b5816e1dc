/* SPDX-License-Identifier: MIT */

/*
 * rings, peek, dead: what is in the rings
 */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "ctl/ctl.h"
#include "ctl/verbs.h"

int verb_rings(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__RingsRequest call = GANGER__V1__RINGS_REQUEST__INIT;
        int r;

        call.names = ctl->args;
        call.n_names = (size_t)ctl->n_args;
        request.call_case = GANGER__V1__REQUEST__CALL_RINGS;
        request.rings = &call;
        r = ctl_call(ctl, &request, false, &reply);
        if (reply)
                ctl->out.ops->rings(&ctl->out, reply->rings);
        return r;
}

int verb_reset(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__ResetRequest call = GANGER__V1__RESET_REQUEST__INIT;
        int r;

        call.name = ctl->args[0];
        request.call_case = GANGER__V1__REQUEST__CALL_RESET;
        request.reset = &call;
        r = ctl_call(ctl, &request, true, &reply);
        if (reply)
                ctl->out.ops->reset(&ctl->out, ctl->args[0], reply->reset);
        return r;
}

int verb_peek(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__PeekRequest call = GANGER__V1__PEEK_REQUEST__INIT;
        int r;

        call.ring = ctl->args[0];
        call.count = ctl->options.count;
        request.call_case = GANGER__V1__REQUEST__CALL_PEEK;
        request.peek = &call;
        r = ctl_call(ctl, &request, false, &reply);
        if (reply)
                ctl->out.ops->peek(&ctl->out, reply->peek);
        return r;
}

static const struct {
        const char *name;
        Ganger__V1__DeadAction action;
} actions[] = {
        { "list", GANGER__V1__DEAD_ACTION__DEAD_LIST },
        { "retry", GANGER__V1__DEAD_ACTION__DEAD_RETRY },
        { "drop", GANGER__V1__DEAD_ACTION__DEAD_DROP },
};

static int find_action(const char *typed, Ganger__V1__DeadAction *ret) {
        const char *names[ARRAY_SIZE(actions) + 1] = { NULL }, *nearest;

        for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
                if (strcmp(actions[i].name, typed) == 0) {
                        *ret = actions[i].action;
                        return 0;
                }
                names[i] = actions[i].name;
        }
        nearest = text_nearest(typed, names);
        if (nearest)
                complain(0, "dead: no action '%s'; did you mean '%s'?", typed, nearest);
        else
                complain(0, "dead: no action '%s'; there are list, retry and drop", typed);
        return -EINVAL;
}

/** To retry or to drop everything must be said: a forgotten id must not discard a ring's dead letters. */
static int check_ids(const struct ctl *ctl, Ganger__V1__DeadAction action) {
        bool all = option_given(&ctl->options, OPTION_ALL);

        if (all && ctl->n_args > 2)
                return complain(STATUS_USAGE, "ids or --all, not both");
        if (!all && ctl->n_args == 2 && action != GANGER__V1__DEAD_ACTION__DEAD_LIST)
                return complain(STATUS_USAGE, "dead %s: which? Give ids, or --all", ctl->args[0]);
        return STATUS_DONE;
}

int verb_dead(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        _cleanup_(freep) uint64_t *ids = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__DeadRequest call = GANGER__V1__DEAD_REQUEST__INIT;
        int r;

        if (find_action(ctl->args[0], &call.action) < 0)
                return STATUS_USAGE;
        r = check_ids(ctl, call.action);
        if (r != STATUS_DONE)
                return r;
        call.ring = ctl->args[1];
        call.n_ids = (size_t)ctl->n_args - 2;
        call.ids = ids = calloc(call.n_ids + 1, sizeof *ids);
        if (!ids)
                return complain(STATUS_FAILED, "out of memory");
        for (size_t i = 0; i < call.n_ids; i++)
                if (parse_number(ctl->args[2 + i], "dead: id", UINT64_MAX, &ids[i]) < 0)
                        return STATUS_USAGE;
        request.call_case = GANGER__V1__REQUEST__CALL_DEAD;
        request.dead = &call;
        r = ctl_call(ctl, &request, false, &reply);
        if (reply)
                ctl->out.ops->dead(&ctl->out, reply->dead, call.action);
        return r;
}
