/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CGROUP_CONTROL_H
#define GANGER_DAEMON_CGROUP_CONTROL_H

/*
 * Controllers of cgroups: which there are, and what they bound an instance to
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct cgroups;
struct worker_resources;

/** A bit each. */
enum cgroup_controller {
        CGROUP_CPU = 1 << 0,
        CGROUP_MEMORY = 1 << 1,
        CGROUP_PIDS = 1 << 2,
        CGROUP_IO = 1 << 3,
};

/** Those that are needed for it. */
unsigned int cgroup_controllers_for(const struct worker_resources *resources);

/**
 * Have controllers in the cgroups of our instances. While processes are in the cgroup above them the kernel refuses;
 * then ours, the keeper and this one, move to a cgroup beside them.
 * @return those of `wanted` that are there.
 */
unsigned int cgroups_enable(struct cgroups *c, unsigned int wanted);

/** Undo that, as far as possible, so that the cgroup is as it was found. Those of instances are gone. */
void cgroups_disable_controllers(struct cgroups *c);

/** What hinders a key: "memory-max". */
typedef void (*cgroup_fault_fn)(void *userdata, const char *key, int error);

/**
 * Write what bounds one cgroup.
 * @param fd   its directory; -1: there is none.
 * @param all  also what is not set, as the kernel has it then: something was, before.
 * @param fn   told of each key that could not be written; -ENOENT: its controller is not there.
 */
void cgroup_write(int fd, const struct worker_resources *resources, bool all, cgroup_fault_fn fn, void *userdata);

/** What a key bounds a cgroup to. */
struct cgroup_bound {
        const char *file;               /* in its directory: "memory.max" */
        char text[64];                  /* what is in it then, or is there without the key */
        bool is_set;                    /* the key says anything, or another one does that implies it */
        bool is_memory;                 /* bytes, which the kernel takes in whole pages */
};

/** @return whether it is a key of this kind. */
bool cgroup_bound_of(const struct worker_resources *resources, const char *key, struct cgroup_bound *ret);

/** A bit each of those whose names are in such a file of a cgroup ("cgroup.controllers"). */
unsigned int cgroup_read_controllers(int fd, const char *file);

#endif
