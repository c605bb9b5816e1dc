/* SPDX-License-Identifier: MIT */

/*
 * The broadcast ring as an object: its memory, and its recovery
 *
 * A dead writer leaves nothing to put right but the writing end: what it had not published is not there for anybody,
 * and the next writer begins at the tail. A dead subscriber leaves its place, which must not stop the writer any
 * longer. Waking comes last, and always: a writer may have died between publishing and waking, a subscriber between
 * reading and waking.
 */

#include "shm/broadcast-object.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "shm/fault.h"
#include "shm/recover.h"

static bool is_power_of_two(uint32_t n) {
        return n != 0 && (n & (n - 1)) == 0;
}

static int broadcast_check(const struct geometry *g) {
        if (!is_power_of_two(g->capacity) || g->message_max == 0 || g->policy >= _BROADCAST_POLICY_N)
                return -EINVAL;
        if ((g->policy == BROADCAST_LOSSY) != (g->slots == 0))
                return -EINVAL;
        if (g->capacity < BROADCAST_CAPACITY_MIN)
                return -EINVAL;
        if (g->capacity > BROADCAST_CAPACITY_MAX || g->slots > BROADCAST_SUBSCRIBERS_MAX)
                return -E2BIG;
        return g->message_max > broadcast_message_limit(g->capacity) ? -E2BIG : 0;
}

static void broadcast_object_open(struct object *o) {
        broadcast_open(&o->broadcast, &o->region, 0, 0, o->event_fd);
}

static void broadcast_wake_receivers(struct object *o) {
        wait_wake_all(&o->broadcast.messages);
}

static void broadcast_wake_everybody(struct object *o) {
        wait_wake_all(&o->broadcast.messages);
        wait_wake_all(&o->broadcast.space);
}

/** Every message wakes all who wait for it, and only one waits for space: nobody's wake-up can be swallowed. */
static void broadcast_set_stopped(struct object *o, uint32_t n) {
        (void)o;
        (void)n;
}

/* ---- recovery ------------------------------------------------------------------------------------ */

static void free_writer(const struct seat *seat) {
        _Atomic uint32_t *writer = &seat->object->broadcast.published->writer;
        uint32_t owner = atomic_load_explicit(writer, memory_order_acquire);

        /* Release: partner is the acquire of the next claim. Nobody competes with us but somebody hostile. */
        if (seat_owns(seat, owner) && SHM_FAULT != FAULT_BROADCAST_WRITER_KEPT)
                atomic_compare_exchange_strong_explicit(writer, &owner, 0, memory_order_release, memory_order_relaxed);
}

static void free_subscribers(const struct seat *seat) {
        struct broadcast *b = &seat->object->broadcast;

        for (uint32_t i = 0; i < b->slots && SHM_FAULT != FAULT_BROADCAST_DEAD_KEPT; i++) {
                struct subscriber *s = &b->control->subscribers[i];

                if (seat_owns(seat, atomic_load_explicit(&s->owner, memory_order_acquire)))
                        subscriber_free(s);
        }
}

static void broadcast_recover(const struct seat *seat, const char *reason, struct recovery *ret) {
        struct broadcast *b = &seat->object->broadcast;

        (void)reason;
        (void)ret; /* nothing that was accepted is held by anybody */
        free_writer(seat);
        free_subscribers(seat);
        wait_forget(&b->messages, seat->first, seat->count);
        wait_forget(&b->space, seat->first, seat->count);
#if SHM_FAULT != FAULT_BROADCAST_NO_REWAKE
        wait_wake_all(&b->messages);
        wait_wake_all(&b->space);
#endif
}

static int copy_messages(struct broadcast *from, struct broadcast *to, void *buffer, size_t size) {
        struct view view;
        int r;

        while ((r = broadcast_receive(from, buffer, size, &view)) == 0) {
                void *place;

                if (view.size > to->message_max)
                        return -EMSGSIZE;
                r = broadcast_reserve(to, view.size, &place);
                if (r < 0)
                        return r == -EAGAIN ? -ENOSPC : r;
                broadcast_write(place, view.data, view.size);
                broadcast_append(to, view.size);
        }
        return r == -EAGAIN ? 0 : r;
}

/* What was kept is kept, for those who begin with the oldest; in a smaller ring, the newest of it. */
static int broadcast_move(const struct object *old, struct object *new) {
        _cleanup_(freep) void *buffer = malloc(old->region.geometry.message_max);
        struct broadcast from, to;
        int r;

        if (!buffer)
                return -ENOMEM;
        broadcast_open(&from, &old->region, 1, 0, -1);
        broadcast_open(&to, &new->region, 1, 0, -1);
        for (uint32_t i = 0; i < from.slots; i++)
                subscriber_free(&from.control->subscribers[i]);
        r = broadcast_subscribe(&from, true);
        if (r == 0)
                r = broadcast_claim(&to);
        if (r < 0)
                return r;
        r = copy_messages(&from, &to, buffer, from.message_max);
        broadcast_close(&to);
        return r;
}

const struct object_ops broadcast_object_ops = {
        .name = "broadcast",
        .check = broadcast_check,
        .memory_size = broadcast_memory_size,
        .shared_size = broadcast_shared_size,
        .open = broadcast_object_open,
        .recover = broadcast_recover,
        .inspect = broadcast_inspect,
        .wake_receivers = broadcast_wake_receivers,
        .wake_all = broadcast_wake_everybody,
        .set_stopped = broadcast_set_stopped,
        .move = broadcast_move,
};
