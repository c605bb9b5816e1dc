/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_COUNTER_OBJECT_H
#define GANGER_SHM_COUNTER_OBJECT_H

/*
 * The counter's row in the table of kinds
 */

#include "shm/object.h"

extern const struct object_ops counter_object_ops;

#endif
