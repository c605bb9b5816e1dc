/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_SERVICE_OBJECT_H
#define GANGER_SHM_SERVICE_OBJECT_H

/*
 * The service's row in the table of kinds
 */

#include "shm/object.h"

extern const struct object_ops service_object_ops;

/** In service-inspect.c. */
void service_inspect(const struct object *o, struct damage *ret);

#endif
