/* SPDX-License-Identifier: MIT */

/*
 * The table of kinds
 */

#include "shm/object.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "shm/counter-object.h"
#include "shm/layout.h"
#include "shm/monitor-object.h"
#include "shm/pipe-object.h"
#include "shm/broadcast-object.h"
#include "shm/queue-object.h"
#include "shm/semaphore-object.h"
#include "shm/service-object.h"
#include "shm/sys.h"

static const struct object_ops *const kinds[] = {
        [OBJECT_QUEUE] = &queue_object_ops,
        [OBJECT_SERVICE] = &service_object_ops,
        [OBJECT_SEMAPHORE] = &semaphore_object_ops,
        [OBJECT_COUNTER] = &counter_object_ops,
        [OBJECT_MONITOR] = &monitor_object_ops,
        [OBJECT_PIPE] = &pipe_object_ops,
        [OBJECT_BROADCAST] = &broadcast_object_ops,
};

const struct object_ops *object_ops_find(enum object_kind kind) {
        return (size_t)kind < ARRAY_SIZE(kinds) ? kinds[kind] : NULL;
}

int geometry_check(const struct geometry *g) {
        const struct object_ops *ops = object_ops_find(g->kind);

        /* Nothing but a queue has a heap. */
        if (!ops || (g->kind != OBJECT_QUEUE && (g->slot_size != 0 || g->heap != 0)))
                return -EINVAL;
        return ops->check(g);
}

size_t geometry_size(const struct geometry *g) {
        const struct object_ops *ops = object_ops_find(g->kind);

        return ops ? ops->memory_size(g) : 0;
}

size_t geometry_shared_size(const struct geometry *g) {
        const struct object_ops *ops = object_ops_find(g->kind);

        return ops && ops->shared_size ? ops->shared_size(g) : geometry_size(g);
}

void region_header_fill(struct region_header *ret, const struct geometry *g) {
        *ret = (struct region_header){
                .magic = REGION_MAGIC,
                .layout_version = REGION_LAYOUT_VERSION,
                .kind = g->kind,
                .slots = g->slots,
                .message_max = g->message_max,
                .max_deliveries = g->max_deliveries,
                .capacity = g->capacity,
                .policy = g->policy,
                .participants = RING_PARTICIPANTS,
                .slot_size = g->slot_size,
                .heap = g->heap,
        };
}

int object_move(const struct object *from, struct object *to) {
        if (from->ops != to->ops)
                return -EINVAL;
        return from->ops->move ? from->ops->move(from, to) : 0;
}

void object_open(struct object *o, const struct region *region, int event_fd) {
        const struct object_ops *ops = object_ops_find(region->geometry.kind);

        assert(ops); /* the region is sound */
        *o = (struct object){ .ops = ops, .region = *region, .event_fd = event_fd };
        ops->open(o);
}

void object_wake_held(struct object *o) {
        enum object_kind kind = o->region.geometry.kind;

        o->ops->wake_receivers(o);
        /* Nobody polls at a lock before it is announced; and that of a POSIX semaphore is its file. */
        if (kind == OBJECT_QUEUE || kind == OBJECT_PIPE || kind == OBJECT_BROADCAST || kind == OBJECT_SERVICE)
                sys_event_post(o->event_fd);
}
