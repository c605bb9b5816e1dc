/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_PROC_H
#define GANGER_DAEMON_PROC_H

/*
 * What /proc tells of a process
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_stat {
        char state;                     /* 'Z', 'X': dead */
        pid_t parent;
        pid_t group, session;
        uint64_t started;               /* in ticks since the machine was booted */
};

/** @return 0; -ESRCH: there is no such process; -errno. */
int proc_read_stat(pid_t pid, struct proc_stat *ret);

static inline bool proc_is_dead(const struct proc_stat *stat) {
        return stat->state == 'Z' || stat->state == 'X';
}

/** Called for a child. @return < 0: stop. */
typedef int (*proc_child_fn)(void *userdata, pid_t child);

/**
 * For the children of all threads of a process, as far as they stay where they are meanwhile. @return 0; -errno; or of
 * `fn`.
 */
int proc_each_child(pid_t pid, proc_child_fn fn, void *userdata);

/**
 * The values of variables in the environment that a process was executed with.
 * @param names   "A=" each.
 * @param values  `size` bytes each: set to "", or to the value, if it fits.
 * @return 0; -errno.
 */
int proc_environment(pid_t pid, const char *const *names, char **values, size_t size, size_t n);

#endif
