/* SPDX-License-Identifier: MIT */
/*
 * Successors: rings, services and locks whose form changes while they are in use
 *
 * That an object is to change stands in no record: the configuration says what it is to be, and its record what it is. So a
 * manager that dies before the change leaves one to its successor that has not begun yet.
 *
 * The change itself. What is in the object is moved into new memory, which nobody knows. That is stored with the keeper
 * beside the old one (CLASS/NAME/successor); then the record is written, of the new form, and says where the memory is:
 * that is the step at which the object changes. Then the memory takes the place of the old one, and the record says so. A
 * manager that dies before that step leaves the old object as it was, for nothing was taken out of it; after it, its
 * successor finds the new one.
 *
 * What is in it may have become too much meanwhile. Then the object stays as it is, and whoever waits for it gets it so;
 * it is tried again at the next reload, and by the next manager.
 */

#include "daemon/successor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "daemon/config/config.h"
#include "daemon/config/definition.h"
#include "daemon/gang.h"
#include "daemon/log/log.h"
#include "daemon/object-parts.h"
#include "daemon/quarantine.h"
#include "daemon/ring-look.h"
#include "daemon/worker.h"
#include "shm/object.h"
#include "shm/semaphore-posix.h"

/* ---- its memory -------------------------------------------------------------------------------- */

static int explain(int r, const struct geometry *geometry, struct error *error) {
        switch (r) {
        case -ENOSPC:
                return error_set(error, r, "what is in it does not fit");
        case -EMSGSIZE:
                return error_set(error, r, "a message in it is longer than %" PRIu32 " bytes", geometry->message_max);
        case -EBADMSG:
                return error_set(error, r, "its memory is damaged");
        default:
                return error_errno(error, r, "moving what is in it");
        }
}

/** @return the descriptor of the memory of a successor that has all that is in the object. */
static int make_memory(const struct gang_object *object, const struct geometry *geometry, struct error *error) {
        _cleanup_(region_unmap) struct region old = REGION_NULL, new = REGION_NULL;
        _cleanup_(closep) int fd = region_create(object->name, geometry);
        struct object from, to;
        int r;

        if (fd < 0)
                return error_errno(error, fd, "allocating %zu bytes", geometry_size(geometry));
        r = region_map_own(&new, fd, geometry);
        if (r >= 0)
                r = region_map_copy(&old, object->memory_fd, &object->geometry);
        if (r < 0)
                return error_errno(error, r, "mapping its memory");
        object_open(&from, &old, -1);
        object_open(&to, &new, -1);
        r = fault_is("forget-moving") ? 0 : object_move(&from, &to);
        return r < 0 ? explain(r, geometry, error) : TAKE_FD(fd);
}

/* ---- what can be refused ----------------------------------------------------------------------- */

static bool is_posix(const struct geometry *g) {
        return g->kind == OBJECT_SEMAPHORE && g->policy == SEMAPHORE_POSIX;
}

int successor_check(struct gang_object *object, const struct geometry *geometry, struct error *error) {
        struct geometry form = *geometry;
        char names[OBJECT_MEMBERS_MAX];
        struct error moving = ERROR_NULL;
        int fd;

        if (form.kind != object->geometry.kind)
                return error_set(error, -EOPNOTSUPP, "it exists as a %s; give the other one another name", object_kind_name(object));
        if (is_posix(&form) || is_posix(&object->geometry))
                return error_set(error, -EOPNOTSUPP, "other programs can have it open; give it another name, or restart the daemon");
        if (gang_object_is_quarantined(object))
                return error_set(error, -EUCLEAN, "it is quarantined; 'gangerctl reset' makes it anew");
        gang_object_members(object, true, names);
        if (*names)
                return error_set(error, -EBUSY, "%s must end first, and is no instance that could be restarted", names);
        /* Those that have it go on meanwhile, so what is found is not always all of a piece. */
        form.fences = !region_barrier_is_available();
        fd = make_memory(object, &form, &moving);
        if (fd < 0 && fd != -EBADMSG)
                return error_set(error, fd, "%s", moving.text);
        if (fd >= 0)
                close_fd(fd);
        return 0;
}

/* ---- what is to change ------------------------------------------------------------------------- */

static void set_changing(struct gang_object *object, bool changing) {
        object->gang->objects.n_changing += changing;
        object->gang->objects.n_changing -= object->changing;
        object->changing = changing;
}

void successor_plan(struct gang_object *object, const struct geometry *geometry) {
        if (gang_object_is_of(object, geometry)) {
                object->next = (struct geometry){ 0 };
                set_changing(object, false);
                return;
        }
        object->next = *geometry;
        set_changing(object, true);
}

void successors_plan(struct gang *gang, const struct config *config) {
        for (size_t i = 0; i < config->n_objects; i++) {
                struct geometry geometry = object_definition_geometry(config->objects[i]);
                struct gang_object *object = gang_object_find(&gang->objects, config->objects[i]->name);
                struct error error = ERROR_NULL;

                if (!object || object->changing)
                        continue;
                if (!gang_object_is_of(object, &geometry) && successor_check(object, &geometry, &error) < 0)
                        log_warning("'%s' stays as it is: %s", object->name, error.text);
                else
                        successor_plan(object, &geometry);
        }
}

void successors_begin(struct gang *gang) {
        list_for_each_safe(it, &gang->objects.list) {
                struct gang_object *object = list_entry(it, struct gang_object, link);

                if (!object->changing || object->removed)
                        continue;
                gang_object_restart_holders(object);
                successor_take_over(object);
        }
}

const char *successor_awaited(const struct gang *gang, const struct worker_definition *definition) {
        if (gang->objects.n_changing == 0 || fault_is("start-amid-change"))
                return NULL;
        list_for_each(it, &gang->objects.list) {
                const struct gang_object *object = list_entry(it, struct gang_object, link);

                if (object->changing && worker_definition_uses(definition, object->name))
                        return object->name;
        }
        return NULL;
}

/* ---- the change -------------------------------------------------------------------------------- */

/** Its memory is that of the successor: have it where that of every object is. May be done again. */
static void place(struct gang_object *object) {
        struct keeper_link *link = &object->gang->link;
        char name[OBJECT_STORED_MAX];
        _cleanup_(closep) int fd = -1;
        int r;

        /* Opened anew: a service manager keeps no open file under two names, and drops the second. */
        fd = fd_reopen(object->memory_fd);
        r = fd < 0 ? fd : keeper_link_store_lasting(link, gang_object_stored(name, object, "memory"), fd);
        if (r < 0) {
                log_error("'%s': cannot store its memory with the keeper: %s", object->name, strerror(-r));
                return; /* it is there under the other name, as its record says */
        }
        fault_point("successor-placed");
        object->beside = false;
        gang_object_save(object);
        keeper_link_drop(link, gang_object_stored(name, object, "successor"));
}

static int change(struct gang_object *object, struct error *error) {
        struct geometry geometry = object->next;
        char name[OBJECT_STORED_MAX];
        _cleanup_(closep) int fd = -1;
        int r;

        geometry.fences = !region_barrier_is_available();
        fd = make_memory(object, &geometry, error);
        if (fd < 0)
                return fd;
        r = keeper_link_store_lasting(&object->gang->link, gang_object_stored(name, object, "successor"), fd);
        if (r < 0)
                return error_errno(error, r, "storing its memory with the keeper");
        fault_point("successor-stored");
        r = gang_object_adopt(object, &geometry, TAKE_FD(fd));
        if (r < 0) {
                keeper_link_drop(&object->gang->link, name);
                return error_errno(error, r, "mapping its memory");
        }
        object->beside = true;
        gang_object_save(object);
        fault_point("successor-recorded");
        place(object);
        return 0;
}

void successor_take_over(struct gang_object *object) {
        struct gang *gang = object->gang;
        struct error error = ERROR_NULL;

        if (!object->changing || object->seats.n_taken > 0 || !gang->objects.settled || gang->stopping)
                return;
        set_changing(object, false);
        if (change(object, &error) < 0) {
                log_error("'%s' stays as it is: %s", object->name, error.text);
                events_add(&gang->events, object->name, &(struct event){ .kind = EVENT_RELOAD }, "stays as it is: %s", error.text);
        } else {
                object->next = (struct geometry){ 0 };
                log_info("'%s' is of another form now, and has what was in it", object->name);
                events_add(&gang->events, object->name, &(struct event){ .kind = EVENT_RELOAD },
                           "is of another form now, and has what was in it");
        }
        gang_touch(gang);
}

void successor_settle(struct gang_object *object) {
        struct error error = ERROR_NULL;

        if (object->beside)
                place(object);
        if (!object->changing || object->removed)
                return;
        if (successor_check(object, &object->next, &error) < 0) {
                log_warning("'%s' stays as it is: %s", object->name, error.text);
                set_changing(object, false);
                gang_touch(object->gang);
                return;
        }
        gang_object_restart_holders(object);
        successor_take_over(object);
}
