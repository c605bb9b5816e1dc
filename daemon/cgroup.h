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
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/list.h"

/** For how long the end of the daemon waits for the killed to be gone. */
#define CGROUPS_END_USEC (5 * UINT64_C(1000000))
/**
 * The cgroup of a process that lived shorter than this is not used again: maybe the process was killed at its birth, because
 * somebody else has written cgroup.kill.
 */
#define CGROUP_SETTLED_USEC (100 * UINT64_C(1000))

/** What is behind our name in that of the cgroup that the daemon itself moves to; see daemon/cgroup-control.h. */
#define CGROUP_DAEMON_SUFFIX ".daemon"

/** A cgroup that was left has become empty, and is removed. */
typedef void (*cgroups_left_fn)(void *userdata);

struct cgroups {
        int parent_fd;                  /* the cgroup that we are in */
        int fd;                         /* our directory in it, that holds those of our instances; -1: there is none */
        char *name;
        pid_t keeper;
        unsigned int controllers;       /* that our instances' cgroups have; see daemon/cgroup-control.h */
        unsigned int handed_on;         /* by the cgroup that we are in, since we asked it to */
        bool moved;                     /* keeper and manager are in a cgroup beside ours */
        sd_event *event;
        unsigned int names;             /* of one instance that were used so far, at most: nobody looks for others */
        struct list leaving;            /* those that are removed as soon as they are empty */
        sd_event_source *end;           /* the end is being waited for */
        bool given_up;                  /* … no longer */
        cgroups_left_fn left;
        void *userdata;
};

#define CGROUPS_NULL ((struct cgroups){ .parent_fd = -1, .fd = -1 })

/**
 * Find out whether cgroups can be had, by trying.
 * @param keeper  its pid: our directory bears its name, so it is the same for each manager of a keeper.
 * @param first   there was no manager of this keeper before: whatever dead keepers have left is killed and removed.
 * @return 1: they can, 0: they cannot. Never fails.
 */
int cgroups_init(struct cgroups *c, sd_event *event, pid_t keeper, bool first, cgroups_left_fn left, void *userdata);

/** Close; with `remove`, also remove our directory if it is empty. */
void cgroups_done(struct cgroups *c, bool remove);

/** Give them up: what is there stays, no new one is made (the kernel refused a spawn into one). */
void cgroups_disable(struct cgroups *c);

/**
 * Nothing of ours is wanted any more: SIGKILL to whatever is left, and remove it.
 * @return whether that is done; else call again when told by `left`. It is not waited for longer than CGROUPS_END_USEC.
 */
bool cgroups_end(struct cgroups *c);

/**
 * A manager takes over: kill and remove the cgroups of instances that have no process. Those that were about to be removed
 * would stay else, if nobody is called so any more.
 */
void cgroups_leave_strangers(struct cgroups *c, bool (*has_process)(void *userdata, const char *key), void *userdata);

/**
 * Which of its cgroups an instance is in. No descriptor is held for as long as it runs: those of the daemon are what bounds
 * the number of instances.
 */
typedef int cgroup_place;
#define CGROUP_NOWHERE (-1)

/**
 * Make a cgroup for the next process of an instance. It is a new one, in which nobody was killed.
 * @return where it is; -EOPNOTSUPP: there are none; -EEXIST: too many of it are still busy; or -errno.
 */
cgroup_place cgroup_make(struct cgroups *c, const char *key);

/** @return the directory of a cgroup that was made, the caller's to close; or -errno. */
int cgroup_open(const struct cgroups *c, const char *key, cgroup_place place);

/**
 * May the next process of an instance be born in the cgroup of the one before? Only if it is empty, and as it was when
 * it was made. The caller answers for it that nobody ever wrote its cgroup.kill.
 */
bool cgroup_is_as_new(const struct cgroups *c, const char *key, cgroup_place place);

/** How many processes the kernel has killed in it for want of memory; 0 also if that is not told. */
uint64_t cgroup_oom_kills(const struct cgroups *c, const char *key, cgroup_place place);

/** SIGKILL to all that is in it. @return 0; -EOPNOTSUPP: the kernel has no cgroup.kill; or -errno. */
int cgroup_kill(int fd);

/** SIGKILL to all that is in the cgroups of an instance, if there are any. */
void cgroup_kill_rest(struct cgroups *c, const char *key);

/** Called with the directory of each cgroup of an instance. */
void cgroup_each(struct cgroups *c, const char *key, void (*fn)(void *userdata, int fd), void *userdata);

/** Remove the cgroups of an instance and those below them, now or as soon as each is empty. */
void cgroup_remove(struct cgroups *c, const char *key);

/**
 * Find the cgroup of version 2 that the daemon was started in, if we may make others below it and start processes in them.
 * @param moved_to    if this process is in one of that name, it has moved there: then the one above it is meant.
 * @param ret_moved   whether it is.
 * @return the directory's descriptor, or -errno.
 */
int cgroup_find_own(const char *moved_to, bool *ret_moved);

/** Remove a cgroup and those below it. @return 0; -EBUSY: there are processes in it; or -errno. */
int cgroup_remove_tree(int parent_fd, const char *name);

#endif
