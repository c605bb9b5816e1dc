/* SPDX-License-Identifier: MIT */

/*
 * What streams: lines of logs, and events
 *
 * Each item is flushed when no other is waiting, so that a pipe gets whole bursts at once, and a person
 * sees each line as it comes.
 */

#include <errno.h>

#include "ctl/ctl.h"
#include "ctl/verbs.h"
#include "ctl/watch.h"

#define EVENTS_DEFAULT 20

static void show(struct output *o, const Ganger__V1__Reply *item) {
        if (item->result_case == GANGER__V1__REPLY__RESULT_LOG)
                o->ops->log(o, item->log);
        else
                o->ops->event(o, item->event);
}

int watch(struct ctl *ctl, Ganger__V1__Request *request, watch_fn takes, void *userdata) {
        _cleanup_(ganger_control_stream_freep) struct ganger_control_stream *stream = NULL;
        int r;

        r = ctl_client(ctl, false);
        if (r != STATUS_DONE)
                return r;
        r = ganger_control_stream(ctl->client, request, &stream);
        if (r < 0)
                return complain(status_of_error(r), "%s", ganger_control_error(ctl->client));

        for (;;) {
                _cleanup_(ctl_replyp) Ganger__V1__Reply *item = NULL;

                r = ganger_control_stream_next(stream, &item, 0);
                if (r == -EAGAIN) {
                        if (!ctl_flush(ctl))
                                return STATUS_DONE; /* ctl_finish() says why, unless the reader went away */
                        r = ganger_control_stream_next(stream, &item, -1);
                }
                if (r == -EINTR)
                        continue;
                if (r == -ENODATA)
                        return STATUS_DONE;
                if (!item)
                        return complain(status_of_error(r), "%s", ganger_control_stream_error(stream));
                if (!takes || takes(userdata, item))
                        show(&ctl->out, item);
                if (ferror(ctl->out.file))
                        return STATUS_DONE;
        }
}

int verb_events(struct ctl *ctl) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__EventsRequest call = GANGER__V1__EVENTS_REQUEST__INIT;

        call.follow = option_given(&ctl->options, OPTION_FOLLOW);
        call.past = option_given(&ctl->options, OPTION_LINES) ? ctl->options.lines : EVENTS_DEFAULT;
        request.call_case = GANGER__V1__REQUEST__CALL_EVENTS;
        request.events = &call;
        return watch(ctl, &request, NULL, NULL);
}
