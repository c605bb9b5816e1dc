/* SPDX-License-Identifier: MIT */

/*
 * Attaching: this process becomes a member of one ring
 *
 * The daemon passes a handshake and descriptors; it watches the process from then on, and recovers it when it ends.
 * It is asked once: afterwards it may come and go, the ring stays. Should the reply be lost on the way and the
 * request be asked again, the daemon has set aside one seat too many, until this process ends.
 *
 * Joining is libganger's, which this library does not depend on: whoever attaches uses that one too, and those who only
 * ask need not have it. So the shared library finds it in the program, or does not.
 */

#include <errno.h>

#include "base/cleanup.h"
#include "client/client.h"
#include "ganger.h"

#ifdef PIC
#pragma weak ganger_join_descriptors
static bool can_join(void) {
        return ganger_join_descriptors;
}
#else
static bool can_join(void) {
        return true;
}
#endif

static int join(struct ganger_control *c, const Ganger__V1__AttachReply *reply, const int *fds, size_t n_fds,
                struct ganger **ret) {
        int r = ganger_join_descriptors(ret, reply->handshake.data, reply->handshake.len, fds, n_fds);

        if (r == 0)
                return 0;
        for (size_t i = 0; i < n_fds; i++)
                close(fds[i]);
        if (r == -EPROTO)
                return error_set(&c->error, r, "ring '%s': libganger and the gangerd that runs are of different versions",
                                 reply->ring);
        return error_errno(&c->error, r, "joining ring '%s'", reply->ring);
}

CONTROL_PUBLIC int ganger_control_attach(struct ganger_control *c, const char *ring, unsigned int flags,
                                         struct ganger **ret) {
        _cleanup_(replyp) Ganger__V1__Reply *reply = NULL;
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__AttachRequest call = GANGER__V1__ATTACH_REQUEST__INIT;
        int fds[GANGER_CONTROL_FDS_MAX], r;
        size_t n_fds = 0;

        c->error = ERROR_NULL;
        if (flags == 0 || flags & ~(unsigned int)(GANGER_RECEIVE | GANGER_SEND))
                return error_set(&c->error, -EINVAL, "neither to receive nor to send");
        if (!can_join())
                return error_set(&c->error, -ENOSYS, "this program is not linked with libganger");
        call.ring = (char *)ring;
        call.receive = flags & GANGER_RECEIVE;
        call.send = flags & GANGER_SEND;
        request.call_case = GANGER__V1__REQUEST__CALL_ATTACH;
        request.attach = &call;
        r = ganger_control_call_fds(c, &request, &reply, fds, &n_fds);
        return r < 0 ? r : join(c, reply->attach, fds, n_fds, ret);
}
