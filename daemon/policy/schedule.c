/* SPDX-License-Identifier: MIT */
#include "daemon/policy/schedule.h"

#include "base/time.h"

uint64_t schedule_next(uint64_t first, uint64_t every, uint64_t jitter_usec, uint64_t after, uint64_t random) {
        uint64_t jitter = jitter_usec < every ? jitter_usec : every - 1, runs, at;

        if (after < first)
                return usec_add(first, jitter ? random % (jitter + 1) : 0);
        /* The last point of the grid that is not after it, and then the next one: the jitter may already lie behind. */
        runs = (after - first) / every + 1;
        if (runs > (USEC_INFINITY - first) / every)
                return USEC_INFINITY;
        at = first + runs * every;
        return usec_add(at, jitter ? random % (jitter + 1) : 0);
}

enum schedule_action schedule_action(enum schedule_overlap overlap, bool running) {
        static const enum schedule_action actions[_SCHEDULE_OVERLAP_N] = {
                [SCHEDULE_SKIP] = SCHEDULE_NOTHING,
                [SCHEDULE_QUEUE] = SCHEDULE_START_LATER,
                [SCHEDULE_KILL] = SCHEDULE_RESTART,
        };

        return running ? actions[overlap] : SCHEDULE_START;
}
