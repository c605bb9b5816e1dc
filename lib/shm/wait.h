/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_WAIT_H
#define GANGER_SHM_WAIT_H

/*
 * Waiting: an eventcount on a futex
 *
 * Whoever waits announces itself, looks once more, and sleeps; whoever changes something looks whether
 * anybody is announced. Both directions must not pass each other: that is Dekker's pattern and needs a full
 * barrier on both sides. The waker's side is the hot one, so it has none: the waiter's barrier is
 * membarrier(2), which makes every running member of the ring take one (asymmetric fences, as in liburcu).
 * Where membarrier is not to be had, the ring is made with `fences`, and every waker has its own.
 *
 * Each participant has a bit of its own; only it, or recovery after its death, clears it. A summary word tells
 * wakers which groups of 64 to look at. A set summary bit with an empty group costs a look, never a wake-up.
 *
 * Sleepers may sleep on a POSIX semaphore in place of the futex. Then a wake-up is a post, which is a hint and no more:
 * one too many costs a look. While one is posted that nobody took yet, no other follows; so whoever was let in by one
 * sees whether there is something for another, and wakes it. What a dead one may have taken is posted again by
 * wait_wake_all().
 *
 * Whoever waits at several places cannot sleep on a semaphore beside, and is nobody whom a lock should be kept for. At locks
 * (`watched`) it is announced as a poller, and sleeps on the futex: each change wakes all pollers, and the sleepers besides,
 * so it takes a wake-up from nobody, whatever becomes of it.
 */

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "shm/layout.h"

/** Deaths and recoveries leave posts behind that nobody took; never so many. */
#define WAIT_POSTED_MAX (1u << 20)

/**
 * A flag that others set for a process, which whoever waits for something to take looks at. While any bit of it is set
 * nothing is taken. With WAIT_ENDS a wait ends (-ESHUTDOWN). With others alone it goes on, but not where it could swallow
 * a wake-up that is meant for one who takes: it sleeps at the flag itself. So whoever sets a bit wakes all who wait for
 * something to take, and whoever changes the flag wakes those who sleep at it (wait_flag_wake).
 */
#define WAIT_ENDS 1u

/** What the users of an eventcount share in private memory. */
struct waiting {
        struct eventcount *count;
        sem_t *semaphore;               /* what sleepers sleep on; NULL: the futex in `count` */
        int event_fd;                   /* pollers are told here; -1: nobody polls */
        bool fences;
        bool watched;                   /* pollers may sleep on the futex, too */
};

/** Where one participant alone can sleep. It says so, and is told on a futex of its own, or at the event descriptor. */
struct waiting_alone {
        _Atomic uint32_t *sleeping;     /* an `enum alone` */
        _Atomic uint32_t *event;
        int event_fd;
};

enum alone {
        ALONE_AWAKE = 0,
        ALONE_ASLEEP = 1,               /* or about to sleep, on the futex */
        ALONE_POLLS = 2,                /* the descriptor is to be posted, too */
};

/** Call after a change that somebody may wait for. Makes a system call only if somebody does. */
void wait_wake_slow(const struct waiting *w, uint32_t n);

/** After `n` changes of which each may end one wait. */
static inline void wait_wake_many(const struct waiting *w, uint32_t n) {
        struct eventcount *c = w->count;

        /* Partner: the barrier in wait_announce(). */
        if (__builtin_expect(w->fences, 0))
                atomic_thread_fence(memory_order_seq_cst);
        else
                atomic_signal_fence(memory_order_seq_cst);
        if (__builtin_expect((uint32_t)(atomic_load_explicit(&c->sleepers, memory_order_relaxed) |
                                        atomic_load_explicit(&c->pollers, memory_order_relaxed)) != 0, 0))
                wait_wake_slow(w, n);
}

static inline void wait_wake(const struct waiting *w) {
        wait_wake_many(w, 1);
}

/** After a change that is for all who wait. */
static inline void wait_wake_each(const struct waiting *w) {
        wait_wake_many(w, RING_PARTICIPANTS);
}

/**
 * Does anybody wait, as far as a waker can tell?
 * Call after the barrier of a wait_wake(), or where a wrong no is repaired.
 */
static inline bool wait_is_wanted(const struct waiting *w) {
        struct eventcount *c = w->count;

        if (__builtin_expect(w->fences, 0))
                atomic_thread_fence(memory_order_seq_cst);
        else
                atomic_signal_fence(memory_order_seq_cst);
        return (uint32_t)(atomic_load_explicit(&c->sleepers, memory_order_relaxed) |
                          atomic_load_explicit(&c->pollers, memory_order_relaxed)) != 0;
}

/** How often to look before sleeping: none on one processor; adapts to whether it pays off. */
void wait_spin_init(uint32_t *spin);
void wait_spin_adapt(uint32_t *spin, bool paid_off);

/** The value to sleep on. Take it before the announcement. */
static inline uint32_t wait_ticket(const struct waiting *w) {
        return atomic_load_explicit(&w->count->event, memory_order_seq_cst);
}

/** Announce that this participant is about to sleep; then look once more, then sleep. */
void wait_announce(const struct waiting *w, uint32_t participant);

/**
 * The same, where a lock orders waiter and wakers: announced under it, and whoever changes what is waited for does so
 * under it. Needs no barrier.
 */
void wait_announce_ordered(const struct waiting *w, uint32_t participant);

/** Take the announcement back; then look once more: a wake-up may have been meant for us. */
void wait_retract(const struct waiting *w, uint32_t participant);

/** Sleep. @return as sys_futex_wait() or sys_sem_wait(). */
int wait_sleep(const struct waiting *w, uint32_t ticket, uint64_t deadline_usec);

/** The same two for those that wait with the descriptor. Announcing twice is announcing once. */
void wait_poll_announce(const struct waiting *w, uint32_t participant);
void wait_poll_retract(const struct waiting *w, uint32_t participant);

/**
 * Announcing in two steps, for one that waits at several places: announce at each, then one barrier for all of them
 * (with one of those that have no `fences`, if there is one).
 */
void wait_announce_only(const struct waiting *w, uint32_t participant);
void wait_poll_announce_only(const struct waiting *w, uint32_t participant);
void wait_barrier(const struct waiting *w);

/** A poller that found something lets the next one look: the post is one for all of them. */
void wait_pass_on(const struct waiting *w);

/** Wake everybody, announced or not: after a death, or when a flag changed that all must see. */
void wait_wake_all(const struct waiting *w);

/** A flag has changed: whoever sleeps at it looks. Async-signal-safe. */
void wait_flag_wake(_Atomic uint32_t *flag);

/**
 * Sleep while a flag has this value. Release of whoever changed it is the partner of the caller's next look.
 * @return 0 (it may have changed), -ETIMEDOUT, -EINTR.
 */
int wait_flag_sleep(const _Atomic uint32_t *flag, uint32_t value, uint64_t deadline_usec);

/** How many are announced as sleepers. */
uint32_t wait_count(const struct waiting *w);

/** Is this participant announced as a sleeper? For people. */
bool wait_is_announced(const struct waiting *w, uint32_t participant);

/** Recovery: the participants `first … first + count - 1` are dead. Idempotent. */
void wait_forget(const struct waiting *w, uint32_t first, uint32_t count);

/**
 * Tell how many participants are stopped (SIGSTOP) just now: so many wake-ups may be swallowed, and so many
 * more are sent from now on. Wakes everybody, in place of a wake-up that was swallowed before.
 */
void wait_set_stopped(const struct waiting *w, uint32_t stopped);

#endif
