/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_OBJECT_PARTS_H
#define GANGER_DAEMON_OBJECT_PARTS_H

/*
 * What objects.c has for membership.c and quarantine.c only
 */

#include "daemon/objects.h"

/** Write the object's record into the state memory. */
void gang_object_save(struct gang_object *object);

/** Other memory and another descriptor for it, empty. Nobody may have it. @return 0, or -errno: it is as it was. */
int gang_object_replace(struct gang_object *object, struct error *error);

/** A user is gone: an object that is no longer defined goes with its last one. */
void gang_object_collect(struct gang_object *object);

/** Tell wakers how many participants are stopped. */
void gang_object_tell_frozen(struct gang_object *object);

#endif
