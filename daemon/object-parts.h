/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_OBJECT_PARTS_H
#define GANGER_DAEMON_OBJECT_PARTS_H

/*
 * What objects.c, membership.c, quarantine.c and successor.c have for each other only
 */

#include "base/text.h"
#include "daemon/objects.h"

/** Write the object's record into the state memory. */
void gang_object_save(struct gang_object *object);

/** Other memory and another descriptor for it, empty. Nobody may have it. @return 0, or -errno: it is as it was. */
int gang_object_replace(struct gang_object *object, struct error *error);

/** A user is gone: an object that is no longer defined goes with its last one. */
void gang_object_collect(struct gang_object *object);

/** Tell wakers how many participants are stopped. */
void gang_object_tell_frozen(struct gang_object *object);

/** "ring/jobs/memory": what it is stored as with the keeper. */
#define OBJECT_STORED_MAX (NAME_LENGTH_MAX + 32)
const char *gang_object_stored(char buf[OBJECT_STORED_MAX], const struct gang_object *object, const char *what);

/** Is it of that form? */
bool gang_object_is_of(const struct gang_object *object, const struct geometry *geometry);

/**
 * That memory is its own from now on. Nobody may have it. @param fd  taken, in any case. @return 0, or -errno: it is as it
 * was.
 */
int gang_object_adopt(struct gang_object *object, const struct geometry *geometry, int fd);

/* In quarantine.c. */

/** A list of names in a message; those beyond it are counted. */
#define OBJECT_MEMBERS_MAX 160

/** "a/0, b/1 and 3 more": who has a seat. @param strangers  only who is no instance. */
const char *gang_object_members(const struct gang_object *object, bool strangers, char buf[OBJECT_MEMBERS_MAX]);

/** Restart the instances that have it, unless they are to end anyway. */
void gang_object_restart_holders(struct gang_object *object);

#endif
