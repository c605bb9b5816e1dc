/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_CLONE_H
#define GANGER_KEEPER_CLONE_H

/*
 * A child that begins its life in a cgroup
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * Like clone(2) with CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, but the child is in the cgroup from the start.
 * @param stack  of the child; `size` bytes from there.
 * @param fn     runs in the child, and must not return.
 * @param cgroup_fd  directory of a cgroup v2.
 * @param namespaces  of its own, too: CLONE_NEW….
 * @return the child's pid, when it has executed or exited; or -errno: there is no child. -ENOSYS where this cannot be had.
 */
pid_t clone_into_cgroup(int (*fn)(void *), void *stack, size_t size, void *data, int cgroup_fd, uint64_t namespaces);

#endif
