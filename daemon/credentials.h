/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CREDENTIALS_H
#define GANGER_DAEMON_CREDENTIALS_H

/*
 * Secrets: copies of files, for one instance and for as long as it has a process
 */

#include "base/error.h"

struct gang;
struct instance;
struct user;

/** Bytes of all of an instance. */
#define CREDENTIALS_MAX (1024 * 1024)

/**
 * Make the directory of the next process of an instance.
 * @param ret  its path, for the environment; NULL: there are no credentials. Free it.
 * @return 0; or -errno: nothing of it is left.
 */
int credentials_make(struct instance *instance, const struct user *user, char **ret, struct error *error);

/** Its process is gone, or never was. */
void credentials_remove(struct gang *gang, const char *key);

/** Take-over: remove those of instances that have no process. */
void credentials_take_over(struct gang *gang);

/** The daemon ends. */
void credentials_end(struct gang *gang);

#endif
