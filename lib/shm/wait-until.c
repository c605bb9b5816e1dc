/* SPDX-License-Identifier: MIT */

/*
 * Waiting until something can be done
 *
 * Look, announce, look again, sleep, retract, look again. The last look matters even after a timeout: a
 * wake-up may have been meant for us, and whoever sent it wakes nobody else.
 *
 * Who is held (a flag is set, but the wait does not end) is announced nowhere, and sleeps at the flag. It may have been
 * announced, and woken, when the flag was set: then it keeps a wake-up to itself; whoever sets the flag wakes all after
 * that.
 */

#include "shm/wait-until.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "base/cleanup.h"
#include "shm/fault.h"
#include "shm/sys.h"

/** A sleep that was shorter was not worth it: falling asleep and waking up take as long. */
#define BRIEF_NSEC 25000
/** From so many brief sleeps on it is better to give way than to sleep; no more than the maximum are remembered. */
#define BRIEF_SLEEPS 3
#define BRIEF_SLEEPS_MAX 8

void patience_init(struct patience *p) {
        *p = (struct patience){ 0 };
        wait_spin_init(&p->spin);
}

void patience_pause(const struct patience *p, unsigned int pauses) {
        if (p->spin == 0)
                return; /* one processor */
        for (unsigned int i = 0; i < pauses; i++)
                sys_relax();
}

/** It is not to take anything, just now. No `try` returns this. */
#define HELD (-EALREADY)

static inline uint32_t flag_of(const struct wait_for *f) {
        return f->drain ? atomic_load_explicit((_Atomic uint32_t *)f->drain, memory_order_relaxed) : 0;
}

static inline int attempt(const struct wait_for *f) {
        uint32_t flag = flag_of(f);

        if (flag != 0)
                return flag & WAIT_ENDS ? -ESHUTDOWN : HELD;
        return f->try(f->object, f->ret);
}

/** Look for a while. The budget doubles when looking paid off, and halves when it did not. */
static int spin(const struct wait_for *f) {
        for (uint32_t i = 0; i < f->patience->spin; i++) {
                int r = attempt(f);

                if (r != -EAGAIN) {
                        wait_spin_adapt(&f->patience->spin, true);
                        return r;
                }
                sys_relax();
        }
        wait_spin_adapt(&f->patience->spin, false);
        return -EAGAIN;
}

static uint64_t now_nsec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/**
 * Let others run, after some sleeps that were over at once. When processors are crowded, a wake-up stops
 * whoever sent it: then each message costs a sleep, a wake-up and two switches. Who gives way finds several
 * messages when it runs again (two senders and two receivers on two processors pass on twice as much). Not
 * before that, and not for long: beside a process that computes, who gives way waits for the end of its
 * slice, some 5 ms, and who sleeps is woken in 20 µs.
 */
static int give_way(const struct wait_for *f) {
        struct patience *p = f->patience;
        int r = -EAGAIN;

        while (r == -EAGAIN && p->brief >= BRIEF_SLEEPS) {
                p->brief--;
                sched_yield();
                r = attempt(f);
        }
        return r;
}

/**
 * Sleep no longer than until the alarm. To be called after the ticket was taken: whoever makes it sooner makes that
 * invalid.
 */
static int sleep_until(const struct wait_for *f, uint32_t ticket, uint64_t deadline_usec) {
        uint64_t alarm = f->alarm ? f->alarm(f->object) : UINT64_MAX;
        int r = wait_sleep(f->waiting, ticket, MIN(alarm, deadline_usec));

        return r == -ETIMEDOUT && alarm < deadline_usec ? 0 : r;
}

/** Sleep, and remember whether it was worth it. With one processor (no spin) it always is. */
static int sleep_timed(const struct wait_for *f, uint32_t ticket, uint64_t deadline_usec) {
        struct patience *p = f->patience;
        uint64_t start;
        int r;

        if (p->spin == 0)
                return sleep_until(f, ticket, deadline_usec);
        start = now_nsec();
        r = sleep_until(f, ticket, deadline_usec);
        if (now_nsec() - start >= BRIEF_NSEC)
                p->brief = 0;
        else if (p->brief < BRIEF_SLEEPS_MAX)
                p->brief++;
        return r;
}

static int sleep_once(const struct wait_for *f, uint64_t deadline_usec) {
        uint32_t ticket = wait_ticket(f->waiting);
        int r, slept = 0;

#if SHM_FAULT == FAULT_WAIT_ANNOUNCE_LATE
        r = attempt(f);
        wait_announce(f->waiting, f->participant);
#else
        wait_announce(f->waiting, f->participant);
        r = attempt(f);
#endif
        if (r == -EAGAIN || (r == HELD && SHM_FAULT == FAULT_HELD_ANNOUNCED))
                slept = sleep_timed(f, ticket, deadline_usec);
        wait_retract(f->waiting, f->participant);
        if (r == -EAGAIN)
                r = attempt(f);
        if (r == 0 && f->pass_on)
                wait_wake(f->waiting);
        return (r == -EAGAIN || r == HELD) && slept < 0 ? slept : r;
}

static int sleep_held(const struct wait_for *f, uint64_t deadline_usec) {
        uint32_t flag = flag_of(f);
        int r, slept;

        if (flag == 0 || flag & WAIT_ENDS)
                return attempt(f);
        if (SHM_FAULT == FAULT_HELD_ANNOUNCED)
                return sleep_once(f, deadline_usec);
        slept = wait_flag_sleep(f->drain, flag, deadline_usec);
        r = attempt(f);
        return (r == -EAGAIN || r == HELD) && slept < 0 ? slept : r;
}

int wait_until(const struct wait_for *f, uint64_t deadline_usec) {
        int r = attempt(f);

        if (r == -EAGAIN)
                r = spin(f);
        if (r == -EAGAIN)
                r = give_way(f);
        while (r == -EAGAIN || r == HELD)
                r = r == HELD ? sleep_held(f, deadline_usec) : sleep_once(f, deadline_usec);
        return r;
}

/* ---- with a descriptor --------------------------------------------------------------------------- */

void wait_disarm(const struct waiting *w, uint32_t participant, bool *armed) {
        if (!*armed)
                return;
        *armed = false;
        wait_poll_retract(w, participant);
}

int wait_poll(const struct wait_for *f, bool *armed) {
        bool woken = *armed;
        int r;

        wait_disarm(f->waiting, f->participant, armed);
        if (woken)
                sys_event_take(f->waiting->event_fd);
        r = attempt(f);
        if (r == -EAGAIN) {
                *armed = true;
                wait_poll_announce(f->waiting, f->participant);
                r = attempt(f);
                if (r == -EAGAIN)
                        return r;
                wait_disarm(f->waiting, f->participant, armed);
        }
        /* The post that we took may have been for more than one: pass it on to the other pollers. */
        if (r == 0)
                wait_pass_on(f->waiting);
        return r;
}
