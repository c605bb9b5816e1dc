/* SPDX-License-Identifier: MIT */

/*
 * sockets: where workers listen
 */

#include "ctl/ctl.h"
#include "ctl/verbs.h"

int verb_sockets(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__SocketsRequest call = GANGER__V1__SOCKETS_REQUEST__INIT;
        int r;

        call.names = ctl->args;
        call.n_names = (size_t)ctl->n_args;
        request.call_case = GANGER__V1__REQUEST__CALL_SOCKETS;
        request.sockets = &call;
        r = ctl_call(ctl, &request, false, &reply);
        if (reply)
                ctl->out.ops->sockets(&ctl->out, reply->sockets);
        return r;
}
