/* SPDX-License-Identifier: MIT */

/*
 * locks: who holds, who waits, and who waits for each other
 */

#include "ctl/ctl.h"
#include "ctl/verbs.h"

int verb_locks(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__LocksRequest call = GANGER__V1__LOCKS_REQUEST__INIT;
        int r;

        call.names = ctl->args;
        call.n_names = (size_t)ctl->n_args;
        request.call_case = GANGER__V1__REQUEST__CALL_LOCKS;
        request.locks = &call;
        r = ctl_call(ctl, &request, false, &reply);
        if (reply)
                ctl->out.ops->locks(&ctl->out, reply->locks);
        return r;
}
