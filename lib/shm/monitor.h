/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_MONITOR_H
#define GANGER_SHM_MONITOR_H

/*
 * The monitor: a lock, and conditions to wait for while it is held
 *
 * Kill-safe: whoever dies holding the lock leaves it to the next one, who is told. One without conditions is what others
 * call a mutex; what the next one is told, and what becomes of a lock whose state nobody puts right, is as with POSIX's
 * robust mutexes (pthread_mutex_consistent(3)). Conditions are Mesa's (Lampson and Redell, Experience with Processes and
 * Monitors in Mesa, 1980): whoever is woken looks again, and may be woken for nothing; nobody is forgotten.
 *
 * The word says who holds the lock: whoever takes it records its ownership by the very compare-and-swap that takes it.
 *
 *      count:42 | unrecoverable:1 | inconsistent:1 | owner:20
 *
 * | operation  | from                       | to                          | by      |
 * | lock       | nobody's                   | mine, count one more        | one CAS |
 * | unlock     | mine                       | nobody's                    | a store |
 * | unlock     | mine, inconsistent         | nobody's, unrecoverable     | a store |
 * | consistent | mine, inconsistent         | mine                        | a store |
 * | recovery   | a dead one's               | nobody's, inconsistent      | one CAS |
 *
 * Fairness. Whoever comes while the lock is free may take it, before one who was woken for it: that is fast. One who was
 * woken in vain several times reserves the lock: all others then leave it alone, until that one has had it, gave up, or
 * died.
 *
 * A `struct monitor` is private to one thread at a time: a participant. Several may be open on one region.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/fault.h"
#include "shm/layout.h"
#include "shm/region.h"
#include "shm/wait.h"

#define MONITOR_CONDITIONS_MAX 64

#define MONITOR_OWNER ((UINT64_C(1) << WORD_OWNER_BITS) - 1)
/** Whoever held it last died; the state that it guards may be half done. */
#define MONITOR_INCONSISTENT (UINT64_C(1) << WORD_OWNER_BITS)
/** Nobody put that state right: the lock is of no more use. */
#define MONITOR_UNRECOVERABLE (UINT64_C(1) << (WORD_OWNER_BITS + 1))
#define MONITOR_COUNT_SHIFT (WORD_OWNER_BITS + 2)
#define MONITOR_COUNT_STEP (UINT64_C(1) << MONITOR_COUNT_SHIFT)

/** What is in the shared memory. */
struct monitor_control {
        _Alignas(CACHE_LINE) _Atomic uint64_t word;
        _Atomic uint64_t reserved;                      /* owner for whom all others leave it alone; or 0 */
        struct eventcount lock;                         /* who waits for the lock */
        _Atomic uint32_t thread[RING_PARTICIPANTS + 1]; /* for people: the thread that uses the participant */
        struct eventcount conditions[];
};

struct wait_item;

struct monitor {
        struct monitor_control *control;
        uint64_t owner;                 /* participant and generation */
        struct waiting lock;
        uint32_t conditions;
        uint32_t patience;              /* so often woken in vain, it reserves */
        uint32_t spin;                  /* how long to look for the lock before sleeping; adapts */
        uint32_t condition_spin;        /* the same, of conditions */
        bool reserved;                  /* for us */
        bool thread_known;
};

size_t monitor_memory_size(const struct geometry *g);

/**
 * Open a monitor as a participant.
 * @param participant  1 … RING_PARTICIPANTS, held by nobody else; 0: to look and to recover only.
 * @param event_fd     for those that poll the lock; -1: none. Stays the caller's.
 */
void monitor_open(struct monitor *m, const struct region *region, uint32_t participant, uint32_t generation, int event_fd);

/* ---- the lock ------------------------------------------------------------------------------------ */

/** Would monitor_try() say anything but -EAGAIN? */
bool monitor_can_be_had(const struct monitor *m);

/* The seldom taken ways. */
int monitor_try_slow(struct monitor *m);
void monitor_unlock_inconsistent(struct monitor *m, uint64_t w);
void monitor_wake_slow(struct monitor *m);

/** Tell who waits, and who holds, by the number of the thread. A hint: a handle may be passed on to another thread. */
void monitor_tell_thread(struct monitor *m);

/**
 * Take the lock if it can be had.
 * @return 0; -EOWNERDEAD: it is ours, but whoever held it last died; -EAGAIN: somebody has it, or is to have it;
 *         -EDEADLK: we have it already; -ENOTRECOVERABLE.
 */
static inline int monitor_try(struct monitor *m) {
        struct monitor_control *c = m->control;
        uint64_t w = atomic_load_explicit(&c->word, memory_order_relaxed);

        if (__builtin_expect((w & (MONITOR_OWNER | MONITOR_UNRECOVERABLE | MONITOR_INCONSISTENT)) != 0, 0) ||
            __builtin_expect(atomic_load_explicit(&c->reserved, memory_order_relaxed) != 0, 0) ||
            SHM_FAULT == FAULT_LOCK_THEN_OWN)
                return monitor_try_slow(m);
        /* Linearises lock. Acquire: partner is the release of unlock. */
        if (__builtin_expect(!atomic_compare_exchange_strong_explicit(
                    &c->word, &w, w + MONITOR_COUNT_STEP + m->owner, memory_order_acquire, memory_order_relaxed), 0))
                return monitor_try_slow(m);
        return 0;
}

/** @return 0, -EPERM: this participant does not hold it. */
static inline int monitor_unlock(struct monitor *m) {
        struct monitor_control *c = m->control;
        /* Nobody else changes a word that is ours. */
        uint64_t w = atomic_load_explicit(&c->word, memory_order_relaxed);

        if (__builtin_expect((w & MONITOR_OWNER) != m->owner, 0))
                return -EPERM;
        if (__builtin_expect((w & MONITOR_INCONSISTENT) != 0, 0)) {
                monitor_unlock_inconsistent(m, w);
                return 0;
        }
        /* Linearises unlock. Release: partner is the acquire of lock. */
        atomic_store_explicit(&c->word, w & ~MONITOR_OWNER, memory_order_release);
#if SHM_FAULT != FAULT_UNLOCK_NO_WAKE
        if (__builtin_expect(wait_is_wanted(&m->lock), 0))
                monitor_wake_slow(m);
#endif
        return 0;
}

/** Does this participant hold the lock? */
static inline bool monitor_holds(const struct monitor *m) {
        return (atomic_load_explicit(&m->control->word, memory_order_relaxed) & MONITOR_OWNER) == m->owner;
}

/**
 * Take the lock, waiting.
 * @param deadline_usec  CLOCK_MONOTONIC; UINT64_MAX: none.
 * @return as monitor_try(), but for -EAGAIN; -ETIMEDOUT, -EINTR.
 */
int monitor_lock(struct monitor *m, uint64_t deadline_usec);

/** To wait for it with wait_any(): until monitor_try() would not say -EAGAIN. It is never reserved so. */
struct wait_item monitor_lock_item(struct monitor *m);

/** The state is put right. @return 0; -EPERM: not held; -EINVAL: it was not inconsistent. */
int monitor_consistent(struct monitor *m);

/* ---- conditions ---------------------------------------------------------------------------------- */

/** The eventcount of a condition, which must be there. */
static inline struct waiting monitor_condition(const struct monitor *m, uint32_t condition) {
        return (struct waiting){ .count = &m->control->conditions[condition], .event_fd = -1, .fences = m->lock.fences };
}

/**
 * Release the lock and wait for a signal, in one step as far as signals can tell; then take the lock again.
 * @param deadline_usec  as in monitor_lock(); 0: do not wait.
 * @param drain          the wait does not begin when it has WAIT_ENDS (-ESHUTDOWN); may be NULL.
 * @return 0: woken, perhaps for nothing; -EAGAIN, -ETIMEDOUT, -EINTR, -ESHUTDOWN; -EOWNERDEAD (also at once, where the
 *         state is inconsistent): all of these with the lock held. Without it: -ENOTRECOVERABLE, -EINVAL (no such
 *         condition), -EPERM (it was not held).
 */
int monitor_wait(struct monitor *m, uint32_t condition, uint64_t deadline_usec, const _Atomic uint32_t *drain);

/** Wake one, or all, who wait. @return 0, -EINVAL. */
int monitor_signal(struct monitor *m, uint32_t condition);
int monitor_broadcast(struct monitor *m, uint32_t condition);

/** Everybody who waits for a condition looks again; everybody who waits for anything. Async-signal-safe. */
void monitor_wake_conditions(struct monitor *m);
void monitor_wake_all(struct monitor *m);

/* ---- looking: trusts nothing, changes nothing ---------------------------------------------------- */

struct monitor_view {
        uint32_t participant;           /* of who holds it; 0: nobody */
        uint32_t generation;
        uint32_t thread;                /* of who holds it, as it told; 0: not known */
        uint64_t count;                 /* grows with each lock: the same count is the same holding of it */
        uint32_t reserved;              /* participant for whom all others leave it alone; 0: nobody */
        bool inconsistent, unrecoverable;
};

void monitor_look(const struct monitor *m, struct monitor_view *ret);

#define MONITOR_LOCK UINT32_MAX

/**
 * Who sleeps, one after the other; whoever is still looking is not seen.
 * @param of          MONITOR_LOCK, or a condition.
 * @param after       0 at first, then the last answer.
 * @param ret_thread  its thread, as it told; may be NULL.
 * @return a participant, or 0: there is no other.
 */
uint32_t monitor_waiter_after(const struct monitor *m, uint32_t of, uint32_t after, uint32_t *ret_thread);

#endif
