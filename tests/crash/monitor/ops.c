/* SPDX-License-Identifier: MIT */

/*
 * Operations of actors: the real ones, with the history written beside them
 *
 * Compiled with the hooks, so that changing what the lock guards is a point too.
 */

#include <errno.h>

#include "monitor/world.h"
#include "shm/wait-any.h"

void op_change(int items) {
        struct data *d = world_data();

        d->begun++;
        d->items += (uint32_t)items;
        d->done++;
}

static void note_taken(struct actor *a) {
        for (unsigned int i = 0; i <= SIM_WORKERS; i++)
                if (history.holds[i] == DONE)
                        sim_fail("two hold the lock");
        if (history.broken == YES)
                sim_fail("a lock that nobody can have");
        history.broken = NO;
        history.holds[a->who] = DONE;
}

/** The lock was waited for, and the answer is there. */
static void note_answer(struct actor *a, int r) {
        history.holds[a->who] = NOT;
        sim_say("has an answer", (unsigned int)-r);
        switch (r) {
        case 0:
                note_taken(a);
                if (history.owed == YES)
                        sim_fail("the next one is not told of a death");
                if (world_data()->begun != world_data()->done)
                        sim_fail("half done, and nobody is told");
                history.owed = NO;
                return;
        case -EOWNERDEAD:
                note_taken(a);
                if (history.owed == NO)
                        sim_fail("told of a death that was none");
                history.owed = YES;
                return;
        case -ENOTRECOVERABLE:
                if (history.broken == NO)
                        sim_fail("not recoverable for no reason");
                history.broken = YES;
                return;
        default:
                return;
        }
}

int op_lock(struct actor *a, uint64_t deadline) {
        int r;

        sim_boundary();
        sim_say("locks", 0);
        history.holds[a->who] = BEGUN;
        r = monitor_lock(&a->monitor, deadline);
        note_answer(a, r);
        if (r != 0 && r != -EOWNERDEAD && r != -ENOTRECOVERABLE && (r != -ETIMEDOUT || deadline == NO_LIMIT))
                sim_fail("lock fails");
        return r;
}

int op_lock_any(struct actor *a, bool polls) {
        struct wait_item item = monitor_lock_item(&a->monitor);
        int r;

        sim_boundary();
        wait_any_by_descriptors(polls);
        a->watches = true;
        if (wait_any(&item, 1, UINT64_MAX) != 1 || !item.ready)
                sim_fail("waiting for any fails");
        a->watches = false;
        history.holds[a->who] = BEGUN;
        r = monitor_try(&a->monitor);
        note_answer(a, r);
        return r;
}

void op_unlock(struct actor *a) {
        sim_boundary();
        sim_say("unlocks", 0);
        history.holds[a->who] = BEGUN;
        if (history.owed == YES)
                history.broken = PERHAPS;
        if (monitor_unlock(&a->monitor) < 0)
                sim_fail("a lock was lost");
        if (history.broken == PERHAPS && history.owed == YES) {
                history.broken = YES;
                history.owed = NO;
        }
        history.holds[a->who] = NOT;
}

void op_repair(struct actor *a) {
        struct data *d = world_data();

        d->done = d->begun;
        if (monitor_consistent(&a->monitor) < 0)
                sim_fail("it cannot be declared consistent");
        history.owed = NO;
        if (monitor_consistent(&a->monitor) != -EINVAL)
                sim_fail("declared consistent twice");
}

int op_wait(struct actor *a, uint32_t condition, uint64_t deadline, bool drains) {
        int r;

        sim_boundary();
        sim_say("waits for", condition);
        history.holds[a->who] = BEGUN;
        r = monitor_wait(&a->monitor, condition, deadline, drains ? &sim_members[a->who].drain : NULL);
        note_answer(a, r == -ETIMEDOUT || r == -ESHUTDOWN ? 0 : r);
        if (r != 0 && r != -EOWNERDEAD && r != -ENOTRECOVERABLE && (r != -ETIMEDOUT || deadline == NO_LIMIT) &&
            (r != -ESHUTDOWN || !drains))
                sim_fail("wait fails");
        return r;
}

void op_signal(struct actor *a, uint32_t condition) {
        sim_say("signals", condition);
        if (monitor_signal(&a->monitor, condition) < 0)
                sim_fail("signal fails");
}

void op_broadcast(struct actor *a, uint32_t condition) {
        sim_say("tells all of", condition);
        if (monitor_broadcast(&a->monitor, condition) < 0)
                sim_fail("broadcast fails");
}
