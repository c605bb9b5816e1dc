/* SPDX-License-Identifier: MIT */

/*
 * Waiting for the lock of a monitor, and for its conditions
 *
 * For the lock: look, announce, look again, sleep, retract, look again. The last look matters even after a timeout: a
 * wake-up may have been meant for us, and whoever sent it woke nobody else.
 *
 * For a condition: what makes it one step with the unlock is that the ticket is taken, and the wait announced, while the
 * lock is still held. Whoever signals after that changes the event, so we do not fall asleep, or finds us asleep. A
 * signal that is spent on somebody who dies of it is made good by recovery, which wakes all; the kernel does not spend
 * one on somebody who timed out; and whoever was woken returns as one who was woken, whatever else happened meanwhile.
 */

#include <errno.h>

#include "shm/monitor.h"
#include "shm/sys.h"
#include "shm/wait-any.h"

/* ---- the lock ------------------------------------------------------------------------------------ */

/** Look for a while. The budget doubles when looking paid off, and halves when it did not. */
static int spin_for_lock(struct monitor *m) {
        for (uint32_t i = 0; i < m->spin; i++) {
                int r = monitor_try(m);

                if (r != -EAGAIN) {
                        wait_spin_adapt(&m->spin, true);
                        return r;
                }
                sys_relax();
        }
        wait_spin_adapt(&m->spin, false);
        return -EAGAIN;
}

/** All others shall leave the lock alone. Before the announcement: whoever unlocks must see both, or we the lock free. */
static void reserve(struct monitor *m) {
        uint64_t nobody = 0;

        m->reserved = m->reserved || atomic_compare_exchange_strong(&m->control->reserved, &nobody, m->owner);
}

/**
 * The wait is over. Those who left a free lock alone for our sake are asleep: if we did not take it, they must be woken.
 * Release: partner is the acquire in monitor_try_slow().
 */
static void unreserve(struct monitor *m, bool taken) {
        if (!m->reserved)
                return;
        m->reserved = false;
        atomic_store_explicit(&m->control->reserved, 0, memory_order_release);
#if SHM_FAULT != FAULT_RESERVED_NO_WAKE
        if (!taken)
                wait_wake(&m->lock);
#endif
}

static int sleep_for_lock(struct monitor *m, uint64_t deadline_usec) {
        uint32_t participant = owner_participant((uint32_t)m->owner);
        uint32_t ticket = wait_ticket(&m->lock);
        int r, slept = 0;

        wait_announce(&m->lock, participant);
        r = monitor_try(m);
        if (r == -EAGAIN)
                slept = wait_sleep(&m->lock, ticket, deadline_usec);
        wait_retract(&m->lock, participant);
        if (r == -EAGAIN)
                r = monitor_try(m);
        return r == -EAGAIN && slept < 0 ? slept : r;
}

/** @param relock  not to be given up, whatever signal comes. */
static int wait_for_lock(struct monitor *m, uint64_t deadline_usec, bool relock) {
        uint32_t vain = 0;
        int r = spin_for_lock(m);

        while (r == -EAGAIN || (r == -EINTR && relock)) {
                if (vain++ >= m->patience)
                        reserve(m);
                r = sleep_for_lock(m, deadline_usec);
        }
        unreserve(m, r == 0 || r == -EOWNERDEAD);
        return r;
}

int monitor_lock(struct monitor *m, uint64_t deadline_usec) {
        int r;

        r = monitor_try(m);
        if (r == -EAGAIN || !m->thread_known)
                monitor_tell_thread(m);
        return r == -EAGAIN ? wait_for_lock(m, deadline_usec, false) : r;
}

/* For one who waits for several things; see wait-any.h. */

static bool can_be_had(const struct wait_item *item) {
        return monitor_can_be_had(item->object);
}

struct wait_item monitor_lock_item(struct monitor *m) {
        return (struct wait_item){
                .waiting = &m->lock,
                .participant = owner_participant((uint32_t)m->owner),
                .is_ready = can_be_had,
                .object = m,
                .spin = &m->spin,
        };
}

/* ---- conditions ---------------------------------------------------------------------------------- */

static int sleep_for_signal(struct monitor *m, const struct waiting *c, uint32_t ticket, uint64_t deadline_usec) {
        for (uint32_t i = 0; i < m->condition_spin; i++) {
                if (wait_ticket(c) != ticket) {
                        wait_spin_adapt(&m->condition_spin, true);
                        return 0;
                }
                sys_relax();
        }
        wait_spin_adapt(&m->condition_spin, false);
        return wait_sleep(c, ticket, deadline_usec);
}

int monitor_wait(struct monitor *m, uint32_t condition, uint64_t deadline_usec, const _Atomic uint32_t *drain) {
        uint32_t participant = owner_participant((uint32_t)m->owner), ticket;
        struct waiting c;
        int r, slept;
        uint64_t w;

        if (condition >= m->conditions)
                return -EINVAL;
        w = atomic_load_explicit(&m->control->word, memory_order_relaxed);
        if ((w & MONITOR_OWNER) != m->owner)
                return -EPERM;
        if (w & MONITOR_INCONSISTENT)
                return -EOWNERDEAD;
        c = monitor_condition(m, condition);
        /* Before we look whether to drain: whoever asks for it wakes us after that. */
        ticket = wait_ticket(&c);
        if (drain && atomic_load((_Atomic uint32_t *)drain) & WAIT_ENDS)
                return -ESHUTDOWN;
#if SHM_FAULT == FAULT_DRAIN_EARLY
        ticket = wait_ticket(&c);
#endif
        if (deadline_usec == 0)
                return -EAGAIN;
        monitor_tell_thread(m);
#if SHM_FAULT == FAULT_CONDITION_LATE
        monitor_unlock(m);
        wait_announce_ordered(&c, participant);
#else
        wait_announce_ordered(&c, participant);
        monitor_unlock(m);
#endif
#if SHM_FAULT == FAULT_TICKET_LATE
        ticket = wait_ticket(&c);
#endif
        slept = sleep_for_signal(m, &c, ticket, deadline_usec);
        wait_retract(&c, participant);
        r = monitor_try(m);
        if (r == -EAGAIN)
                r = wait_for_lock(m, UINT64_MAX, true);
        return r < 0 ? r : slept;
}
