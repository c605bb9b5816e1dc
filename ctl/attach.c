/* SPDX-License-Identifier: MIT */

/*
 * Becoming a member of a ring or a service, by what libganger-control offers to everybody
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

static int attach_any(struct ctl *ctl, const char *name, unsigned int flags, struct attachment *ret) {
        int r;

        r = ctl_client(ctl, false);
        if (r != STATUS_DONE)
                return r;
        /* What --timeout says is of messages: a daemon that is busy for so long is none that is away. */
        ganger_control_set_timeout(ctl->client, GANGER_CONTROL_TIMEOUT_DEFAULT_USEC);
        r = ganger_control_attach(ctl->client, name, flags, &ret->ganger);
        if (r < 0)
                return complain(status_of_error(r), "%s", ganger_control_error(ctl->client));
        return STATUS_DONE;
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
