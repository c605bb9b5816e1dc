/* SPDX-License-Identifier: MIT */

/*
 * Calls: a request, and its reply
 *
 * Invariant: after anything but a reply the connection is closed, so a late reply to a call that was given
 * up is never taken for the reply to the next one (their ids differ, too).
 */

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "client/client.h"

_Static_assert(GANGER_CONTROL_FDS_MAX == FRAME_FDS_MAX, "what a frame carries fits the caller's array");

/** Wait for the reply to `request`, leaving out those to requests that were given up. */
static int receive_reply(struct ganger_control *c, const Ganger__V1__Request *request, uint64_t deadline_usec,
                         struct frame *frame, Ganger__V1__Reply **ret) {
        for (;;) {
                _cleanup_(replyp) Ganger__V1__Reply *reply = NULL;
                int r;

                r = link_receive(&c->link, frame, deadline_usec);
                if (r == -EINTR)
                        continue;
                if (r < 0)
                        return r;
                r = reply_unpack(frame, request, &reply);
                if (r < 0)
                        return r;
                if (reply_belongs(reply, request)) {
                        *ret = TAKE(reply);
                        return 0;
                }
                frame_done(frame);
        }
}

static int attempt(struct ganger_control *c, const Ganger__V1__Request *request, uint64_t deadline_usec,
                   struct frame *frame, Ganger__V1__Reply **ret) {
        int r;

        if (c->link.fd < 0) {
                r = link_connect(&c->link, c->path, deadline_usec);
                if (r < 0)
                        return r;
        }
        r = link_send(&c->link, &request->base, deadline_usec);
        if (r < 0 && r != -ECONNRESET) /* a daemon that hung up may have said why */
                return r;
        return receive_reply(c, request, deadline_usec, frame, ret);
}

/** Ask until there is a reply, over lost connections. */
static int ask(struct ganger_control *c, const Ganger__V1__Request *request, uint64_t deadline_usec,
               struct frame *frame, Ganger__V1__Reply **ret) {
        struct retry retry;
        bool lost = false;
        int r;

        for (;;) {
                r = attempt(c, request, deadline_usec, frame, ret);
                if (r == 0)
                        return 0;
                link_close(&c->link);
                frame_done(frame);
                if (r == -ECONNRESET && !lost) {
                        lost = true;
                        retry_init(&retry, now_usec(), deadline_usec);
                        continue;
                }
                if (r != -ECONNRESET && !(lost && link_error_is_absent(r)))
                        return r;
                r = retry_failed(&retry, now_usec(), r != -ECONNRESET);
                if (r < 0)
                        return r;
                while (link_sleep_until(retry.at_usec) == -EINTR)
                        ;
        }
}

/** When it was asked first, in those that must not be done twice; NULL: it may be. */
static uint64_t *asked_of(Ganger__V1__Request *request) {
        switch (request->call_case) {
        case GANGER__V1__REQUEST__CALL_RESTART:
                return &request->restart->before_usec;
        case GANGER__V1__REQUEST__CALL_ROLL:
                return &request->roll->before_usec;
        case GANGER__V1__REQUEST__CALL_UPGRADE:
                return &request->upgrade->before_usec;
        default:
                return NULL;
        }
}

static void prepare(struct ganger_control *c, Ganger__V1__Request *request) {
        uint64_t *asked = asked_of(request);

        request->id = ++c->last_id;
        if (asked && *asked == 0)
                *asked = now_usec();
}

CONTROL_PUBLIC int ganger_control_call_fds(struct ganger_control *c, Ganger__V1__Request *request,
                                           Ganger__V1__Reply **ret, int *fds, size_t *n_fds) {
        _cleanup_(replyp) Ganger__V1__Reply *reply = NULL;
        _cleanup_(frame_done) struct frame frame = FRAME_NULL;
        int r;

        c->error = ERROR_NULL;
        if (request->call_case == GANGER__V1__REQUEST__CALL__NOT_SET || request_streams(request))
                return error_set(&c->error, -EINVAL, "not a request with one reply");
        prepare(c, request);
        r = ask(c, request, usec_add(now_usec(), c->timeout_usec), &frame, &reply);
        if (!reply)
                return transport_error(&c->error, r, c->path);
        if (reply->error)
                return reply_error(reply, &c->error);

        if (fds) {
                memcpy(fds, frame.fds, frame.n_fds * sizeof *fds);
                *n_fds = frame.n_fds;
                frame.n_fds = 0;
        }
        *ret = TAKE(reply);
        return 0;
}

CONTROL_PUBLIC int ganger_control_call(struct ganger_control *c, Ganger__V1__Request *request, Ganger__V1__Reply **ret) {
        return ganger_control_call_fds(c, request, ret, NULL, NULL);
}

/*
 * While the keeper lives, its listening socket takes connections, even if no manager serves them: so
 * connecting and waiting for the end of the connection, again and again, ends when the keeper has ended.
 */
CONTROL_PUBLIC int ganger_control_wait_end(struct ganger_control *c) {
        uint64_t deadline = usec_add(now_usec(), c->timeout_usec);
        int r;

        c->error = ERROR_NULL;
        link_close(&c->link);
        for (;;) {
                struct frame frame = FRAME_NULL;

                r = link_connect(&c->link, c->path, deadline);
                if (link_error_is_absent(r))
                        return 0;
                while (r == 0 || r == -EINTR) {
                        r = link_receive(&c->link, &frame, deadline);
                        frame_done(&frame);
                }
                link_close(&c->link);
                if (r != -ECONNRESET)
                        return transport_error(&c->error, r, c->path);
                (void)link_sleep_until(now_usec() + RETRY_USEC); /* a daemon that takes no clients is no reason to spin */
        }
}
