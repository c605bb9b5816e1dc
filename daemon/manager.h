/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_MANAGER_H
#define GANGER_DAEMON_MANAGER_H

/*
 * The manager: the process that decides
 */

struct gang;
struct options;

/** Be the manager, to the end. @return the exit status of the process. */
int manager_run(const struct options *options);

/**
 * Stop everything, in reverse order of definition, and then leave (SIGTERM, `gangerctl shutdown`): with status 0, or that of
 * the worker or group whose end this is (exit-action.h).
 */
void manager_stop(struct gang *gang);

#endif
