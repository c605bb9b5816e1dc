/* SPDX-License-Identifier: MIT */
/*
 * Who works, and who is a spare
 *
 * Each step gives one role; a swap raises the level of those that work, so it ends.
 */

#include "daemon/policy/standby.h"

#define NOBODY ((size_t)-1)

/** The spare that can work soonest. */
static size_t best_spare(const struct standby_seat *seats, size_t n) {
        size_t best = NOBODY;

        for (size_t i = 0; i < n; i++)
                if (seats[i].spare && (best == NOBODY || seats[i].level > seats[best].level))
                        best = i;
        return best;
}

/** Of those that work, the one that can do so last. */
static size_t worst_worker(const struct standby_seat *seats, size_t n) {
        size_t worst = NOBODY;

        for (size_t i = n; i > 0; i--)
                if (!seats[i - 1].spare && (worst == NOBODY || seats[i - 1].level < seats[worst].level))
                        worst = i - 1;
        return worst;
}

static size_t count_workers(const struct standby_seat *seats, size_t n) {
        size_t workers = 0;

        for (size_t i = 0; i < n; i++)
                workers += !seats[i].spare;
        return workers;
}

static bool should_swap(const struct standby_seat *seats, size_t spare, size_t worker) {
        return spare != NOBODY && worker != NOBODY && seats[spare].level == STANDBY_READY &&
               seats[worker].level <= STANDBY_LATER;
}

size_t standby_assign(struct standby_seat *seats, size_t n, size_t wanted) {
        size_t workers = count_workers(seats, n), moved = 0, spare, worker;

        for (; workers < wanted && workers < n; workers++, moved++)
                seats[best_spare(seats, n)].spare = false;
        for (; workers > wanted; workers--, moved++)
                seats[worst_worker(seats, n)].spare = true;
        for (;;) {
                spare = best_spare(seats, n);
                worker = worst_worker(seats, n);
                if (!should_swap(seats, spare, worker))
                        return moved;
                seats[spare].spare = false;
                seats[worker].spare = true;
                moved += 2;
        }
}
