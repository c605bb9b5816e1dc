/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CGROUP_DEVICES_H
#define GANGER_DAEMON_CGROUP_DEVICES_H

/*
 * The devices that whoever is in a cgroup may open
 */

#include <stdbool.h>

struct device_rules;

/**
 * Have rules in a cgroup, in the place of those that it has from us.
 * @param fd     its directory.
 * @param rules  NULL: none any more.
 * @param again  it may have some.
 * @return 0; -EPERM, -EINVAL, …: the kernel refuses it, and what there was is in force as before.
 */
int cgroup_devices_set(int fd, const struct device_rules *rules, bool again);

/** Whether a cgroup has rules of ours itself. @return 1, 0, or -errno: it is not told. */
int cgroup_devices_has(int fd);

/** Whether exactly these are in force in it: its own, or those of one above it. @return 1, 0, or -errno: it is not told. */
int cgroup_devices_are(int fd, const struct device_rules *rules);

/** Whether the kernel would take a program at all. @return 0 or -errno. */
int cgroup_devices_try(void);

#endif
