/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_PLACEMENT_H
#define GANGER_DAEMON_PLACEMENT_H

/*
 * What the cgroups of a worker bound its instances to: at a start, and when the definition changes
 */

#include "base/error.h"
#include "daemon/config/config.h"

struct instance;
struct worker;

/** What a worker can say when it does not have what it is to have. */
#define PLACEMENT_WARNING_MAX 256

struct placement {
        struct worker_resources applied;        /* what its cgroups are bounded to; valid: */
        bool is_applied;                        /* something ever was */
        bool is_seen;                           /* since we are the manager */
        char warning[PLACEMENT_WARNING_MAX];    /* "": there is nothing to say */
};

/** Its definition is in force, or may be another one: bound what runs to it. */
void placement_apply(struct worker *worker);

/**
 * There is a cgroup for the next process of an instance.
 * @param fd  its directory; -1: there is none.
 * @return 0; -errno: the process must not be started: the error says why.
 */
int placement_prepare(struct instance *instance, int fd, struct error *error);

#endif
