/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_MONITOR_OBJECT_H
#define GANGER_SHM_MONITOR_OBJECT_H

/*
 * The monitor's row in the table of kinds
 */

#include "shm/object.h"

extern const struct object_ops monitor_object_ops;

#endif
