/* SPDX-License-Identifier: MIT */

/*
 * Finding deadlocks
 *
 * First all who wait count as stuck; then those are taken out who can go on, and so whoever waits for them, until nothing
 * changes. What is left is the largest set of threads that hold each other up. Each of its locks is held by threads of it
 * only, so following from a thread to its lock to a holder of that must come round: that is the cycle.
 */

#include "daemon/policy/deadlock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"

void deadlocks_done(struct deadlocks *d) {
        free(d->steps);
        free(d->lengths);
        *d = DEADLOCKS_NULL;
}

static bool is_sound(const struct wait_graph *g) {
        for (size_t i = 0; i < g->n_holds; i++)
                if (g->holds[i].thread >= g->n_threads || g->holds[i].lock >= g->n_locks)
                        return false;
        for (size_t i = 0; i < g->n_threads; i++)
                if (g->waits[i] != DEADLOCK_NONE && g->waits[i] >= g->n_locks)
                        return false;
        return true;
}

/* ---- who is stuck ------------------------------------------------------------------------------ */

/* A stuck thread that holds a lock, for each that nobody can give back; DEADLOCK_NONE: somebody can. */
static void find_holders(const struct wait_graph *g, const bool *stuck, uint32_t *holders, bool *open) {
        for (size_t i = 0; i < g->n_locks; i++) {
                open[i] = g->free[i] > 0;
                holders[i] = DEADLOCK_NONE;
        }
        for (size_t i = 0; i < g->n_holds; i++) {
                const struct wait_hold *hold = &g->holds[i];

                open[hold->lock] |= !stuck[hold->thread];
                if (holders[hold->lock] == DEADLOCK_NONE)
                        holders[hold->lock] = hold->thread;
        }
        for (size_t i = 0; i < g->n_locks; i++)
                if (open[i])
                        holders[i] = DEADLOCK_NONE;
}

static void find_stuck(const struct wait_graph *g, bool *stuck, uint32_t *holders, bool *open) {
        bool changed = true;

        for (size_t i = 0; i < g->n_threads; i++)
                stuck[i] = g->waits[i] != DEADLOCK_NONE;
        while (changed) {
                changed = false;
                find_holders(g, stuck, holders, open);
                for (size_t i = 0; i < g->n_threads; i++)
                        if (stuck[i] && holders[g->waits[i]] == DEADLOCK_NONE) {
                                stuck[i] = false;
                                changed = true;
                        }
        }
}

/* ---- cycles ------------------------------------------------------------------------------------ */

/* Follow from a thread until one comes again. @param seen  by which walk (from 1 on) a thread was met; 0: none. */
static void follow(const struct wait_graph *g, const uint32_t *holders, uint32_t thread, uint32_t walk, uint32_t *seen,
                   size_t *n_steps, struct deadlocks *d) {
        uint32_t first;

        for (; seen[thread] == 0; thread = holders[g->waits[thread]])
                seen[thread] = walk;
        if (seen[thread] != walk)
                return; /* it leads into a cycle that is known */
        first = thread;
        d->lengths[d->n] = 0;
        do {
                d->steps[(*n_steps)++] = (struct deadlock_step){ .thread = thread, .lock = g->waits[thread] };
                d->lengths[d->n]++;
                thread = holders[g->waits[thread]];
        } while (thread != first);
        d->n++;
}

int deadlocks_find(const struct wait_graph *g, struct deadlocks *ret) {
        _cleanup_(freep) bool *stuck = calloc(g->n_threads + 1, sizeof *stuck), *open = calloc(g->n_locks + 1, sizeof *open);
        _cleanup_(freep) uint32_t *holders = calloc(g->n_locks + 1, sizeof *holders);
        _cleanup_(freep) uint32_t *seen = calloc(g->n_threads + 1, sizeof *seen);
        struct deadlocks d = {
                .steps = calloc(g->n_threads + 1, sizeof *d.steps), .lengths = calloc(g->n_threads + 1, sizeof *d.lengths),
        };
        size_t n_steps = 0;
        uint32_t walk = 0;

        if (!stuck || !open || !holders || !seen || !d.steps || !d.lengths) {
                deadlocks_done(&d);
                return -ENOMEM;
        }
        if (!is_sound(g)) {
                deadlocks_done(&d);
                return -EINVAL;
        }
        find_stuck(g, stuck, holders, open);
        for (size_t i = 0; i < g->n_threads; i++)
                if (stuck[i] && seen[i] == 0)
                        follow(g, holders, (uint32_t)i, ++walk, seen, &n_steps, &d);
        *ret = d;
        return 0;
}
