/* SPDX-License-Identifier: MIT */

/*
 * Counters as an object: nobody waits for them, and a dead one leaves nothing half done
 */

#include "shm/counter-object.h"

#include <errno.h>

#include "base/cleanup.h"
#include "shm/damage.h"

static int counter_check(const struct geometry *g) {
        if (g->slots == 0 || g->policy || g->message_max || g->max_deliveries || g->capacity || g->dead_max || g->delay_msec)
                return -EINVAL;
        return g->slots > COUNTERS_MAX ? -E2BIG : 0;
}

static void counter_object_open(struct object *o) {
        counter_open(&o->counter, &o->region, 0);
}

static void counter_recover(const struct seat *seat, const char *reason, struct recovery *ret) {
        (void)seat;
        (void)reason;
        (void)ret;
}

/** So many changes nobody makes, were he to do nothing else for three years. */
#define CHANGES_MAX (UINT64_C(1) << 51)

/**
 * A word that was never changed names nobody's cell, and one that was, the cell of a participant, dead or alive. A value
 * looks like any other.
 */
static void counter_inspect(const struct object *o, struct damage *ret) {
        for (uint32_t i = 0; i < o->counter.n; i++) {
                uint64_t w = atomic_load_explicit(&o->counter.words[i].word, memory_order_relaxed);

                if (w != 0 && (w < COUNTER_CHANGE || w / COUNTER_CHANGE >= CHANGES_MAX || (w & RING_PARTICIPANTS) == 0))
                        damage_add(ret, "counter %u: its word is 0x%016llx, which is nobody's change", i,
                                   (unsigned long long)w);
        }
}

static void counter_wake(struct object *o) {
        (void)o;
}

static void counter_set_stopped(struct object *o, uint32_t n) {
        (void)o;
        (void)n;
}

/* Those that there are no more are gone, with what they had. */
static int counter_move(const struct object *old, struct object *new) {
        struct counter to;
        int64_t value;
        int r = 0;

        counter_open(&to, &new->region, 1);
        for (uint32_t i = 0; i < MIN(old->counter.n, to.n) && r == 0; i++) {
                r = counter_get(&old->counter, i, &value);
                if (r == 0 && value != 0)
                        r = counter_set(&to, i, value);
        }
        return r;
}

const struct object_ops counter_object_ops = {
        .name = "counter",
        .check = counter_check,
        .memory_size = counter_memory_size,
        .open = counter_object_open,
        .recover = counter_recover,
        .inspect = counter_inspect,
        .wake_receivers = counter_wake,
        .wake_all = counter_wake,
        .set_stopped = counter_set_stopped,
        .move = counter_move,
};
