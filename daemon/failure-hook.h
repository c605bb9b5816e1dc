/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_FAILURE_HOOK_H
#define GANGER_DAEMON_FAILURE_HOOK_H

/*
 * on-failure: a program that is run when an instance has failed
 *
 * It runs beside the instance (side-process.h), under the key "KEY/on-failure". Nobody waits for it. It is run exactly once
 * for each failure: that it is due is in the instance's record, from the write that makes the instance `failed` until the
 * keeper has said that the program runs.
 */

struct instance;

/** The instance is about to be `failed`: it is due once that is written down. */
void failure_hook_wish(struct instance *instance);

/** Run it, if it is due; not while the one of an earlier failure still runs, whose end starts this one. */
void failure_hook_run(struct instance *instance);

#endif
