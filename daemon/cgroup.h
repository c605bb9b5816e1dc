/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CGROUP_H
#define GANGER_DAEMON_CGROUP_H

/*
 * A cgroup for each instance, where there is a cgroup v2 that we may write to
 *
 * With one, SIGKILL reaches everything that an instance has started, even what left its process group. Where
 * there is none, every function here does nothing and says so.
 */

#include <stdbool.h>

struct cgroups {
        int fd;                         /* the directory that holds those of our instances; -1: there is none */
        char *path;
};

#define CGROUPS_NULL ((struct cgroups){ .fd = -1 })

/**
 * Find out whether cgroups can be had, by trying.
 * Tidies up after daemons that were killed.
 * @param name  of our directory below the cgroup that this process is in: "ganger-PID-ANYTHING" with the keeper's pid,
 *              so the same for each manager of a keeper.
 * @return 1: they can, 0: they cannot. Never fails.
 */
int cgroups_init(struct cgroups *c, const char *name);

/** Close; with `remove`, also remove our directory, but for what is in use. */
void cgroups_done(struct cgroups *c, bool remove);

/** Give them up: what is there stays, no new one is made (the kernel refused a spawn into one). */
void cgroups_disable(struct cgroups *c);

/** Make (or find again) the cgroup of an instance. @return its directory's descriptor; -EOPNOTSUPP: there are none; -errno. */
int cgroup_open(struct cgroups *c, const char *key);

/** SIGKILL to all that is in it. @return 0; -EOPNOTSUPP: the kernel has no cgroup.kill; or -errno. */
int cgroup_kill(int fd);

/** Remove the cgroup of an instance, if it is empty. @return 0 or -errno. */
int cgroup_remove(struct cgroups *c, const char *key);

#endif
