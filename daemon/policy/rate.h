/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_RATE_H
#define GANGER_DAEMON_POLICY_RATE_H

/*
 * A limit of lines in a period
 *
 * As journald's: the period begins with the first line of all, or after the one before it; the first N of it pass, and of
 * the others only the number is kept. It costs no memory, whatever N is.
 */

#include <stdbool.h>
#include <stdint.h>

struct rate {
        uint64_t since_usec;            /* when the period began; 0: none has */
        uint32_t passed;                /* in it */
        uint64_t dropped;               /* in it, and not told of */
};

#define RATE_NULL ((struct rate){ 0 })

/**
 * Is the period over? Then it ends.
 * @param now  CLOCK_MONOTONIC; never smaller than in an earlier call.
 * @return how many were dropped in it: to be told, and forgotten.
 */
uint64_t rate_turn(struct rate *r, uint64_t period_usec, uint64_t now);

/** Ask for one to pass, after rate_turn(). @param max  N; 0: no limit. @return whether it may; else it is counted. */
bool rate_admit(struct rate *r, uint32_t max, uint64_t now);

#endif
