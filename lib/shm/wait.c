/* SPDX-License-Identifier: MIT */

/*
 * Eventcounts
 *
 * Invariant: while a participant is announced, its bit is set, and the bit of its group in the summary is
 * set too. Setting goes bit first, then summary (with a step of its change counter); clearing a summary bit
 * looks at the group after it has read the counter, and fails if the counter moved: so a bit that was set
 * meanwhile is never covered up. Killed between any two steps, a summary bit may stay set for an empty
 * group: wakers then look once too often, and clear it.
 */

#include "shm/wait.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "shm/fault.h"
#include "shm/sys.h"

/*
 * Looks before sleeping. A look takes some 10 ns and more, a futex round trip between processors 35 µs: so
 * many looks cost less than one sleep. None of them gives the processor up; see give_way() in wait-until.c.
 */
#ifndef WAIT_SPIN_MAX
#define WAIT_SPIN_MAX 1024
#endif
#define WAIT_SPIN_MIN (WAIT_SPIN_MAX / 64)

#define SUMMARY_STEP (UINT64_C(1) << 32)

static void summary_set(_Atomic uint64_t *summary, uint32_t group) {
        uint64_t s = atomic_load(summary);

        while (!atomic_compare_exchange_weak(summary, &s, (s | UINT64_C(1) << group) + SUMMARY_STEP))
                ;
}

/** Clear the bit of a group that is empty. */
static void summary_clear(_Atomic uint64_t *summary, _Atomic uint64_t *bits, uint32_t group) {
        uint64_t s = atomic_load(summary);

        if (!(s & UINT64_C(1) << group) || atomic_load(&bits[group]) != 0)
                return;
#if SHM_FAULT == FAULT_SUMMARY_CLEARED
        atomic_fetch_and(summary, ~(UINT64_C(1) << group));
#else
        atomic_compare_exchange_strong(summary, &s, (s & ~(UINT64_C(1) << group)) + SUMMARY_STEP);
#endif
}

/** Is anybody announced here? Clears summary bits that say so wrongly. */
static bool any_waiting(_Atomic uint64_t *summary, _Atomic uint64_t *bits) {
        uint32_t groups = (uint32_t)atomic_load(summary);
        bool any = false;

        while (groups) {
                uint32_t group = (uint32_t)__builtin_ctz(groups);

                groups &= groups - 1;
                if (atomic_load(&bits[group]) != 0)
                        any = true;
                else
                        summary_clear(summary, bits, group);
        }
        return any;
}

static void bit_set(_Atomic uint64_t *summary, _Atomic uint64_t *bits, uint32_t participant) {
        atomic_fetch_or(&bits[participant / 64], UINT64_C(1) << participant % 64);
        summary_set(summary, participant / 64);
}

static void bit_clear(_Atomic uint64_t *summary, _Atomic uint64_t *bits, uint32_t participant) {
        uint64_t mine = UINT64_C(1) << participant % 64;

        if (atomic_fetch_and(&bits[participant / 64], ~mine) == mine)
                summary_clear(summary, bits, participant / 64);
}

static uint32_t change_counter(uint64_t summary) {
        return (uint32_t)(summary >> 32);
}

/**
 * Wake `n` sleepers. `sleepers` is the summary as it was before.
 *
 * When the kernel had fewer to wake than asked for, all that were announced in `sleepers` are awake, or
 * will not fall asleep: their tickets are older than the step of the event. Each looks again before it
 * sleeps, and announces itself anew, which moves the change counter; until then nobody needs to be woken,
 * and `woken` says so: else every change would cost a system call for as long as it takes the woken to get
 * a processor. It is written last, so whoever dies before leaves the work to the next; and by
 * compare-and-swap, so that one who was late does not bring back an old value.
 */
static void wake_sleepers(struct eventcount *c, uint64_t sleepers, uint32_t n) {
        uint32_t woken = atomic_load(&c->woken), count = n + MIN(atomic_load(&c->stopped), (uint32_t)RING_PARTICIPANTS);
        int awake;

        atomic_fetch_add(&c->event, 1); /* whoever is about to sleep sees a change */
        awake = sys_futex_wake(&c->event, count);
        if ((awake >= 0 && (uint32_t)awake < count) || SHM_FAULT == FAULT_WOKEN_ALL)
                atomic_compare_exchange_strong(&c->woken, &woken, change_counter(sleepers));
}

/**
 * Post so many, for those that sleep on a semaphore. Each that is posted is taken by somebody who looks after that, or
 * was swallowed: by a dead one (wait_wake_all() makes up for it), or by one that is stopped.
 */
static void post(const struct waiting *w, uint32_t count) {
        for (uint32_t i = 0; i < count; i++)
                (void)sys_sem_post(w->semaphore); /* full, or damaged: there is nothing to be done about it here */
}

static void post_one(const struct waiting *w) {
        uint32_t stopped = MIN(atomic_load(&w->count->stopped), (uint32_t)RING_PARTICIPANTS);

        /* The change must be seen by whoever takes what is posted already. */
        atomic_thread_fence(memory_order_seq_cst);
        if (sys_sem_value(w->semaphore) <= stopped)
                post(w, 1 + stopped);
}

/** Every poller looks again. The futex before the descriptor: who sleeps on the one has none of the other. */
static void tell_pollers(const struct waiting *w) {
        if (w->watched && SHM_FAULT != FAULT_WATCHER_UNHEARD) {
                atomic_fetch_add(&w->count->event, 1);
                sys_futex_wake(&w->count->event, INT_MAX);
        }
        sys_event_post(w->event_fd);
}

void wait_wake_slow(const struct waiting *w, uint32_t n) {
        struct eventcount *c = w->count;
        /* Partner: the barrier in wait_announce(), as in wait_wake(). */
        uint64_t sleepers = atomic_load(&c->sleepers);

        if (w->semaphore) {
                if ((uint32_t)sleepers != 0 && any_waiting(&c->sleepers, c->sleeping))
                        post_one(w);
        } else if ((uint32_t)sleepers != 0 && atomic_load(&c->woken) != change_counter(sleepers) &&
                   any_waiting(&c->sleepers, c->sleeping)) {
#if SHM_FAULT == FAULT_SHARED_WAITER
                for (uint32_t i = 0; i < WAITER_GROUPS; i++)
                        atomic_store(&c->sleeping[i], 0);
#endif
                wake_sleepers(c, sleepers, n);
        }
        if (any_waiting(&c->pollers, c->polling))
                tell_pollers(w);
}

void wait_barrier(const struct waiting *w) {
#if SHM_FAULT == FAULT_NO_BARRIER
        (void)w;
#else
        /* Registered at attach, so it can fail no more. Partner: wait_wake(). */
        if (w->fences || sys_barrier_all() < 0)
                atomic_thread_fence(memory_order_seq_cst);
#endif
}

void wait_announce_only(const struct waiting *w, uint32_t participant) {
        bit_set(&w->count->sleepers, w->count->sleeping, participant);
}

void wait_announce(const struct waiting *w, uint32_t participant) {
        wait_announce_only(w, participant);
        wait_barrier(w);
}

void wait_announce_ordered(const struct waiting *w, uint32_t participant) {
        bit_set(&w->count->sleepers, w->count->sleeping, participant);
}

void wait_retract(const struct waiting *w, uint32_t participant) {
        bit_clear(&w->count->sleepers, w->count->sleeping, participant);
}

/** Those that somebody hostile posted without end must not keep us beyond our time. */
static int sleep_on_semaphore(const struct waiting *w, uint64_t deadline_usec) {
        int r;

        if (sys_sem_value(w->semaphore) > WAIT_POSTED_MAX)
                return -EBADMSG;
        r = sys_sem_wait(w->semaphore, deadline_usec);
        return r == 0 && sys_is_past(deadline_usec) ? -ETIMEDOUT : r;
}

int wait_sleep(const struct waiting *w, uint32_t ticket, uint64_t deadline_usec) {
        return w->semaphore ? sleep_on_semaphore(w, deadline_usec) :
                              sys_futex_wait(&w->count->event, ticket, deadline_usec);
}

void wait_poll_announce_only(const struct waiting *w, uint32_t participant) {
        bit_set(&w->count->pollers, w->count->polling, participant);
}

void wait_poll_announce(const struct waiting *w, uint32_t participant) {
        wait_poll_announce_only(w, participant);
        wait_barrier(w);
}

void wait_poll_retract(const struct waiting *w, uint32_t participant) {
        bit_clear(&w->count->pollers, w->count->polling, participant);
}

void wait_pass_on(const struct waiting *w) {
        if (any_waiting(&w->count->pollers, w->count->polling))
                tell_pollers(w);
}

void wait_flag_wake(_Atomic uint32_t *flag) {
        if (SHM_FAULT != FAULT_RESUME_SILENT)
                sys_futex_wake(flag, INT_MAX);
}

int wait_flag_sleep(const _Atomic uint32_t *flag, uint32_t value, uint64_t deadline_usec) {
        return sys_futex_wait((_Atomic uint32_t *)flag, value, deadline_usec);
}

uint32_t wait_count(const struct waiting *w) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < WAITER_GROUPS; i++)
                n += (uint32_t)__builtin_popcountll(atomic_load(&w->count->sleeping[i]));
        return n;
}

bool wait_is_announced(const struct waiting *w, uint32_t participant) {
        return atomic_load(&w->count->sleeping[participant / 64]) >> participant % 64 & 1;
}

void wait_wake_all(const struct waiting *w) {
        if (w->semaphore) {
                post(w, wait_count(w));
                if (SHM_FAULT == FAULT_WATCHER_NO_REWAKE)
                        return;
        } else {
                atomic_fetch_add(&w->count->event, 1);
                sys_futex_wake(&w->count->event, INT_MAX);
        }
        /* In place of a post that somebody took who then died, or was stopped. */
        wait_pass_on(w);
}

void wait_forget(const struct waiting *w, uint32_t first, uint32_t count) {
        for (uint32_t p = first; p < first + count && p <= RING_PARTICIPANTS; p++) {
                bit_clear(&w->count->sleepers, w->count->sleeping, p);
                bit_clear(&w->count->pollers, w->count->polling, p);
        }
}

void wait_set_stopped(const struct waiting *w, uint32_t stopped) {
        atomic_store(&w->count->stopped, stopped);
        wait_wake_all(w);
}

void wait_spin_init(uint32_t *spin) {
        *spin = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? WAIT_SPIN_MAX : 0;
}

void wait_spin_adapt(uint32_t *spin, bool paid_off) {
        if (*spin == 0)
                return;
        if (paid_off)
                *spin = *spin < WAIT_SPIN_MAX / 2 ? *spin * 2 : WAIT_SPIN_MAX;
        else
                *spin = *spin > WAIT_SPIN_MIN * 2 ? *spin / 2 : WAIT_SPIN_MIN;
}
