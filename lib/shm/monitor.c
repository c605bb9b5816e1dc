/* SPDX-License-Identifier: MIT */

/*
 * The monitor
 *
 * Linearisation points: lock: its compare-and-swap; unlock, consistent: their store; the wait for a condition: its
 * unlock; signal and broadcast: the load that finds nobody, or the step of the condition's event.
 *
 * Memory orders. What a holder did is published by the release of its unlock, or of recovery; partner is the acquire of the
 * next lock. Unlock and those who wait for it are a Dekker pair: the word is stored before the summary of sleepers and
 * `reserved` are read, and they are written before the word is read; the barrier between is the waiter's, in
 * wait_announce(). A condition needs none: its waiter is announced before it unlocks, and whoever changes the state that
 * it waits for has locked after that, or else the waiter saw the change.
 *
 * Everything read from shared memory is read once, and bounded before use.
 */

#include "shm/monitor.h"

#include <unistd.h>

#include "shm/sys.h"

#define SLOW __attribute__((__noinline__, __cold__))

/** Races that one attempt may lose while it finds the lock free each time; then it counts as taken. */
#define TRIES 16
/** Wake-ups in vain before one reserves the lock. */
#define PATIENCE 4

static size_t align_up(size_t n, size_t to) {
        return (n + to - 1) / to * to;
}

static size_t control_offset(void) {
        return align_up(sizeof(struct region_header), CACHE_LINE);
}

size_t monitor_memory_size(const struct geometry *g) {
        return align_up(control_offset() + sizeof(struct monitor_control) + g->slots * sizeof(struct eventcount),
                        REGION_PAGE);
}

void monitor_open(struct monitor *m, const struct region *region, uint32_t participant, uint32_t generation, int event_fd) {
        *m = (struct monitor){
                .control = (void *)((unsigned char *)region->base + control_offset()),
                .owner = owner_make(participant, generation),
                .conditions = region->geometry.slots,
                .patience = PATIENCE,
        };
        m->lock = (struct waiting){
                .count = &m->control->lock, .event_fd = event_fd, .fences = region->geometry.fences, .watched = true,
        };
        wait_spin_init(&m->spin);
        m->condition_spin = m->spin;
}

void monitor_tell_thread(struct monitor *m) {
        m->thread_known = true;
        atomic_store_explicit(&m->control->thread[owner_participant((uint32_t)m->owner)], (uint32_t)gettid(),
                              memory_order_relaxed);
}

/* ---- the lock ------------------------------------------------------------------------------------ */

/** Is it to be left to somebody else? Not while anybody is stopped: that may be the one, and would stop all others. */
static bool is_reserved(const struct monitor *m) {
        uint64_t reserved = atomic_load_explicit(&m->control->reserved, memory_order_relaxed);

        return reserved != 0 && reserved != m->owner &&
               (SHM_FAULT == FAULT_RESERVED_STOPPED || atomic_load(&m->control->lock.stopped) == 0);
}

bool monitor_can_be_had(const struct monitor *m) {
        /* Acquire: as in monitor_try_slow(). */
        uint64_t w = atomic_load_explicit(&m->control->word, memory_order_acquire);

        if (w & MONITOR_UNRECOVERABLE)
                return SHM_FAULT != FAULT_WATCHER_UNRECOVERABLE;
        if ((w & MONITOR_OWNER) != 0)
                return (w & MONITOR_OWNER) == m->owner;
        return SHM_FAULT == FAULT_WATCHER_RESERVED || !is_reserved(m);
}

static bool take(struct monitor *m, uint64_t w) {
        uint64_t mine = w + MONITOR_COUNT_STEP + m->owner;

#if SHM_FAULT == FAULT_LOCK_THEN_OWN
        if (!atomic_compare_exchange_strong(&m->control->word, &w, w | PARTICIPANT_MAX))
                return false;
        atomic_store(&m->control->word, mine);
        return true;
#else
        /* As in monitor_try(). */
        return atomic_compare_exchange_strong_explicit(&m->control->word, &w, mine, memory_order_acquire,
                                                       memory_order_relaxed);
#endif
}

SLOW int monitor_try_slow(struct monitor *m) {
        /*
         * Losing so many races is no reason to wait, but whoever won the last of them will unlock, and find us announced.
         * Acquire: who finds the lock free sees too that its last holder's reservation is over (monitor_lock()).
         */
        for (unsigned int tries = 0; tries < TRIES; tries++) {
                uint64_t w = atomic_load_explicit(&m->control->word, memory_order_acquire);

                if (w & MONITOR_UNRECOVERABLE)
                        return -ENOTRECOVERABLE;
                if ((w & MONITOR_OWNER) != 0)
                        return (w & MONITOR_OWNER) == m->owner ? -EDEADLK : -EAGAIN;
                if (is_reserved(m))
                        return -EAGAIN;
                if (take(m, w))
                        return w & MONITOR_INCONSISTENT ? -EOWNERDEAD : 0;
        }
        return -EAGAIN;
}

/** Whoever has reserved the lock must be among those that are woken. */
SLOW void monitor_wake_slow(struct monitor *m) {
        if (SHM_FAULT != FAULT_RESERVED_WAKE_ONE && atomic_load(&m->control->reserved) != 0)
                wait_wake_all(&m->lock);
        else
                wait_wake_slow(&m->lock, 1);
}

/**
 * Nobody will ever have it again: all that wait for it must know. Nobody sleeps at a condition by now: recovery woke
 * them, and no wait begins while the state is inconsistent.
 */
SLOW void monitor_unlock_inconsistent(struct monitor *m, uint64_t w) {
        uint64_t next = (w & ~(MONITOR_OWNER | MONITOR_INCONSISTENT)) | MONITOR_UNRECOVERABLE;

#if SHM_FAULT == FAULT_ALWAYS_RECOVERABLE
        next &= ~MONITOR_UNRECOVERABLE;
#endif
        atomic_store_explicit(&m->control->word, next, memory_order_release);
#if SHM_FAULT == FAULT_UNRECOVERABLE_QUIET
        wait_wake(&m->lock);
#else
        wait_wake_all(&m->lock);
#endif
}

int monitor_consistent(struct monitor *m) {
        uint64_t w = atomic_load_explicit(&m->control->word, memory_order_relaxed);

        if ((w & MONITOR_OWNER) != m->owner)
                return -EPERM;
        if (!(w & MONITOR_INCONSISTENT))
                return -EINVAL;
#if SHM_FAULT != FAULT_STILL_INCONSISTENT
        /* Release: if we die now, the next one sees what we put right. */
        atomic_store_explicit(&m->control->word, w & ~MONITOR_INCONSISTENT, memory_order_release);
#endif
        return 0;
}

/* ---- conditions ---------------------------------------------------------------------------------- */

int monitor_signal(struct monitor *m, uint32_t condition) {
        struct waiting c;

        if (condition >= m->conditions)
                return -EINVAL;
        c = monitor_condition(m, condition);
#if SHM_FAULT == FAULT_SIGNAL_CLEARS
        for (uint32_t i = 0; wait_is_wanted(&c) && i < WAITER_GROUPS; i++)
                if (atomic_exchange(&c.count->sleeping[i], 0) != 0) {
                        atomic_fetch_add(&c.count->event, 1);
                        sys_futex_wake(&c.count->event, 1);
                }
#else
        wait_wake(&c);
#endif
        return 0;
}

int monitor_broadcast(struct monitor *m, uint32_t condition) {
        struct waiting c;

        if (condition >= m->conditions)
                return -EINVAL;
        c = monitor_condition(m, condition);
#if SHM_FAULT == FAULT_BROADCAST_ONE
        wait_wake(&c);
#else
        if (wait_is_wanted(&c))
                wait_wake_all(&c);
#endif
        return 0;
}

void monitor_wake_conditions(struct monitor *m) {
        for (uint32_t i = 0; i < m->conditions; i++) {
                struct waiting c = monitor_condition(m, i);

                wait_wake_all(&c);
        }
}

void monitor_wake_all(struct monitor *m) {
        wait_wake_all(&m->lock);
        monitor_wake_conditions(m);
}

/* ---- looking ------------------------------------------------------------------------------------- */

static uint32_t thread_of(const struct monitor *m, uint32_t participant) {
        if (participant > RING_PARTICIPANTS)
                return 0;
        return atomic_load_explicit(&m->control->thread[participant], memory_order_relaxed);
}

void monitor_look(const struct monitor *m, struct monitor_view *ret) {
        uint64_t w = atomic_load_explicit(&m->control->word, memory_order_acquire);
        uint64_t reserved = atomic_load_explicit(&m->control->reserved, memory_order_relaxed);
        uint32_t owner = (uint32_t)(w & MONITOR_OWNER);

        *ret = (struct monitor_view){
                .participant = owner_participant(owner),
                .generation = owner_generation(owner),
                .thread = thread_of(m, owner_participant(owner)),
                .count = w >> MONITOR_COUNT_SHIFT,
                .reserved = owner_participant((uint32_t)reserved),
                .inconsistent = w & MONITOR_INCONSISTENT,
                .unrecoverable = w & MONITOR_UNRECOVERABLE,
        };
}

uint32_t monitor_waiter_after(const struct monitor *m, uint32_t of, uint32_t after, uint32_t *ret_thread) {
        const struct eventcount *c;

        if (of != MONITOR_LOCK && of >= m->conditions)
                return 0;
        c = of == MONITOR_LOCK ? &m->control->lock : &m->control->conditions[of];
        for (uint32_t p = after + 1; p <= RING_PARTICIPANTS; p++) {
                if (!(atomic_load_explicit(&c->sleeping[p / 64], memory_order_relaxed) >> p % 64 & 1))
                        continue;
                if (ret_thread)
                        *ret_thread = thread_of(m, p);
                return p;
        }
        return 0;
}
