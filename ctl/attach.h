/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_ATTACH_H
#define GANGER_CTL_ATTACH_H

/*
 * Becoming a member of a ring, for the time of one verb.
 */

#include "ctl/ctl.h"
#include "ganger.h"

struct attachment {
        struct ganger *ganger;
        struct ganger_ring *ring;       /* owned by `ganger` */
};

/**
 * Attach to a ring through the daemon; messages then go straight through the ring.
 * @param flags  GANGER_RECEIVE or GANGER_SEND.
 * @return STATUS_DONE, or the exit status after complaining.
 */
int attach(struct ctl *ctl, const char *ring, unsigned int flags, struct attachment *ret);

/** Leave: what was received and not acknowledged is delivered again. */
void attachment_done(struct attachment *a);

#endif
