/* SPDX-License-Identifier: MIT */

/*
 * Becoming a member of a ring or a service, by what libganger-control offers to everybody
 */

#include "ctl/attach.h"

#include <errno.h>
#include <string.h>

#include "ctl/verbs.h"

void attachment_done(struct attachment *a) {
        ganger_leave(a->ganger);
        *a = (struct attachment){ 0 };
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
        if (r == -EBUSY)
                return complain(STATUS_FAILED, "%s: another process is at that end of '%s', and there can be one only",
                                ctl->verb->name, name);
        return complain(STATUS_FAILED, "opening '%s': %s", name, strerror(-r));
}

/* What it is tells what can be opened: nothing else was given to us. */
static int open_ring(struct attachment *a, unsigned int flags) {
        int r = ganger_ring_open(a->ganger, NULL, flags, &a->ring);

        if (r == -ENOENT)
                r = ganger_pipe_open(a->ganger, NULL, flags, &a->pipe);
        if (r == -ENOENT)
                r = ganger_broadcast_open(a->ganger, NULL, flags | (flags & GANGER_RECEIVE ? GANGER_OLDEST : 0u), &a->broadcast);
        return r;
}

int attach(struct ctl *ctl, const char *ring, unsigned int flags, struct attachment *ret) {
        struct attachment a = { 0 };
        int r = attach_any(ctl, ring, flags, &a);

        return r != STATUS_DONE ? r : opened(ctl, ring, "ring", open_ring(&a, flags), &a, ret);
}

int attach_service(struct ctl *ctl, const char *service, unsigned int flags, struct attachment *ret) {
        struct attachment a = { 0 };
        int r = attach_any(ctl, service, flags, &a);

        return r != STATUS_DONE ? r
                                : opened(ctl, service, "service", ganger_service_open(a.ganger, NULL, flags, &a.service), &a, ret);
}

int attachment_send(struct attachment *a, const void *data, size_t size, int64_t timeout_usec) {
        if (a->pipe)
                return ganger_pipe_send(a->pipe, data, size, timeout_usec);
        if (a->broadcast)
                return ganger_broadcast_send(a->broadcast, data, size, timeout_usec);
        return ganger_ring_send(a->ring, data, size, timeout_usec);
}

size_t attachment_message_max(const struct attachment *a) {
        if (a->pipe)
                return ganger_pipe_message_max(a->pipe);
        if (a->broadcast)
                return ganger_broadcast_message_max(a->broadcast);
        return ganger_ring_message_max(a->ring);
}
