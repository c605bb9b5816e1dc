/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_STANDBY_H
#define GANGER_DAEMON_POLICY_STANDBY_H

/*
 * Who works, and who is a spare
 *
 * A worker with spares has more instances than are wanted. Which of them are the spares is a role that moves: when one
 * that works is lost, a spare has its role at once, and what replaces the lost one is the spare. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

/** How soon an instance can work. */
enum standby_level {
        STANDBY_GONE,                   /* no process, and none is due; or it is about to end */
        STANDBY_LATER,                  /* no process, but one is due */
        STANDBY_COMING,                 /* it starts; or it is held for another reason */
        STANDBY_READY,
};

struct standby_seat {
        enum standby_level level;
        bool spare;
};

/**
 * Move as few roles as it takes, so that
 * - `wanted` of them are no spares, or all if there are fewer;
 * - none is ready and a spare while one that is no spare has no process.
 * Who can work soonest is chosen first, then the lowest number; who gives its role away is chosen the other way round.
 * @return how many roles have moved.
 */
size_t standby_assign(struct standby_seat *seats, size_t n, size_t wanted);

#endif
