/* SPDX-License-Identifier: MIT */

/*
 * Waiting for any of several things
 *
 * Announce at each, look at each, sleep at all of them, retract everywhere, look at each: what wait.h says of one eventcount
 * holds for each, and one barrier serves them all. Tickets are older than the announcements, so a wake-up that comes after
 * them is not slept through. Linearises at the look that finds something.
 *
 * One sleeper can be woken at several places before it runs, and each of those who woke it wakes nobody else. It takes at
 * one place only, and may then be busy for long. So it passes on what it does not take: after the last look, which
 * comes after it was retracted everywhere, it wakes another sleeper wherever something is there, but at the first. Partner
 * of that wake-up is the last look of who is woken by it. Where waiting is watched (wait.h), or only one can wait, there is
 * nothing to pass on.
 *
 * What a flag holds up (wait.h) is not ready, is announced nowhere, and is slept for at the flag. Which those are is found
 * out once in a round, before the announcements, and looked at again after them: who finds that one was set meanwhile does
 * not sleep, or it would take a wake-up there from those who are not held. One that is set later wakes us, since whoever
 * sets it wakes all who wait there.
 *
 * A kernel before 5.16 has no futex_waitv(2). There one waits as pollers do, with the event descriptors; a post is seen by
 * every poller, and sleepers are woken besides, so nothing is taken from anybody.
 */

#include "shm/wait-any.h"

#include <errno.h>

#include "base/cleanup.h"
#include "shm/fault.h"
#include "shm/sys.h"

/** The kernel, or a test, says that we must do without futex_waitv(2). */
static atomic_bool by_descriptors;

void wait_any_by_descriptors(bool on) {
        atomic_store(&by_descriptors, on);
}

struct any {
        struct wait_item *items;
        size_t n;
        uint64_t deadline_usec;
        int watch;                      /* for sys_watch_wait(); -1: not needed so far */
};

static uint32_t flag_of(const struct wait_item *item) {
        return item->drain ? atomic_load_explicit((_Atomic uint32_t *)item->drain, memory_order_relaxed) : 0;
}

int wait_any_look(struct wait_item *items, size_t n) {
        int found = 0;

        for (size_t i = 0; i < n; i++)
                if (flag_of(&items[i]) & WAIT_ENDS)
                        return -ESHUTDOWN;
        for (size_t i = 0; i < n; i++) {
                items[i].ready = flag_of(&items[i]) == 0 && items[i].is_ready(&items[i]);
                found += items[i].ready;
        }
        return found > 0 ? found : -EAGAIN;
}

/** A round begins: whom it is slept for at its flag. */
static void note_held(const struct any *a) {
        for (size_t i = 0; i < a->n; i++)
                a->items[i].held = SHM_FAULT == FAULT_ANY_HELD_ANNOUNCED ? 0 : flag_of(&a->items[i]) & ~WAIT_ENDS;
}

/** Is something held up that was not when the round began? */
static bool any_held_since(const struct any *a) {
        for (size_t i = 0; i < a->n; i++)
                if (!a->items[i].held && flag_of(&a->items[i]) & ~WAIT_ENDS)
                        return SHM_FAULT != FAULT_ANY_HELD_ANNOUNCED && SHM_FAULT != FAULT_ANY_HELD_SINCE;
        return false;
}

/** Whoever waits there for the same looks, too. */
static void pass_on(const struct wait_item *item) {
        if (item->waiting && !item->waiting->watched)
                wait_wake(item->waiting);
}

/**
 * Look for the last time, and pass on. Whoever is to drain looks at nothing, and takes nothing: it passes on
 * everything, since whoever asked it has woken those only who wait for the same as it.
 */
static int last_look(const struct any *a) {
        int r = wait_any_look(a->items, a->n);
        bool first = r != -ESHUTDOWN;

        if (r == -ESHUTDOWN && SHM_FAULT == FAULT_ANY_DRAINED)
                return r;
        for (size_t i = 0; i < a->n; i++) {
                if (!a->items[i].ready && r != -ESHUTDOWN)
                        continue;
                if ((!first && SHM_FAULT != FAULT_ANY_KEPT) || (a->items[i].many && SHM_FAULT != FAULT_ANY_ONE))
                        pass_on(&a->items[i]);
                first = false;
        }
        return r;
}

/* ---- announcing ---------------------------------------------------------------------------------- */

static void announce_all(const struct any *a, bool polls) {
        for (size_t i = 0; i < a->n; i++) {
                const struct wait_item *item = &a->items[i];

                if (item->held || (!item->waiting && SHM_FAULT == FAULT_CALLER_UNANNOUNCED))
                        continue;
                if (!item->waiting)
                        /* Sequentially consistent: needs no barrier; see service_wake_caller(). */
                        atomic_store(item->alone.sleeping, (uint32_t)(polls ? ALONE_POLLS : ALONE_ASLEEP));
                else if (polls || item->waiting->watched)
                        wait_poll_announce_only(item->waiting, item->participant);
                else
                        wait_announce_only(item->waiting, item->participant);
        }
}

/** One barrier for all: the stronger one if they differ. */
static void barrier(const struct any *a) {
        const struct waiting *w = NULL;

        for (size_t i = 0; i < a->n; i++)
                if (a->items[i].waiting && !a->items[i].held && (!w || !a->items[i].waiting->fences))
                        w = a->items[i].waiting;
        if (w)
                wait_barrier(w);
}

static void retract_all(const struct any *a, bool polls) {
        for (size_t i = 0; i < a->n; i++) {
                const struct wait_item *item = &a->items[i];

                if (item->held)
                        continue;
                if (!item->waiting)
                        atomic_store_explicit(item->alone.sleeping, (uint32_t)ALONE_AWAKE, memory_order_relaxed);
                else if (!polls && !item->waiting->watched)
                        wait_retract(item->waiting, item->participant);
                else if (!item->polls)
                        wait_poll_retract(item->waiting, item->participant);
        }
}

/* ---- how long ------------------------------------------------------------------------------------ */

/**
 * The first alarm, or the deadline if that comes before it. After tickets were taken, or posts forgotten; see
 * wait-until.c.
 */
static uint64_t wake_time(const struct any *a) {
        uint64_t first = a->deadline_usec;

        for (size_t i = 0; i < a->n; i++)
                if (a->items[i].alarm && !a->items[i].held && SHM_FAULT != FAULT_ANY_NO_ALARM)
                        first = MIN(first, a->items[i].alarm(&a->items[i]));
        return first;
}

/** @param until  wake_time(). */
static int slept_until(const struct any *a, uint64_t until, int r) {
        return r == -ETIMEDOUT && until < a->deadline_usec ? 0 : r;
}

/* ---- asleep at futexes --------------------------------------------------------------------------- */

static void take_tickets(const struct any *a, struct sys_futex *tickets) {
        for (size_t i = 0; i < a->n; i++) {
                const struct wait_item *item = &a->items[i];

                if (item->held) {
                        tickets[i] = (struct sys_futex){ .word = (_Atomic uint32_t *)item->drain, .value = item->held };
                        continue;
                }
                tickets[i].word = item->waiting ? &item->waiting->count->event : item->alone.event;
                tickets[i].value = atomic_load_explicit(tickets[i].word, memory_order_seq_cst);
        }
}

static int sleep_at_all(const struct any *a, const struct sys_futex *tickets) {
        uint64_t until = wake_time(a);
        int r = sys_futex_wait_any(tickets, a->n, until);

        if (r == -ENOSYS) {
                wait_any_by_descriptors(true);
                return 0;
        }
        return slept_until(a, until, r);
}

static int sleep_once(struct any *a) {
        struct sys_futex tickets[WAIT_ITEMS_MAX];
        int r, slept = 0;

        note_held(a);
        take_tickets(a, tickets);
        announce_all(a, false);
        barrier(a);
        r = SHM_FAULT == FAULT_ANY_BLIND ? -EAGAIN : wait_any_look(a->items, a->n);
        if (SHM_FAULT == FAULT_ANY_LATE_TICKET)
                take_tickets(a, tickets);
        if (r == -EAGAIN && !any_held_since(a))
                slept = sleep_at_all(a, tickets);
        retract_all(a, false);
        /* Also after a look that found something: what we were woken for meanwhile must be passed on. */
        r = last_look(a);
        return r == -EAGAIN && slept < 0 ? slept : r;
}

/* ---- at event descriptors ------------------------------------------------------------------------ */

static int open_watch(struct any *a) {
        int fds[WAIT_ITEMS_MAX];

        if (a->watch >= 0)
                return 0;
        for (size_t i = 0; i < a->n; i++)
                fds[i] = a->items[i].waiting ? a->items[i].waiting->event_fd : a->items[i].alone.event_fd;
        a->watch = sys_watch_open(fds, a->n);
        return a->watch < 0 ? a->watch : 0;
}

static int sleep_at_descriptors(const struct any *a) {
        uint64_t until = wake_time(a);

        return slept_until(a, until, sys_watch_wait(a->watch, until));
}

static int poll_once(struct any *a) {
        int r, slept = 0;

        r = open_watch(a);
        if (r < 0)
                return r;
        /* Forget the posts so far, then look: one that comes after this stays. */
        sys_watch_forget(a->watch);
        note_held(a);
        announce_all(a, true);
        barrier(a);
        r = wait_any_look(a->items, a->n);
        if (r == -EAGAIN && !any_held_since(a))
                slept = sleep_at_descriptors(a);
        retract_all(a, true);
        r = last_look(a);
        return r == -EAGAIN && slept < 0 ? slept : r;
}

/* ---- both ---------------------------------------------------------------------------------------- */

/** Look for a while, as in queue-wait.c. */
static int spin(const struct any *a) {
        uint32_t *budget = a->items[0].spin;

        for (uint32_t i = 0; budget && i < *budget; i++) {
                int r = wait_any_look(a->items, a->n);

                if (r != -EAGAIN) {
                        wait_spin_adapt(budget, true);
                        return r;
                }
                sys_relax();
        }
        if (budget)
                wait_spin_adapt(budget, false);
        return -EAGAIN;
}

int wait_any(struct wait_item *items, size_t n, uint64_t deadline_usec) {
        struct any a = { .items = items, .n = n, .deadline_usec = deadline_usec, .watch = -1 };
        int r = wait_any_look(items, n);

        if (r == -EAGAIN)
                r = spin(&a);
        while (r == -EAGAIN)
                r = atomic_load_explicit(&by_descriptors, memory_order_relaxed) ? poll_once(&a) : sleep_once(&a);
        if (a.watch >= 0)
                sys_watch_close(a.watch);
        return r;
}
