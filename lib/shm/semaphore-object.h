/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_SEMAPHORE_OBJECT_H
#define GANGER_SHM_SEMAPHORE_OBJECT_H

/*
 * The semaphore's row in the table of kinds
 */

#include "shm/object.h"

extern const struct object_ops semaphore_object_ops;

#endif
