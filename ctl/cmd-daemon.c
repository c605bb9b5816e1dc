/* SPDX-License-Identifier: MIT */

/*
 * reload, shutdown, version: the daemon itself
 */

#include <errno.h>

#include "ctl/ctl.h"
#include "ctl/verbs.h"

int verb_reload(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__ReloadRequest call = GANGER__V1__RELOAD_REQUEST__INIT;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_RELOAD;
        request.reload = &call;
        r = ctl_call(ctl, &request, false, &reply);
        if (!reply)
                return r;
        ctl->out.ops->reload(&ctl->out, reply->reload);
        if (reply->reload->n_changes == 0)
                talk(ctl, "nothing changed");
        return r;
}

/** A daemon that goes away during the call has done what it was asked. */
int verb_shutdown(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__ShutdownRequest call = GANGER__V1__SHUTDOWN_REQUEST__INIT;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_SHUTDOWN;
        request.shutdown = &call;
        r = ctl_client(ctl, true);
        if (r != STATUS_DONE)
                return r;
        r = ganger_control_call(ctl->client, &request, &reply);
        if (r < 0 && r != -ECONNRESET)
                return complain(status_of_error(r), "%s", ganger_control_error(ctl->client));
        if (!option_given(&ctl->options, OPTION_NO_WAIT)) {
                r = ganger_control_wait_end(ctl->client);
                if (r < 0)
                        return complain(status_of_error(r), "%s", ganger_control_error(ctl->client));
        }
        ctl->out.ops->done(&ctl->out, "shutdown");
        return STATUS_DONE;
}

int verb_version(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__VersionRequest call = GANGER__V1__VERSION_REQUEST__INIT;
        int r;

        request.call_case = GANGER__V1__REQUEST__CALL_VERSION;
        request.version = &call;
        r = ctl_call(ctl, &request, false, &reply);
        ctl->out.ops->version(&ctl->out, PACKAGE_VERSION, reply ? reply->version : NULL);
        return r;
}
