/* SPDX-License-Identifier: MIT */

/*
 * Crash loops
 *
 * Invariant: `n` counts the failures since the last process that ended well or ran long, and saturates; so the row
 * of a worker that recovers is forgotten, however long it was.
 */

#include "daemon/policy/crash-loop.h"

/* n = ENDS, 2 × ENDS, 4 × ENDS, …: a row of a million failures is said 17 times. */
static bool is_told(uint32_t n) {
        uint32_t times = n / CRASH_LOOP_ENDS;

        return n % CRASH_LOOP_ENDS == 0 && times > 0 && (times & (times - 1)) == 0;
}

bool crash_loop_note(struct crash_loop *loop, bool failed, uint64_t ran_usec, uint64_t now) {
        if (!failed || ran_usec >= CRASH_LOOP_RUN_USEC)
                *loop = CRASH_LOOP_NULL;
        if (!failed)
                return false;
        if (loop->n == 0)
                loop->since_usec = now;
        if (loop->n == UINT32_MAX)
                return false;
        loop->n++;
        return is_told(loop->n);
}

bool crash_loop_holds(const struct crash_loop *loop, uint64_t running_usec) {
        return loop->n >= CRASH_LOOP_ENDS && running_usec < CRASH_LOOP_RUN_USEC;
}
