/* SPDX-License-Identifier: MIT */
/*
 * Quarantine, and the way out of it
 *
 * An object is inspected only once it is known who its members are: when a take-over is complete.
 *
 * An instance that is refused it fails, and stays so: no second try would help before somebody resets the object.
 *
 * A reset goes through the ordinary restart of instances. None of them gets the object again before all have let go of it,
 * and it is there anew; those that came too early failed, and are started then. So nobody ever has the old memory while
 * others have the new one, whoever is killed in between: that it is being reset stands in its record.
 */

#include "daemon/quarantine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/config/config.h"
#include "daemon/demand.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/log/log.h"
#include "daemon/object-parts.h"
#include "daemon/ring-look.h"
#include "daemon/scaling.h"
#include "daemon/stall.h"
#include "daemon/worker.h"
#include "shm/damage.h"
#include "shm/object.h"

static const char *class_name(const struct gang_object *object) {
        return object_class_name(object_class_of(object->geometry.kind));
}

/* ---- members ----------------------------------------------------------------------------------- */

static bool has_seat(const struct membership *m, const struct gang_object *object) {
        for (size_t i = 0; i < m->n_seats; i++)
                if (m->seats[i].object == object)
                        return true;
        return false;
}

/** The instance whose membership it is; NULL: it is nobody's (attached, or left over from an earlier configuration). */
static struct instance *holder(const struct gang_object *object, const struct membership *m) {
        struct instance *instance = instance_find(object->gang, m->name);

        return instance && &instance->membership == m ? instance : NULL;
}

const char *gang_object_members(const struct gang_object *object, bool strangers, char buf[OBJECT_MEMBERS_MAX]) {
        size_t length = 0, more = 0;

        buf[0] = '\0';
        list_for_each(it, &object->gang->objects.memberships) {
                const struct membership *m = list_entry(it, struct membership, link);

                if (!has_seat(m, object) || (strangers && holder(object, m)))
                        continue;
                if (length + strlen(m->name) + sizeof ", and 4294967295 more" > OBJECT_MEMBERS_MAX)
                        more++;
                else
                        length += (size_t)snprintf(buf + length, OBJECT_MEMBERS_MAX - length, "%s%s", length ? ", " : "", m->name);
        }
        if (more > 0)
                snprintf(buf + length, OBJECT_MEMBERS_MAX - length, " and %zu more", more);
        return buf;
}

/* ---- going in ---------------------------------------------------------------------------------- */

static void quarantine(struct gang_object *object, const struct damage *damage) {
        char names[OBJECT_MEMBERS_MAX], more[48] = "";

        snprintf(object->damage, sizeof object->damage, "%s", damage->text);
        gang_object_save(object);
        gang_object_members(object, false, names);
        if (damage->n > 1)
                snprintf(more, sizeof more, " (and %" PRIu32 " more)", damage->n - 1);
        if (!*names)
                snprintf(names, sizeof names, "nobody any more");
        log_error("%s '%s' is quarantined: %s%s; can be written by: %s", class_name(object), object->name,
                  object->damage, more, names);
        events_add(&object->gang->events, object->name, &(struct event){ .kind = EVENT_QUARANTINE },
                   "%s; can be written by: %s", object->damage, names);
}

void gang_object_inspect(struct gang_object *object) {
        struct damage damage;

        if (!object->gang->objects.settled || gang_object_is_quarantined(object) || fault_is("no-inspection"))
                return;
        if (object_inspect(object->shm, &damage))
                quarantine(object, &damage);
}

int gang_object_admits(const struct gang_object *object, struct error *error) {
        if (object->changing && !fault_is("start-amid-change"))
                return error_set(error, -EBUSY, "%s '%s' is changing just now", class_name(object), object->name);
        if (!gang_object_is_quarantined(object) || fault_is("hand-out-quarantined"))
                return 0;
        if (object->resetting)
                return error_set(error, -EUCLEAN, "%s '%s' is being reset", class_name(object), object->name);
        return error_set(error, -EUCLEAN, "%s '%s' is quarantined ('gangerctl reset' makes it anew): %s", class_name(object),
                         object->name, object->damage);
}

/* ---- coming out -------------------------------------------------------------------------------- */

void gang_object_restart_holders(struct gang_object *object) {
        list_for_each_safe(it, &object->gang->objects.memberships) {
                const struct membership *m = list_entry(it, struct membership, link);
                struct instance *instance = has_seat(m, object) ? holder(object, m) : NULL;

                if (instance && instance->wanted)
                        instance_restart(instance);
        }
}

int gang_object_reset(struct gang_object *object, struct error *error) {
        char names[OBJECT_MEMBERS_MAX];

        if (!gang_object_is_quarantined(object) || object->resetting)
                return 0;
        if (object->gang->stopping)
                return error_set(error, -EBUSY, "the daemon is stopping");
        gang_object_members(object, true, names);
        if (*names)
                return error_set(error, -EBUSY, "%s '%s': %s must end first, and is no instance that could be restarted",
                                 class_name(object), object->name, names);
        log_info("%s '%s' is being reset", class_name(object), object->name);
        object->resetting = true;
        gang_object_save(object);
        if (object->seats.n_taken == 0)
                gang_object_renew(object);
        else
                gang_object_restart_holders(object);
        return 0;
}

/** What is lost with it. It is damaged, so the numbers may be too. */
static void say_lost(const struct gang_object *object, char *buf, size_t size) {
        struct ring_counts counts;

        ring_count(object, &counts);
        if (object_class_of(object->geometry.kind) == CLASS_LOCK)
                snprintf(buf, size, "what it held is lost");
        else if (object->geometry.capacity > 0)
                snprintf(buf, size, "about %" PRIu32 " bytes of messages are lost", counts.used);
        else
                snprintf(buf, size, "about %" PRIu32 " messages are lost", counts.ready + counts.leased + counts.dead);
}

void gang_object_renew(struct gang_object *object) {
        struct error error = ERROR_NULL;
        char lost[sizeof object->renewed - 32];

        if (!object->resetting || object->seats.n_taken > 0 || !object->gang->objects.settled || object->gang->stopping)
                return;
        say_lost(object, lost, sizeof lost);
        object->resetting = false;
        fault_point("before-renew");
        if (gang_object_replace(object, &error) < 0)
                snprintf(object->renewed, sizeof object->renewed, "cannot be made anew: %.100s", error.text);
        else {
                object->damage[0] = '\0';
                snprintf(object->renewed, sizeof object->renewed, "made anew, empty: %s", lost);
        }
        fault_point("amid-renew");
        gang_object_save(object);
        gang_touch(object->gang);
}

/** What is watched of it is the memory that is gone. */
static void forget_watches(struct gang_object *object) {
        list_for_each(it, &object->gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (!worker_definition_uses(worker->definition, object->name))
                        continue;
                demand_forget(worker);
                scaling_forget(worker);
                stall_forget(worker);
        }
}

/** Those that were refused it, or that failed over it. What people have stopped stays so. */
static void start_who_waits(struct gang_object *object) {
        list_for_each(it, &object->gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                for (size_t i = 0; i < worker->n_instances && i < worker_count_target(worker); i++) {
                        struct instance *instance = worker->instances[i];

                        if (worker_definition_uses(instance_definition(instance), object->name) &&
                            (instance->state == INSTANCE_BACKOFF || instance->state == INSTANCE_FAILED))
                                instance_restart(instance);
                }
        }
}

void gang_objects_tell_renewed(struct gang_objects *objects) {
        list_for_each(it, &objects->list) {
                struct gang_object *object = list_entry(it, struct gang_object, link);
                char text[sizeof object->renewed];

                if (object->replaced)
                        forget_watches(object);
                object->replaced = false;
                if (!*object->renewed)
                        continue;
                snprintf(text, sizeof text, "%s", object->renewed);
                object->renewed[0] = '\0';
                log_warning("%s '%s': %s", class_name(object), object->name, text);
                if (!gang_object_is_quarantined(object))
                        start_who_waits(object);
                events_add(&objects->gang->events, object->name, &(struct event){ .kind = EVENT_RESET }, "%s", text);
        }
}
