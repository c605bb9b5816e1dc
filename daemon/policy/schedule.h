/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_SCHEDULE_H
#define GANGER_DAEMON_POLICY_SCHEDULE_H

/*
 * When what runs every so often runs next, and what is done if it still runs
 *
 * Pure: the caller passes the time and a random word.
 */

#include <stdbool.h>
#include <stdint.h>

/** What is done at the time of a run, when the one before has not ended. The words for it are the configuration's. */
enum schedule_overlap {
        SCHEDULE_SKIP,                  /* nothing: the next one is that after */
        SCHEDULE_QUEUE,                 /* it runs again when it has ended, once however often it was due */
        SCHEDULE_KILL,                  /* it is ended, and runs again */
        _SCHEDULE_OVERLAP_N,
};

enum schedule_action {
        SCHEDULE_NOTHING,
        SCHEDULE_START,
        SCHEDULE_START_LATER,           /* when the process has ended */
        SCHEDULE_RESTART,
};

/**
 * The time of the next run: on a grid from `first` on, so that runs do not drift, and each later by a part of the jitter.
 * What was missed (nobody was there, or the machine slept) is not made up for.
 * @param every        not 0.
 * @param jitter_usec  at most; less than `every`, or it counts as that.
 * @param after        the run is after this.
 */
uint64_t schedule_next(uint64_t first, uint64_t every, uint64_t jitter_usec, uint64_t after, uint64_t random);

/** What is done now that it is due. @param running  it has a process, or waits for one. */
enum schedule_action schedule_action(enum schedule_overlap overlap, bool running);

#endif
