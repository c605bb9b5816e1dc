/* SPDX-License-Identifier: MIT */

/*
 * Becoming a member of a ring or a service
 *
 * The daemon passes the descriptors and the handshake, and gives back what we hold when this process ends.
 * It is asked once; from then on it may come and go, the ring stays.
 */

#include "ctl/attach.h"

#include <errno.h>
#include <string.h>

#include "ctl/verbs.h"

void attachment_done(struct attachment *a) {
        a->ganger = ganger_leave(a->ganger);
        a->ring = NULL;
        a->service = NULL;
}

static int join(const char *name, const Ganger__V1__AttachReply *reply, const int *fds, size_t n_fds, struct attachment *ret) {
        struct attachment a = { 0 };
        int r;

        r = ganger_join_descriptors(&a.ganger, reply->handshake.data, reply->handshake.len, fds, n_fds);
        if (r < 0) {
                for (size_t i = 0; i < n_fds; i++)
                        close(fds[i]);
                return complain(STATUS_FAILED, "joining '%s': %s", name,
                                r == -EPROTONOSUPPORT ? "gangerctl and the gangerd that runs are of different versions" : strerror(-r));
        }
        *ret = a;
        return STATUS_DONE;
}

static int attach_any(struct ctl *ctl, const char *name, unsigned int flags, struct attachment *ret) {
        _cleanup_(ctl_replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__AttachRequest call = GANGER__V1__ATTACH_REQUEST__INIT;
        int fds[GANGER_CONTROL_FDS_MAX], r;
        size_t n_fds = 0;

        call.ring = (char *)name;
        call.receive = flags & GANGER_RECEIVE;
        call.send = flags & GANGER_SEND;
        request.call_case = GANGER__V1__REQUEST__CALL_ATTACH;
        request.attach = &call;
        r = ctl_client(ctl, false);
        if (r != STATUS_DONE)
                return r;
        /* What --timeout says is of messages: a daemon that is busy for so long is none that is away. */
        ganger_control_set_timeout(ctl->client, GANGER_CONTROL_TIMEOUT_DEFAULT_USEC);
        r = ganger_control_call_fds(ctl->client, &request, &reply, fds, &n_fds);
        if (!reply)
                return complain(status_of_error(r), "%s", ganger_control_error(ctl->client));
        return join(name, reply->attach, fds, n_fds, ret);
}

/* @param r     of opening it. @param kind  of what it must be. */
static int opened(const struct ctl *ctl, const char *name, const char *kind, int r, struct attachment *a,
                  struct attachment *ret) {
        if (r == 0) {
                *ret = *a;
                return STATUS_DONE;
        }
        attachment_done(a);
        if (r == -ENOENT)
                return complain(STATUS_FAILED, "%s: '%s' is no %s", ctl->verb->name, name, kind);
        return complain(STATUS_FAILED, "opening '%s': %s", name, strerror(-r));
}

int attach(struct ctl *ctl, const char *ring, unsigned int flags, struct attachment *ret) {
        struct attachment a = { 0 };
        int r = attach_any(ctl, ring, flags, &a);

        return r != STATUS_DONE ? r : opened(ctl, ring, "queue", ganger_ring_open(a.ganger, NULL, flags, &a.ring), &a, ret);
}

int attach_service(struct ctl *ctl, const char *service, unsigned int flags, struct attachment *ret) {
        struct attachment a = { 0 };
        int r = attach_any(ctl, service, flags, &a);

        return r != STATUS_DONE ? r
                                : opened(ctl, service, "service", ganger_service_open(a.ganger, NULL, flags, &a.service), &a, ret);
}
