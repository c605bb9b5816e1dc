/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_HOST_WORK_H
#define GANGER_TESTS_HOST_WORK_H

#include "ganger.h"

/** The exit status of host_work() when it was asked to drain. */
#define HOST_WORK_DRAINED 7

/**
 * What a member of a test's host does: forwards from "jobs" to "results" what it receives, until it is told otherwise by a
 * message: "stop" (acknowledge, and return 0), "die" (SIGKILL, with that message held, at its first delivery), "hold" (say
 * so in "results", and wait for ever).
 * @return the exit status of the process.
 */
int host_work(struct ganger *g);

#endif
