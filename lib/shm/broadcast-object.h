/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_BROADCAST_OBJECT_H
#define GANGER_SHM_BROADCAST_OBJECT_H

/*
 * The broadcast ring's row in the table of kinds
 */

#include "shm/object.h"

extern const struct object_ops broadcast_object_ops;

/** In broadcast-inspect.c. */
void broadcast_inspect(const struct object *o, struct damage *ret);

#endif
