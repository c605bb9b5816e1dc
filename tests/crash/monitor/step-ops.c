/* SPDX-License-Identifier: MIT */

/*
 * The operations that stepkill kills, and the states in which they begin
 *
 * The victim's marks are plain stores: it says that it holds the lock after it has it, and takes that back before it
 * unlocks.
 */

#include <errno.h>

#include "monitor/step-world.h"
#include "shm/wait-any.h"

/* ---- states -------------------------------------------------------------------------------------- */

static void setup_free(struct arena *a) {
        (void)a; /* all zero */
}

static void setup_taken(struct arena *a) {
        struct monitor zombie;

        arena_open(a, &zombie, STEP_ZOMBIE);
        (void)monitor_try(&zombie);
}

/** The zombie holds it, and somebody has reserved it. */
static void setup_reserved(struct arena *a) {
        struct monitor waiter;

        setup_taken(a);
        arena_open(a, &waiter, STEP_WAITER);
        atomic_store(&waiter.control->reserved, waiter.owner);
}

static void setup_waiter(struct arena *a) {
        struct monitor waiter;
        struct waiting c;

        arena_open(a, &waiter, STEP_WAITER);
        c = monitor_condition(&waiter, 0);
        wait_announce(&waiter.lock, STEP_WAITER);
        wait_announce_ordered(&c, STEP_WAITER);
}

static void setup_dead(struct arena *a) {
        setup_taken(a);
        a->begun++;
        arena_recover(a, STEP_ZOMBIE);
}

/* ---- victims ------------------------------------------------------------------------------------- */

static int take(struct arena *a, struct monitor *m) {
        int r = monitor_lock(m, LONG_AGO);

        a->holds = r == 0 || r == -EOWNERDEAD;
        return r;
}

static void leave(struct arena *a, struct monitor *m) {
        a->holds = 0;
        (void)monitor_unlock(m);
}

static void do_lock(struct arena *a) {
        struct monitor m;
        int r;

        arena_open(a, &m, STEP_VICTIM);
        for (unsigned int i = 0; i < 2; i++) {
                r = take(a, &m);
                if (!a->holds)
                        return;
                step_change(a, &m, r);
                leave(a, &m);
        }
}

/** Reserve it, and give up; or have it, when the zombie was recovered. */
static void do_wait_for_lock(struct arena *a) {
        struct monitor m;
        int r;

        arena_open(a, &m, STEP_VICTIM);
        m.patience = 0;
        r = take(a, &m);
        if (!a->holds)
                return;
        step_change(a, &m, r);
        leave(a, &m);
}

static void do_wait(struct arena *a) {
        struct monitor m;
        int r;

        arena_open(a, &m, STEP_VICTIM);
        r = take(a, &m);
        if (!a->holds)
                return;
        step_change(a, &m, r);
        a->holds = 0;
        r = monitor_wait(&m, 0, LONG_AGO, NULL);
        a->holds = r == -ETIMEDOUT || r == 0 || r == -EOWNERDEAD;
        if (a->holds) {
                step_change(a, &m, r);
                leave(a, &m);
        }
}

static void do_signal(struct arena *a) {
        struct monitor m;
        int r;

        arena_open(a, &m, STEP_VICTIM);
        r = take(a, &m);
        if (!a->holds)
                return;
        step_change(a, &m, r);
        (void)monitor_signal(&m, 0);
        leave(a, &m);
        (void)monitor_signal(&m, 0);
}

static void do_broadcast(struct arena *a) {
        struct monitor m;

        arena_open(a, &m, STEP_VICTIM);
        (void)monitor_broadcast(&m, 0);
}

static void do_spoil(struct arena *a) {
        struct monitor m;
        int r;

        arena_open(a, &m, STEP_VICTIM);
        r = take(a, &m);
        a->spoilt = r == -EOWNERDEAD;
        if (a->holds)
                leave(a, &m);
}

static void do_wait_any(struct arena *a) {
        struct wait_item item;
        struct monitor m;

        arena_open(a, &m, STEP_VICTIM);
        item = monitor_lock_item(&m);
        (void)wait_any(&item, 1, LONG_AGO);
}

const struct operation operations[] = {
        { .name = "lock, unlock", .setup = setup_free, .victim = do_lock },
        { .name = "unlock, waiter", .setup = setup_waiter, .victim = do_lock },
        { .name = "contended lock", .setup = setup_taken, .victim = do_wait_for_lock },
        { .name = "reserved lock", .setup = setup_reserved, .victim = do_wait_for_lock },
        { .name = "wait", .setup = setup_free, .victim = do_wait },
        { .name = "signal", .setup = setup_waiter, .victim = do_signal },
        { .name = "broadcast", .setup = setup_waiter, .victim = do_broadcast },
        { .name = "consistent", .setup = setup_dead, .victim = do_lock, .flags = STEP_DEAD },
        { .name = "inconsistent unlock", .setup = setup_dead, .victim = do_spoil, .flags = STEP_DEAD | STEP_SPOILS },
        { .name = "wait for any", .setup = setup_taken, .victim = do_wait_any },
};
const unsigned int n_operations = sizeof operations / sizeof operations[0];
