/* SPDX-License-Identifier: MIT */

/*
 * report: how the last process of an instance ended
 */

#include "ctl/ctl.h"
#include "ctl/verbs.h"

int verb_report(struct ctl *ctl) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__ReportRequest call = GANGER__V1__REPORT_REQUEST__INIT;
        int r;

        call.name = ctl->args[0];
        request.call_case = GANGER__V1__REQUEST__CALL_REPORT;
        request.report = &call;
        r = ctl_call(ctl, &request, false, &reply);
        if (reply)
                ctl->out.ops->report(&ctl->out, ctl->args[0], reply->report);
        return r;
}
