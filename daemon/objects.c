/* SPDX-License-Identifier: MIT */
/*
 * The table of objects: making them, keeping them with the keeper, taking them over, letting go of them
 *
 * Order when one is made: its descriptors are stored with the keeper first, then its record is written; so whatever
 * has a record can be mapped again. Order when it goes: the record first. What is left over between the two
 * is dropped by the next manager (keeper_link_drop_rest).
 *
 * Invariant: an object is unmapped only when no seat of it is taken.
 */

#include "daemon/objects.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/text.h"
#include "daemon/gang.h"
#include "daemon/holding.h"
#include "daemon/log/log.h"
#include "daemon/object-parts.h"
#include "daemon/quarantine.h"
#include "daemon/successor.h"
#include "shm/layout.h"
#include "shm/object.h"
#include "shm/semaphore-posix.h"

static const enum object_class classes[_OBJECT_KIND_N] = {
        [OBJECT_QUEUE] = CLASS_RING,
        [OBJECT_PIPE] = CLASS_RING,
        [OBJECT_BROADCAST] = CLASS_RING,
        [OBJECT_SERVICE] = CLASS_SERVICE,
        [OBJECT_SEMAPHORE] = CLASS_LOCK,
        [OBJECT_MONITOR] = CLASS_LOCK,
        [OBJECT_COUNTER] = CLASS_LOCK,
};

enum object_class object_class_of(enum object_kind kind) {
        return classes[kind];
}

const char *object_class_name(enum object_class class) {
        static const char *const names[_OBJECT_CLASS_N] = {
                [CLASS_RING] = "ring", [CLASS_SERVICE] = "service", [CLASS_LOCK] = "lock",
        };

        return names[class];
}

const char *object_kind_name(const struct gang_object *object) {
        if (object->geometry.kind == OBJECT_MONITOR && object->geometry.slots == 0)
                return "mutex";
        return object->shm->ops->name;
}

/* "ring": what an object is called in errors, and where it is with the keeper. */
static const char *class_name(const struct gang_object *object) {
        return object_class_name(object_class_of(object->geometry.kind));
}

/* A semaphore that programs share who know only sem_t. */
static bool has_posix_name(const struct gang_object *object) {
        return object->geometry.kind == OBJECT_SEMAPHORE && object->geometry.policy == SEMAPHORE_POSIX;
}

void gang_objects_init(struct gang_objects *objects, struct gang *gang) {
        *objects = (struct gang_objects){ .gang = gang, .next_attachment = 1 };
        list_init(&objects->list);
        list_init(&objects->attachments);
        list_init(&objects->memberships);
        list_init(&objects->holdings);
}

static struct gang_object *gang_object_free(struct gang_object *object) {
        if (object->gang)
                map_remove(&object->gang->objects.by_name, &object->node);
        list_unlink(&object->link);
        if (object->shm)
                region_unmap(&object->shm->region);
        free(object->shm);
        close_fd(object->memory_fd);
        close_fd(object->event_fd);
        free(object->name);
        free(object);
        return NULL;
}
DEFINE_CLEANUP(struct gang_object *, gang_object_free)

void gang_objects_done(struct gang_objects *objects) {
        holdings_done(objects);
        list_for_each_safe(it, &objects->list) {
                struct gang_object *object = list_entry(it, struct gang_object, link);

                if (objects->gang->stopping && has_posix_name(object))
                        (void)semaphore_posix_remove(object->name);
                gang_object_free(object);
        }
        map_done(&objects->by_name);
}

/* It is written down and stored no more. */
static void gang_object_unrecord(struct gang_object *object) {
        struct gang *gang = object->gang;
        char name[OBJECT_STORED_MAX];

        state_erase(&gang->state, &object->state_slot);
        keeper_link_drop(&gang->link, gang_object_stored(name, object, "memory"));
        keeper_link_drop(&gang->link, gang_object_stored(name, object, "event"));
}

/* A semaphore with a name loses that. */
void gang_objects_leave(struct gang_objects *objects) {
        list_for_each(it, &objects->list) {
                struct gang_object *object = list_entry(it, struct gang_object, link);

                if (has_posix_name(object))
                        gang_object_unrecord(object);
        }
}

struct gang_object *gang_object_find(struct gang_objects *objects, const char *name) {
        struct map_node *node = map_find(&objects->by_name, name);
        struct gang_object *object = node ? map_entry(node, struct gang_object, node) : NULL;

        return object && !object->removed ? object : NULL;
}

struct gang_object *gang_object_find_class(struct gang_objects *objects, const char *name, enum object_class class) {
        struct gang_object *object = gang_object_find(objects, name);

        return object && object_class_of(object->geometry.kind) == class ? object : NULL;
}

const char *gang_object_stored(char buf[OBJECT_STORED_MAX], const struct gang_object *object, const char *what) {
        snprintf(buf, OBJECT_STORED_MAX, "%s/%s/%s", class_name(object), object->name, what);
        return buf;
}

void gang_object_save(struct gang_object *object) {
        Ganger__State__ObjectState record = GANGER__STATE__OBJECT_STATE__INIT;
        const struct geometry *g = &object->geometry;
        int r;

        record.name = object->name;
        record.kind = g->kind;
        record.slots = g->slots;
        record.message_max = g->message_max;
        record.max_deliveries = g->max_deliveries;
        record.capacity = g->capacity;
        record.policy = g->policy;
        record.dead_max = g->dead_max;
        record.delay_msec = g->delay_msec;
        record.slot_size = g->slot_size;
        record.heap = g->heap;
        record.fences = g->fences;
        record.next_generation = object->seats.next_generation;
        record.layout = REGION_LAYOUT_VERSION;
        record.damage = object->damage;
        record.resetting = object->resetting;
        record.beside = object->beside;
        r = state_write_message(&object->gang->state, &object->state_slot, STATE_OBJECT, &record.base);
        if (r < 0)
                log_error("%s '%s': cannot write its record: %s", class_name(object), object->name, strerror(-r));
}

static struct geometry recorded_geometry(const Ganger__State__ObjectState *record) {
        return (struct geometry){
                .kind = (enum object_kind)record->kind,
                .slots = record->slots,
                .message_max = record->message_max,
                .max_deliveries = record->max_deliveries,
                .capacity = record->capacity,
                .policy = record->policy,
                .dead_max = record->dead_max,
                .delay_msec = record->delay_msec,
                .slot_size = record->slot_size,
                .heap = record->heap,
                .fences = record->fences,
        };
}

/* @param geometry  sound. */
static int gang_object_new(struct gang_object **ret, struct gang_objects *objects, const char *name,
                           const struct geometry *geometry) {
        _cleanup_(gang_object_freep) struct gang_object *object = calloc(1, sizeof *object);
        int r;

        if (!object)
                return -ENOMEM;
        object->memory_fd = object->event_fd = -1;
        object->state_slot = STATE_SLOT_NONE;
        object->geometry = *geometry;
        list_init(&object->link);
        seats_init(&object->seats);
        object->name = strdup(name);
        object->shm = calloc(1, sizeof *object->shm);
        if (!object->name || !object->shm)
                return -ENOMEM;
        r = map_add(&objects->by_name, &object->node, object->name);
        if (r < 0)
                return r;
        object->gang = objects->gang;
        list_append(&objects->list, &object->link);
        *ret = TAKE(object);
        return 0;
}

/* @param own  it was made with this layout: what its header says by now does not matter. */
static int gang_object_map(struct gang_object *object, bool own) {
        struct region region;
        int r = own ? region_map_own(&region, object->memory_fd, &object->geometry)
                    : region_map(&region, object->memory_fd, &object->geometry);

        if (r < 0)
                return r;
        object->memory_size = region.size;
        object_open(object->shm, &region, object->event_fd);
        object->shm->seats = &object->seats;
        return 0;
}

/* Its name may be taken, by a daemon that was killed; then nobody has it any more, and it is ours. */
static int make_posix_semaphore(const struct gang_object *object, struct error *error) {
        const char *name = object->name;
        int fd = semaphore_posix_create(name, object->geometry.slots), r;

        if (fd == -EEXIST) {
                r = fault_is("take-posix-name") ? semaphore_posix_remove(name) : semaphore_posix_discard(name);
                if (r == -EBUSY)
                        return error_set(error, r, "the POSIX semaphore '/%s' is in use, by another gang or by processes that "
                                         "one has left", name);
                if (r == -EPERM)
                        return error_set(error, -EEXIST, "there is a POSIX semaphore '/%s' already, which is not ours; if "
                                         "nobody uses it, remove /dev/shm/sem.%s", name, name);
                if (r == 0)
                        log_warning("semaphore '%s': replaces the POSIX semaphore that a killed daemon has left", name);
                fd = semaphore_posix_create(name, object->geometry.slots);
        }
        return fd < 0 ? error_errno(error, fd, "making the POSIX semaphore '/%s'", name) : fd;
}

/* The descriptor for pollers; of a semaphore with a name for sem_open(3), the file of that instead. */
static int gang_object_make_event(struct gang_object *object, struct error *error) {
        if (has_posix_name(object)) {
                object->event_fd = make_posix_semaphore(object, error);
                return object->event_fd < 0 ? object->event_fd : 0;
        }
        object->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
        return object->event_fd < 0 ? error_errno(error, -errno, "eventfd") : 0;
}

/* Its memory, its descriptor for pollers, and both of them with the keeper. */
static int gang_object_make(struct gang_object *object, struct error *error) {
        struct keeper_link *link = &object->gang->link;
        char name[OBJECT_STORED_MAX];
        int r;

        object->geometry.fences = !region_barrier_is_available();
        object->memory_fd = region_create(object->name, &object->geometry);
        if (object->memory_fd < 0)
                return error_errno(error, object->memory_fd, "allocating %zu bytes", geometry_size(&object->geometry));
        r = gang_object_make_event(object, error);
        if (r < 0)
                return r;
        r = gang_object_map(object, true);
        if (r < 0)
                return error_errno(error, r, "mapping its memory");
        r = keeper_link_store_lasting(link, gang_object_stored(name, object, "memory"), object->memory_fd);
        if (r >= 0)
                r = keeper_link_store_lasting(link, gang_object_stored(name, object, "event"), object->event_fd);
        if (r < 0)
                return error_errno(error, r, "storing its memory with the keeper");
        return 0;
}

int gang_object_replace(struct gang_object *object, struct error *error) {
        struct region old = object->shm->region;
        int memory_fd = object->memory_fd, event_fd = object->event_fd, r;

        if (has_posix_name(object))
                (void)semaphore_posix_remove(object->name); /* who has it open keeps it */
        object->memory_fd = object->event_fd = -1;
        r = gang_object_make(object, error);
        if (r < 0) {
                if (object->shm->region.base != old.base)
                        region_unmap(&object->shm->region);
                close_fd(object->memory_fd);
                close_fd(object->event_fd);
                object->memory_fd = memory_fd;
                object->event_fd = event_fd;
                object_open(object->shm, &old, event_fd);
                object->shm->seats = &object->seats;
                return r;
        }
        object->replaced = true;
        region_unmap(&old);
        close_fd(memory_fd);
        close_fd(event_fd);
        return 0;
}

static bool is_same(const struct geometry *a, const struct geometry *b) {
        return a->kind == b->kind && a->slots == b->slots && a->message_max == b->message_max &&
               a->max_deliveries == b->max_deliveries && a->capacity == b->capacity && a->policy == b->policy &&
               a->dead_max == b->dead_max && a->delay_msec == b->delay_msec && a->slot_size == b->slot_size &&
               a->heap == b->heap;
}

bool gang_object_is_of(const struct gang_object *object, const struct geometry *geometry) {
        return is_same(&object->geometry, geometry);
}

int gang_object_adopt(struct gang_object *object, const struct geometry *geometry, int fd) {
        struct geometry old_geometry = object->geometry;
        struct region old = object->shm->region;
        int old_fd = object->memory_fd, r;

        object->geometry = *geometry;
        object->memory_fd = fd;
        r = gang_object_map(object, true);
        if (r < 0) {
                object->geometry = old_geometry;
                object->memory_fd = old_fd;
                close_fd(fd);
                return r;
        }
        object->replaced = true;
        region_unmap(&old);
        close_fd(old_fd);
        return 0;
}

/* Before a take-over is complete nobody can tell whether it can become that. */
static int become(struct gang_object *object, const struct geometry *geometry, struct error *error) {
        struct error why = ERROR_NULL;

        if (object->gang->objects.settled && successor_check(object, geometry, &why) < 0)
                return error_set(error, -EEXIST, "%s '%s': exists with another geometry: %s", class_name(object), object->name,
                                 why.text);
        successor_plan(object, geometry);
        return 0;
}

static int gang_object_add_again(struct gang_objects *objects, struct gang_object *object,
                                 const struct geometry *geometry, struct error *error) {
        int r = is_same(&object->geometry, geometry) ? 0 : become(object, geometry, error);

        if (r < 0)
                return r;
        object->removed = false;
        list_unlink(&object->link);
        list_append(&objects->list, &object->link);
        return 0;
}

int gang_object_add(struct gang_objects *objects, const char *name, const struct geometry *geometry,
                    struct error *error) {
        struct map_node *node = map_find(&objects->by_name, name);
        _cleanup_(gang_object_freep) struct gang_object *object = NULL;
        int r;

        if (node)
                return gang_object_add_again(objects, map_entry(node, struct gang_object, node), geometry, error);
        r = gang_object_new(&object, objects, name, geometry);
        if (r < 0)
                return error_errno(error, r, "'%s'", name);
        r = gang_object_make(object, error);
        if (r < 0)
                return error_prefix(error, "%s '%s'", class_name(object), name);
        gang_object_save(object);
        TAKE(object);
        return 0;
}

/* @param beside  it is that of a successor, which may or may not have got to its place. */
static int take_memory(struct gang_object *object, bool beside) {
        struct keeper_link *link = &object->gang->link;
        char name[OBJECT_STORED_MAX];
        int fd = keeper_link_take(link, gang_object_stored(name, object, "memory")), successor;

        if (!beside)
                return fd;
        successor = keeper_link_take(link, gang_object_stored(name, object, "successor"));
        if (successor < 0)
                return fd;
        object->beside = true;
        close_fd(fd);
        return successor;
}

int gang_object_restore(struct gang_objects *objects, const Ganger__State__ObjectState *record, uint32_t state_slot) {
        _cleanup_(gang_object_freep) struct gang_object *object = NULL;
        struct geometry geometry = recorded_geometry(record);
        char name[OBJECT_STORED_MAX];
        int r;

        r = geometry_check(&geometry); /* before anything looks up its kind */
        if (r < 0)
                return r;
        r = gang_object_new(&object, objects, record->name, &geometry);
        if (r < 0)
                return r;
        object->seats.next_generation = record->next_generation;
        object->removed = true;
        object->memory_fd = take_memory(object, record->beside);
        if (object->memory_fd < 0)
                return object->memory_fd;
        object->event_fd = keeper_link_take(&objects->gang->link, gang_object_stored(name, object, "event"));
        if (object->event_fd < 0)
                return object->event_fd;
        r = gang_object_map(object, record->layout == REGION_LAYOUT_VERSION);
        if (r < 0)
                return r;
        snprintf(object->damage, sizeof object->damage, "%s", record->damage);
        object->resetting = record->resetting;
        object->shm->ops->wake_all(object->shm);
        object->state_slot = state_slot;
        TAKE(object);
        return 0;
}

void gang_object_collect(struct gang_object *object) {
        if (object->seats.n_taken > 0)
                return;
        if (!object->removed) {
                gang_object_renew(object);
                successor_take_over(object);
                return;
        }
        gang_object_unrecord(object);
        if (has_posix_name(object))
                (void)semaphore_posix_remove(object->name);
        gang_object_free(object);
}

void gang_object_remove(struct gang_object *object) {
        object->removed = true;
        successor_plan(object, &object->geometry);
        gang_object_collect(object);
}

void gang_object_tell_frozen(struct gang_object *object) {
        object->shm->ops->set_stopped(object->shm, object->n_frozen);
}

void gang_objects_settle(struct gang_objects *objects) {
        objects->settled = true;
        list_for_each_safe(it, &objects->list) {
                struct gang_object *object = list_entry(it, struct gang_object, link);

                gang_object_tell_frozen(object);
                gang_object_inspect(object);
                successor_settle(object);
                gang_object_collect(object);
        }
}

void gang_objects_tell_deadlock(struct gang_objects *objects, const struct gang_object *lock, const char *text) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

        for (const char *p = text; *p; p++)
                hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
        for (size_t i = 0; i < DEADLOCKS_TOLD; i++)
                if (objects->told[i] == hash)
                        return;
        objects->told[objects->n_told++ % DEADLOCKS_TOLD] = hash;
        events_add(&objects->gang->events, lock->name, &(struct event){ .kind = EVENT_DEADLOCK }, "%s", text);
}
