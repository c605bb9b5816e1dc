/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WORKER_WAIT_ANY_H
#define GANGER_WORKER_WAIT_ANY_H

/*
 * What a kind of handle offers to ganger_wait_any(): a row in worker/wait-any.c
 */

#include "shm/wait-any.h"

struct ganger_wait;

/**
 * How to wait with a handle: what is to be done for one of the events of `w`.
 * @param event  GANGER_RECEIVE or GANGER_SEND.
 * @return 0; -EACCES: the handle is closed, or not for this; -EINVAL: this kind has no such thing to wait for;
 *         -EOPNOTSUPP: nobody is told of it; -EMSGSIZE: there is never room for so much.
 */
typedef int (*wait_item_fn)(const struct ganger_wait *w, unsigned int event, struct wait_item *ret);

int ring_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret);
int pipe_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret);
int broadcast_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret);
int service_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret);
int call_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret);
int semaphore_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret);
int monitor_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret);
int counter_wait_item(const struct ganger_wait *w, unsigned int event, struct wait_item *ret);

/** Of how many bytes is the message for which there must be room? @return -EMSGSIZE: there never is. */
int wait_room(const struct ganger_wait *w, uint32_t message_max, uint32_t *ret);

#endif
