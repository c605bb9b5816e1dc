/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_PIPE_OBJECT_H
#define GANGER_SHM_PIPE_OBJECT_H

/*
 * The pipe's row in the table of kinds
 */

#include "shm/object.h"

extern const struct object_ops pipe_object_ops;

/** In pipe-inspect.c. */
void pipe_inspect(const struct object *o, struct damage *ret);

#endif
