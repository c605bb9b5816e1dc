/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_ATTACH_H
#define GANGER_CTL_ATTACH_H

/*
 * Becoming a member of a ring or a service, for the time of one verb.
 */

#include "ctl/ctl.h"
#include "ganger.h"

struct attachment {
        struct ganger *ganger;
        struct ganger_ring *ring;       /* owned by `ganger`, as the next; one of them is open */
        struct ganger_service *service;
};

/**
 * Attach to a queue through the daemon; messages then go straight through it.
 * @param flags  GANGER_RECEIVE or GANGER_SEND.
 * @return STATUS_DONE, or the exit status after complaining.
 */
int attach(struct ctl *ctl, const char *ring, unsigned int flags, struct attachment *ret);

/** The same with a service. @param flags  GANGER_SEND (call). */
int attach_service(struct ctl *ctl, const char *service, unsigned int flags, struct attachment *ret);

/** Leave: what was received and not acknowledged is delivered again. */
void attachment_done(struct attachment *a);

#endif
