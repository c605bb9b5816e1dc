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
        /* Owned by `ganger`; one of them is open. */
        struct ganger_ring *ring;
        struct ganger_pipe *pipe;
        struct ganger_broadcast *broadcast;
        struct ganger_service *service;
};

/**
 * Attach to a ring of any kind through the daemon; messages then go straight through it.
 * @param flags  GANGER_RECEIVE or GANGER_SEND. Of a broadcast one receives all that it still keeps, and what comes.
 * @return STATUS_DONE, or the exit status after complaining.
 */
int attach(struct ctl *ctl, const char *ring, unsigned int flags, struct attachment *ret);

/** The same with a service. @param flags  GANGER_SEND (call). */
int attach_service(struct ctl *ctl, const char *service, unsigned int flags, struct attachment *ret);

/** Send a message to the ring, of whatever kind. @return as ganger_ring_send(). */
int attachment_send(struct attachment *a, const void *data, size_t size, int64_t timeout_usec);

/** The longest message that the ring takes. */
size_t attachment_message_max(const struct attachment *a);

/** Leave: what was received and not acknowledged is delivered again. */
void attachment_done(struct attachment *a);

#endif
