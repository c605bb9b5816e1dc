/* SPDX-License-Identifier: MIT */

/*
 * Restart limits
 *
 * Invariant: the times never fall, and all that lie within the period of the last call are there; so
 * in no window of that period more than N restarts were granted.
 */

#include "daemon/policy/limit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"

/** Most instances that restart at all restart seldom: begin with the usual limits. */
#define ALLOCATED_FIRST 4

void restart_limit_done(struct restart_limit *l) {
        free(l->at_usec);
        *l = RESTART_LIMIT_NULL;
}

void restart_limit_clear(struct restart_limit *l) {
        l->n = 0;
}

/* Drop the oldest `count`. */
static void drop(struct restart_limit *l, uint32_t count) {
        if (count == 0)
                return;
        memmove(l->at_usec, l->at_usec + count, (l->n - count) * sizeof *l->at_usec);
        l->n -= count;
}

static void forget_older(struct restart_limit *l, uint64_t period_usec, uint64_t now) {
        uint32_t old = 0;

        while (old < l->n && now > usec_add(l->at_usec[old], period_usec))
                old++;
        drop(l, old);
}

static int reserve(struct restart_limit *l, uint32_t n) {
        uint32_t allocated = MAX(l->allocated, (uint32_t)ALLOCATED_FIRST);
        uint64_t *at;

        if (n <= l->allocated)
                return 0;
        while (allocated < n)
                allocated *= 2;
        at = reallocarray(l->at_usec, allocated, sizeof *at);
        if (!at)
                return -ENOMEM;
        l->at_usec = at;
        l->allocated = allocated;
        return 0;
}

bool restart_limit_admit(struct restart_limit *l, uint32_t max, uint64_t period_usec, uint64_t now) {
        if (max == 0)
                return true;
        forget_older(l, period_usec, now);
        if (l->n >= MIN(max, (uint32_t)RESTART_LIMIT_MAX))
                return false;
        if (reserve(l, l->n + 1) >= 0)
                l->at_usec[l->n++] = now;
        return true;
}

int restart_limit_restore(struct restart_limit *l, const uint64_t *at_usec, size_t n, uint64_t now) {
        size_t first = n > RESTART_LIMIT_MAX ? n - RESTART_LIMIT_MAX : 0;
        uint64_t last = 0;
        int r;

        l->n = 0;
        r = reserve(l, (uint32_t)(n - first));
        if (r < 0)
                return r;
        for (size_t i = first; i < n; i++)
                /* A record can be damaged; the order and the clock are what the rest relies on. */
                if (at_usec[i] <= now && at_usec[i] >= last)
                        l->at_usec[l->n++] = last = at_usec[i];
        return 0;
}
