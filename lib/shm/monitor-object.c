/* SPDX-License-Identifier: MIT */

/*
 * The monitor as an object: its memory, and its recovery
 *
 * Order matters in recovery: lock and reservation of the dead come free, in one step each, before anybody is woken. It
 * wakes all that wait at any condition too, and always: a signal may have been spent on the dead one; or the dead one had
 * changed what they wait for, and had still to signal.
 */

#include "shm/monitor-object.h"

#include <errno.h>

#include "shm/damage.h"
#include "shm/fault.h"
#include "shm/recover.h"

/** A word that changes under recovery more often than this was not changed by anybody honest. */
#define RECOVER_TRIES 16

static int monitor_check(const struct geometry *g) {
        if (g->message_max != 0 || g->max_deliveries != 0 || g->capacity != 0 || g->policy != 0 ||
            g->dead_max != 0 || g->delay_msec != 0)
                return -EINVAL;
        return g->slots > MONITOR_CONDITIONS_MAX ? -E2BIG : 0;
}

static void monitor_object_open(struct object *o) {
        monitor_open(&o->monitor, &o->region, 0, 0, o->event_fd);
}

static void monitor_wake_receivers(struct object *o) {
        monitor_wake_conditions(&o->monitor);
}

static void monitor_wake_everybody(struct object *o) {
        monitor_wake_all(&o->monitor);
}

static void set_stopped(const struct waiting *w, uint32_t n) {
        if (atomic_load(&w->count->stopped) != n)
                wait_set_stopped(w, n);
}

static void monitor_set_stopped(struct object *o, uint32_t n) {
        set_stopped(&o->monitor.lock, n);
        for (uint32_t i = 0; i < o->monitor.conditions; i++) {
                struct waiting c = monitor_condition(&o->monitor, i);

                set_stopped(&c, n);
        }
}

/* ---- recovery ------------------------------------------------------------------------------------ */

/** Acquire, release: whoever has the lock next sees what the dead one did, as far as it came. */
static bool exchange(_Atomic uint64_t *p, uint64_t *expected, uint64_t next) {
        return atomic_compare_exchange_strong_explicit(p, expected, next, memory_order_acq_rel,
                                                       memory_order_acquire);
}

static void repair_lock(const struct seat *seat, struct recovery *ret) {
        _Atomic uint64_t *word = &seat->object->monitor.control->word;
        uint64_t w = atomic_load_explicit(word, memory_order_acquire);

#if SHM_FAULT == FAULT_TOLD_WRONGLY
        atomic_fetch_or(word, MONITOR_INCONSISTENT);
        w |= MONITOR_INCONSISTENT;
#endif
        for (unsigned int tries = 0; tries < RECOVER_TRIES; tries++) {
                uint64_t next = (w & ~MONITOR_OWNER) | MONITOR_INCONSISTENT;

                if (!seat_owns(seat, (uint32_t)(w & MONITOR_OWNER)))
                        return;
#if SHM_FAULT == FAULT_NOT_INCONSISTENT || SHM_FAULT == FAULT_RELEASE_THEN_MARK
                next &= ~MONITOR_INCONSISTENT;
#endif
                if (exchange(word, &w, next)) {
                        ret->locks++;
#if SHM_FAULT == FAULT_RELEASE_THEN_MARK
                        atomic_fetch_or(word, MONITOR_INCONSISTENT);
#endif
                        return;
                }
        }
}

static void repair_reservation(const struct seat *seat) {
        _Atomic uint64_t *reserved = &seat->object->monitor.control->reserved;
        uint64_t r = atomic_load_explicit(reserved, memory_order_acquire);

        if (SHM_FAULT != FAULT_RESERVED_KEPT && r <= MONITOR_OWNER && seat_owns(seat, (uint32_t)r))
                (void)exchange(reserved, &r, 0);
}

static void forget(const struct seat *seat) {
        struct monitor *m = &seat->object->monitor;

        wait_forget(&m->lock, seat->first, seat->count);
        for (uint32_t i = 0; i < m->conditions; i++) {
                struct waiting c = monitor_condition(m, i);

                wait_forget(&c, seat->first, seat->count);
        }
        for (uint32_t p = seat->first; p < seat->first + seat->count && p <= RING_PARTICIPANTS; p++)
                atomic_store_explicit(&m->control->thread[p], 0, memory_order_relaxed);
}

static void monitor_recover(const struct seat *seat, const char *reason, struct recovery *ret) {
        struct monitor *m = &seat->object->monitor;

        (void)reason; /* the next holder is told that, not why */
        repair_lock(seat, ret);
        repair_reservation(seat);
        forget(seat);
#if SHM_FAULT != FAULT_LOCK_NO_REWAKE
        wait_wake_all(&m->lock);
#endif
#if SHM_FAULT != FAULT_SIGNAL_DIES
        monitor_wake_conditions(m);
#endif
}

/* ---- damage -------------------------------------------------------------------------------------- */

static void monitor_inspect(const struct object *o, struct damage *ret) {
        const struct monitor_control *c = o->monitor.control;
        uint64_t w = atomic_load_explicit(&c->word, memory_order_acquire);
        uint64_t reserved = atomic_load_explicit(&c->reserved, memory_order_relaxed);
        uint32_t owner = (uint32_t)(w & MONITOR_OWNER);
        char text[DAMAGE_OWNER_MAX];

        if (owner != 0 && !damage_is_member(o, owner))
                damage_add(ret, "its word (0x%016llx) says that %s holds it, which nobody is", (unsigned long long)w,
                           damage_owner(text, owner));
        else if (w & MONITOR_UNRECOVERABLE && (owner != 0 || w & MONITOR_INCONSISTENT))
                damage_add(ret, "its word (0x%016llx) says that it is unrecoverable, and more", (unsigned long long)w);
        if (reserved != 0 && (reserved > MONITOR_OWNER || !damage_is_member(o, (uint32_t)reserved)))
                damage_add(ret, "it is reserved for 0x%llx, which nobody is", (unsigned long long)reserved);
        damage_check_waiters(ret, &c->lock, "those who wait for the lock");
        for (uint32_t i = 0; i < o->monitor.conditions; i++)
                damage_check_waiters(ret, &c->conditions[i], "those who wait for a condition");
}

const struct object_ops monitor_object_ops = {
        .name = "monitor",
        .check = monitor_check,
        .memory_size = monitor_memory_size,
        .open = monitor_object_open,
        .recover = monitor_recover,
        .inspect = monitor_inspect,
        .wake_receivers = monitor_wake_receivers,
        .wake_all = monitor_wake_everybody,
        .set_stopped = monitor_set_stopped,
};
