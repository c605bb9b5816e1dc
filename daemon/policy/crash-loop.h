/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_CRASH_LOOP_H
#define GANGER_DAEMON_POLICY_CRASH_LOOP_H

/*
 * Crash loops
 *
 * A worker that crashes every eleven seconds keeps to a restart limit of 5/10s, and does so for ever. It is in a crash
 * loop when CRASH_LOOP_ENDS processes in a row have failed, each within CRASH_LOOP_RUN_USEC of its start. One that ends
 * well, or runs for longer, ends the row. Nothing follows but that it is said: when the row becomes a loop, and then each
 * time that it has become twice as long. Pure: the caller passes the times.
 */

#include <stdbool.h>
#include <stdint.h>

#define CRASH_LOOP_ENDS 10
#define CRASH_LOOP_RUN_USEC (10 * 60 * UINT64_C(1000000))

/** The row of failures. It is in the state memory. */
struct crash_loop {
        uint32_t n;                     /* failures in the row */
        uint64_t since_usec;            /* the first of them */
};

#define CRASH_LOOP_NULL ((struct crash_loop){ 0 })

/**
 * A process has ended.
 * @param failed    badly, by itself.
 * @param ran_usec  from its start to its end; 0: it could not be started.
 * @return whether it is to be said that this is a crash loop, or still is.
 */
bool crash_loop_note(struct crash_loop *loop, bool failed, uint64_t ran_usec, uint64_t now);

/**
 * Is it in one at this moment?
 * @param running_usec  for how long its process has been running; 0: there is none.
 */
bool crash_loop_holds(const struct crash_loop *loop, uint64_t running_usec);

#endif
