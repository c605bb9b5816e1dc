/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_QUEUE_OBJECT_H
#define GANGER_SHM_QUEUE_OBJECT_H

/*
 * The queue's row in the table of kinds
 */

#include "shm/object.h"

extern const struct object_ops queue_object_ops;

/** In queue-inspect.c. */
void queue_inspect(const struct object *o, struct damage *ret);
/** In queue-move.c. */
int queue_move(const struct object *from, struct object *to);

#endif
