/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_QUARANTINE_H
#define GANGER_DAEMON_QUARANTINE_H

/*
 * Quarantine: an object whose memory is damaged is given to nobody any more, until it is reset
 *
 * Who has it already keeps it: it may have other work, and what it may still find there harms nobody else. All other
 * objects and workers go on.
 */

#include <stdbool.h>

#include "base/error.h"
#include "daemon/objects.h"

/** Is it known to be damaged? Then `object->damage` says how. */
static inline bool gang_object_is_quarantined(const struct gang_object *object) {
        return object->damage[0] != '\0';
}

/**
 * Look for damage: when a member was recovered, when somebody lists it, when a manager takes it over. The first that is
 * found is logged, becomes an event, and is remembered.
 */
void gang_object_inspect(struct gang_object *object);

/** May it be given to another process? @return 0; -EUCLEAN: it is quarantined, `error` says why. */
int gang_object_admits(const struct gang_object *object, struct error *error);

/**
 * Make a quarantined object anew, empty: its messages are lost. Every instance that has it is restarted; when the last one
 * has let go of it, it is replaced, and those that were refused it, or failed, are started. An object that is sound stays
 * as it is.
 * @return 0: it is begun (`object->resetting`), or there was nothing to do; -EBUSY: a process has it that is nobody's
 * instance.
 */
int gang_object_reset(struct gang_object *object, struct error *error);

/** Nobody has it any more: if it is being reset, replace it. Touches no instance. */
void gang_object_renew(struct gang_object *object);

/** At the end of a turn: tell of those that were replaced, and start who waits for them. */
void gang_objects_tell_renewed(struct gang_objects *objects);

#endif
