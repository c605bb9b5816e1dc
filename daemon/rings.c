/* SPDX-License-Identifier: MIT */
/*
 * The table of rings: making them, keeping them with the keeper, taking them over, letting go of them
 *
 * Order when one is made: its descriptors are stored with the keeper first, then its record is written; so whatever
 * has a record can be mapped again. Order when it goes: the record first. What is left over between the two
 * is dropped by the next manager (keeper_link_drop_rest).
 *
 * Invariant: a ring is unmapped only when no seat of it is taken.
 */

#include "daemon/rings.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "daemon/gang.h"
#include "daemon/log/log.h"
#include "daemon/ring-memory.h"

#define STORED_NAME_MAX (NAME_LENGTH_MAX + 32)

void rings_init(struct rings *rings, struct gang *gang) {
        *rings = (struct rings){ .gang = gang, .next_attachment = 1 };
        list_init(&rings->list);
        list_init(&rings->attachments);
        list_init(&rings->memberships);
}

static struct ring *ring_free(struct ring *ring) {
        if (ring->gang)
                map_remove(&ring->gang->rings.by_name, &ring->node);
        list_unlink(&ring->link);
        if (ring->memory)
                region_unmap(&ring->memory->object.region);
        free(ring->memory);
        close_fd(ring->memory_fd);
        close_fd(ring->event_fd);
        free(ring->name);
        free(ring);
        return NULL;
}
DEFINE_CLEANUP(struct ring *, ring_free)

void rings_done(struct rings *rings) {
        list_for_each_safe(it, &rings->list)
                ring_free(list_entry(it, struct ring, link));
        map_done(&rings->by_name);
}

struct ring *ring_find(struct rings *rings, const char *name) {
        struct map_node *node = map_find(&rings->by_name, name);
        struct ring *ring = node ? map_entry(node, struct ring, node) : NULL;

        return ring && !ring->removed ? ring : NULL;
}

size_t rings_count(const struct rings *rings) {
        size_t n = 0;

        list_for_each(it, &rings->list)
                n += !list_entry(it, struct ring, link)->removed;
        return n;
}

static struct geometry ring_geometry(const struct ring *ring) {
        return (struct geometry){
                .kind = OBJECT_QUEUE,
                .slots = ring->slots,
                .message_max = ring->slot_size,
                .max_deliveries = ring->max_deliveries,
                .fences = ring->fences,
        };
}

static const char *stored_name(char *buf, const struct ring *ring, const char *what) {
        snprintf(buf, STORED_NAME_MAX, "ring/%s/%s", ring->name, what);
        return buf;
}

void ring_save(struct ring *ring) {
        Ganger__State__RingState record = GANGER__STATE__RING_STATE__INIT;
        int r;

        record.name = ring->name;
        record.slots = ring->slots;
        record.slot_size = ring->slot_size;
        record.max_deliveries = ring->max_deliveries;
        record.next_generation = ring->seats.next_generation;
        record.fences = ring->fences;
        r = state_write_message(&ring->gang->state, &ring->state_slot, STATE_RING, &record.base);
        if (r < 0)
                log_error("ring '%s': cannot write its record: %s", ring->name, strerror(-r));
}

static int ring_new(struct ring **ret, struct rings *rings, const char *name) {
        _cleanup_(ring_freep) struct ring *ring = calloc(1, sizeof *ring);
        int r;

        if (!ring)
                return -ENOMEM;
        ring->memory_fd = ring->event_fd = -1;
        ring->state_slot = STATE_SLOT_NONE;
        list_init(&ring->link);
        seats_init(&ring->seats);
        ring->name = strdup(name);
        ring->memory = calloc(1, sizeof *ring->memory);
        if (!ring->name || !ring->memory)
                return -ENOMEM;
        r = map_add(&rings->by_name, &ring->node, ring->name);
        if (r < 0)
                return r;
        ring->gang = rings->gang;
        list_append(&rings->list, &ring->link);
        *ret = TAKE(ring);
        return 0;
}

static int ring_map(struct ring *ring) {
        struct geometry geometry = ring_geometry(ring);
        struct region region;
        int r = region_map(&region, ring->memory_fd, &geometry);

        if (r < 0)
                return r;
        ring->memory_size = region.size;
        object_open(&ring->memory->object, &region, ring->event_fd);
        return 0;
}

/* Its memory, its descriptor for pollers, and both of them with the keeper. */
static int ring_make(struct ring *ring, struct error *error) {
        struct keeper_link *link = &ring->gang->link;
        struct geometry geometry;
        char name[STORED_NAME_MAX];
        int r;

        ring->fences = !region_barrier_is_available();
        geometry = ring_geometry(ring);
        ring->memory_fd = region_create(ring->name, &geometry);
        if (ring->memory_fd < 0)
                return error_errno(error, ring->memory_fd, "allocating %zu bytes", geometry_size(&geometry));
        ring->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
        if (ring->event_fd < 0)
                return error_errno(error, -errno, "eventfd");
        r = ring_map(ring);
        if (r < 0)
                return error_errno(error, r, "mapping its memory");
        r = keeper_link_store(link, stored_name(name, ring, "memory"), ring->memory_fd);
        if (r >= 0)
                r = keeper_link_store(link, stored_name(name, ring, "event"), ring->event_fd);
        if (r < 0)
                return error_errno(error, r, "storing its memory with the keeper");
        return 0;
}

static bool ring_has_geometry(const struct ring *ring, uint32_t slots, uint32_t slot_size, uint32_t max_deliveries) {
        return ring->slots == slots && ring->slot_size == slot_size && ring->max_deliveries == max_deliveries;
}

static int ring_add_again(struct rings *rings, struct ring *ring, uint32_t slots, uint32_t slot_size,
                          uint32_t max_deliveries, struct error *error) {
        if (!ring_has_geometry(ring, slots, slot_size, max_deliveries))
                return error_set(error, -EEXIST, "ring '%s': exists with another geometry", ring->name);
        ring->removed = false;
        list_unlink(&ring->link);
        list_append(&rings->list, &ring->link);
        return 0;
}

int ring_add(struct rings *rings, const char *name, uint32_t slots, uint32_t slot_size, uint32_t max_deliveries,
             struct error *error) {
        struct map_node *node = map_find(&rings->by_name, name);
        _cleanup_(ring_freep) struct ring *ring = NULL;
        int r;

        if (node)
                return ring_add_again(rings, map_entry(node, struct ring, node), slots, slot_size, max_deliveries,
                                      error);
        r = ring_new(&ring, rings, name);
        if (r < 0)
                return error_errno(error, r, "ring '%s'", name);
        ring->slots = slots;
        ring->slot_size = slot_size;
        ring->max_deliveries = max_deliveries;
        r = ring_make(ring, error);
        if (r < 0)
                return error_prefix(error, "ring '%s'", name);
        ring_save(ring);
        TAKE(ring);
        return 0;
}

int ring_restore(struct rings *rings, const Ganger__State__RingState *record, uint32_t state_slot) {
        _cleanup_(ring_freep) struct ring *ring = NULL;
        char name[STORED_NAME_MAX];
        int r;

        r = ring_new(&ring, rings, record->name);
        if (r < 0)
                return r;
        ring->slots = record->slots;
        ring->slot_size = record->slot_size;
        ring->max_deliveries = record->max_deliveries;
        ring->fences = record->fences;
        ring->seats.next_generation = record->next_generation;
        ring->removed = true;
        ring->memory_fd = keeper_link_take(&rings->gang->link, stored_name(name, ring, "memory"));
        if (ring->memory_fd < 0)
                return ring->memory_fd;
        ring->event_fd = keeper_link_take(&rings->gang->link, stored_name(name, ring, "event"));
        if (ring->event_fd < 0)
                return ring->event_fd;
        r = ring_map(ring);
        if (r < 0)
                return r;
        ring->memory->object.ops->wake_all(&ring->memory->object);
        ring->state_slot = state_slot;
        TAKE(ring);
        return 0;
}

void ring_collect(struct ring *ring) {
        struct gang *gang = ring->gang;
        char name[STORED_NAME_MAX];

        if (!ring->removed || ring->seats.n_taken > 0)
                return;
        state_erase(&gang->state, &ring->state_slot);
        keeper_link_drop(&gang->link, stored_name(name, ring, "memory"));
        keeper_link_drop(&gang->link, stored_name(name, ring, "event"));
        ring_free(ring);
}

void ring_remove(struct ring *ring) {
        ring->removed = true;
        ring_collect(ring);
}

void ring_tell_frozen(struct ring *ring) {
        ring->memory->object.ops->set_stopped(&ring->memory->object, ring->n_frozen);
}

void rings_settle(struct rings *rings) {
        list_for_each_safe(it, &rings->list) {
                struct ring *ring = list_entry(it, struct ring, link);

                ring_tell_frozen(ring);
                ring_collect(ring);
        }
}
