/* SPDX-License-Identifier: MIT */

/*
 * Waiting for messages and for space
 *
 * Look, announce, look again, sleep, retract, look again. The last look matters even after a timeout: a
 * wake-up may have been meant for us, and whoever sent it wakes nobody else.
 */

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "base/cleanup.h"
#include "shm/queue.h"
#include "shm/sys.h"

/** A sleep that was shorter was not worth it: falling asleep and waking up take as long. */
#define BRIEF_NSEC 25000
/** From so many brief sleeps on it is better to give way than to sleep; no more than the maximum are remembered. */
#define BRIEF_SLEEPS 3
#define BRIEF_SLEEPS_MAX 8

/** What is waited for: `try` returns -EAGAIN as long as it is not there. */
struct wait_for {
        struct queue *queue;
        struct lease *ret;
        int (*try)(struct queue *q, struct lease *ret);
        const struct waiting *waiting;
        const _Atomic uint32_t *drain;
        bool alarm;                     /* what is there may have to rest */
        bool pass_on;                   /* one step may have let in more than one */
};

static inline bool is_draining(const struct wait_for *f) {
        return f->drain && atomic_load_explicit((_Atomic uint32_t *)f->drain, memory_order_relaxed) != 0;
}

static int attempt(const struct wait_for *f) {
        if (is_draining(f))
                return -ESHUTDOWN;
        return f->try(f->queue, f->ret);
}

/** Look for a while. The budget doubles when looking paid off, and halves when it did not. */
static int spin(const struct wait_for *f) {
        for (uint32_t i = 0; i < f->queue->spin; i++) {
                int r = attempt(f);

                if (r != -EAGAIN) {
                        wait_spin_adapt(&f->queue->spin, true);
                        return r;
                }
                sys_relax();
        }
        wait_spin_adapt(&f->queue->spin, false);
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
        struct queue *q = f->queue;
        int r = -EAGAIN;

        while (r == -EAGAIN && q->brief >= BRIEF_SLEEPS) {
                q->brief--;
                sched_yield();
                r = attempt(f);
        }
        return r;
}

/** Sleep, and remember whether it was worth it. With one processor (no spin) it always is. */
static int sleep_timed(const struct wait_for *f, uint32_t ticket, uint64_t deadline_usec) {
        struct queue *q = f->queue;
        uint64_t start;
        int r;

        if (q->spin == 0)
                return wait_sleep(f->waiting, ticket, deadline_usec);
        start = now_nsec();
        r = wait_sleep(f->waiting, ticket, deadline_usec);
        if (now_nsec() - start >= BRIEF_NSEC)
                q->brief = 0;
        else if (q->brief < BRIEF_SLEEPS_MAX)
                q->brief++;
        return r;
}

static int sleep_once(const struct wait_for *f, uint64_t deadline_usec) {
        uint32_t participant = owner_participant(f->queue->owner);
        uint32_t ticket = wait_ticket(f->waiting);
        uint64_t alarm = UINT64_MAX;
        int r, slept = 0;

        wait_announce(f->waiting, participant);
        r = attempt(f);
        /* After the ticket: whoever sets the alarm sooner makes it invalid. */
        if (f->alarm)
                alarm = queue_alarm(f->queue);
        if (r == -EAGAIN)
                slept = sleep_timed(f, ticket, MIN(alarm, deadline_usec));
        if (slept == -ETIMEDOUT && alarm < deadline_usec)
                slept = 0;
        wait_retract(f->waiting, participant);
        if (r == -EAGAIN)
                r = attempt(f);
        if (r == 0 && f->pass_on)
                wait_wake(f->waiting);
        return r == -EAGAIN && slept < 0 ? slept : r;
}

static int wait_until(const struct wait_for *f, uint64_t deadline_usec) {
        int r = attempt(f);

        if (r == -EAGAIN)
                r = spin(f);
        if (r == -EAGAIN)
                r = give_way(f);
        while (r == -EAGAIN)
                r = sleep_once(f, deadline_usec);
        return r;
}

int queue_receive_wait(struct queue *q, struct lease *ret, uint64_t deadline_usec, const _Atomic uint32_t *drain) {
        return wait_until(&(struct wait_for){ q, ret, queue_receive, &q->messages, drain, true, false }, deadline_usec);
}

/** Whoever waits for space waits until senders are refused no more, too. */
static int reserve_unless_refused(struct queue *q, struct lease *ret) {
        int r = queue_reserve(q, ret);

        return r == -EDQUOT ? -EAGAIN : r;
}

int queue_reserve_wait(struct queue *q, struct lease *ret, uint64_t deadline_usec) {
        /* One slot that is leased or cancelled may open a whole row of free ones behind it, and it wakes one. */
        return wait_until(&(struct wait_for){ q, ret, reserve_unless_refused, &q->space, NULL, false, true }, deadline_usec);
}

/** Awake: senders need not post any more. */
static void disarm(struct queue *q) {
        if (!q->armed)
                return;
        q->armed = false;
        wait_poll_retract(&q->messages, owner_participant(q->owner));
}

int queue_receive_poll(struct queue *q, struct lease *ret) {
        bool woken = q->armed;
        int r;

        disarm(q);
        if (woken)
                sys_event_take(q->messages.event_fd);
        r = queue_receive(q, ret);
        if (r == -EAGAIN) {
                q->armed = true;
                wait_poll_announce(&q->messages, owner_participant(q->owner));
                r = queue_receive(q, ret);
                if (r == -EAGAIN)
                        return r;
                disarm(q);
        }
        /* The post that we took may have been for more than one message: pass it on to the other pollers. */
        if (r == 0)
                wait_pass_on(&q->messages);
        return r;
}
