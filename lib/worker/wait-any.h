/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WORKER_WAIT_ANY_H
#define GANGER_WORKER_WAIT_ANY_H

/*
 * What a kind of handle offers to ganger_wait_any(): a row in worker/wait-any.c
 */

#include "shm/wait-any.h"

/**
 * How to wait with a handle.
 * @param event  GANGER_RECEIVE or GANGER_SEND.
 * @return 0; -EACCES: the handle is closed, or not for this; -EINVAL: this kind has no such thing to wait for.
 */
typedef int (*wait_item_fn)(void *handle, unsigned int event, struct wait_item *ret);

#endif
