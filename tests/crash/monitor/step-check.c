/* SPDX-License-Identifier: MIT */

/*
 * What must hold in an arena after its dead were recovered
 *
 * As in crashsim: nobody has the lock, nobody has reserved it, nobody waits; whoever comes then has it, and is told if
 * what it guards is half changed; a lock is unrecoverable only where somebody made it so.
 */

#include <errno.h>
#include <string.h>

#include "monitor/step-world.h"

const size_t arena_size = sizeof(struct arena);

static struct region region_of(struct arena *a) {
        return (struct region){
                .base = a->memory,
                .size = STEP_MONITOR_BYTES,
                .geometry = { .kind = OBJECT_MONITOR, .slots = STEP_CONDITIONS },
        };
}

void arena_open(struct arena *a, struct monitor *m, uint32_t participant) {
        struct region r = region_of(a);

        monitor_open(m, &r, participant, participant ? STEP_GENERATION : 0, -1);
        m->spin = m->condition_spin = 0;
}

size_t arena_regions(struct arena *a, struct region ret[STEP_REGIONS_MAX]) {
        ret[0] = region_of(a);
        return 1;
}

void arena_reset(struct arena *a) {
        memset(a, 0, sizeof *a);
}

void arena_recover(struct arena *a, uint32_t participant) {
        struct region r = region_of(a);
        struct object object;
        const struct seat seat = { &object, 0, participant, 1, STEP_GENERATION };

        object_open(&object, &r, -1);
        recover_process(NULL, &seat, 1, "killed", NULL);
}

void step_change(struct arena *a, struct monitor *m, int r) {
        if (r == -EOWNERDEAD) {
                a->done = a->begun;
                (void)monitor_consistent(m);
        }
        a->begun++;
        a->done++;
}

/** While the victim is half done. It may have the lock, or have reserved it. */
const char *arena_peer(struct arena *a) {
        struct monitor m;
        int r;

        arena_open(a, &m, STEP_PEER);
        r = monitor_lock(&m, LONG_AGO);
        if (r == -ETIMEDOUT || r == -ENOTRECOVERABLE)
                return r == -ENOTRECOVERABLE && !a->spoilt ? "not recoverable for no reason" : NULL;
        if (r != 0 && r != -EOWNERDEAD)
                return "a peer cannot lock";
        if (a->holds)
                return "two hold the lock";
        if (r == 0 && a->begun != a->done)
                return "half done, and a peer is not told";
        step_change(a, &m, r);
        if (monitor_signal(&m, 0) < 0)
                return "a peer cannot signal";
        r = monitor_wait(&m, 0, LONG_AGO, NULL);
        if (r != 0 && r != -ETIMEDOUT)
                return "a peer cannot wait";
        return monitor_unlock(&m) < 0 ? "a peer lost the lock" : NULL;
}

static const char *check_nobody(const struct monitor *m) {
        struct monitor_view view;

        monitor_look(m, &view);
        if (view.participant != 0)
                return "a dead one holds the lock";
        if (view.reserved != 0)
                return "a dead one has reserved the lock";
        if (monitor_waiter_after(m, MONITOR_LOCK, 0, NULL) != 0 || monitor_waiter_after(m, 0, 0, NULL) != 0)
                return "a dead one waits";
        return NULL;
}

static const char *check_rounds(struct monitor *m) {
        for (unsigned int i = 0; i < 3; i++) {
                if (monitor_lock(m, LONG_AGO) != 0 || monitor_wait(m, 0, LONG_AGO, NULL) != -ETIMEDOUT)
                        return "the lock does not work any more";
                if (monitor_unlock(m) != 0)
                        return "the lock is lost";
        }
        return NULL;
}

const char *arena_check(struct arena *a, const struct operation *op) {
        struct monitor judge;
        const char *why;
        int r;

        arena_open(a, &judge, STEP_JUDGE);
        why = check_nobody(&judge);
        if (why)
                return why;
        r = monitor_lock(&judge, LONG_AGO);
        if (r == -ENOTRECOVERABLE)
                return op->flags & STEP_SPOILS && a->spoilt && !a->holds ? NULL : "not recoverable for no reason";
        if (r != 0 && r != -EOWNERDEAD)
                return "the lock cannot be had";
        if (r == 0 && (a->begun != a->done || a->holds))
                return "whoever comes next is not told of a death";
        step_change(a, &judge, r);
        if (monitor_unlock(&judge) != 0)
                return "the lock is lost";
        return check_rounds(&judge);
}
