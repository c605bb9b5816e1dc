/* SPDX-License-Identifier: MIT */

/*
 * Becoming a member of a ring, by what libganger-control offers to everybody
 */

#include "ctl/attach.h"

#include <errno.h>
#include <string.h>

void attachment_done(struct attachment *a) {
        a->ganger = ganger_leave(a->ganger);
        a->ring = NULL;
}

int attach(struct ctl *ctl, const char *ring, unsigned int flags, struct attachment *ret) {
        struct attachment a = { 0 };
        int r;

        r = ctl_client(ctl, false);
        if (r != STATUS_DONE)
                return r;
        /* What --timeout says is of messages: a daemon that is busy for so long is none that is away. */
        ganger_control_set_timeout(ctl->client, GANGER_CONTROL_TIMEOUT_DEFAULT_USEC);
        r = ganger_control_attach(ctl->client, ring, flags, &a.ganger);
        if (r < 0)
                return complain(status_of_error(r), "%s", ganger_control_error(ctl->client));
        r = ganger_ring_open(a.ganger, NULL, flags, &a.ring);
        if (r < 0) {
                attachment_done(&a);
                return complain(STATUS_FAILED, "opening ring '%s': %s", ring, strerror(-r));
        }
        *ret = a;
        return STATUS_DONE;
}
