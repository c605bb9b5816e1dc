/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CORE_FILE_H
#define GANGER_DAEMON_CORE_FILE_H

/*
 * Where the kernel has put a core file: core(5)
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** The process that dumped it. */
struct core_process {
        pid_t pid;
        bool own_pids;                  /* it may have had another number in a namespace of its own … */
        bool inside;                    /* … and has another one than ours outside of the namespace that we are in */
        int signal;
        const char *directory;          /* where it started */
};

/**
 * A core_pattern for one process, as a pattern of glob(7): `*` stands for what we cannot know. Pure.
 * @param uses_pid  kernel.core_uses_pid.
 * @return 0; -ENXIO: it is piped to a program, and there is no file; -ENAMETOOLONG.
 */
int core_file_pattern(char *buf, size_t size, const char *pattern, bool uses_pid, const struct core_process *process);

/** Are our numbers of processes not those of the machine? Most often they are, which a /proc that says nothing leaves at. */
bool core_file_is_inside(void);

/** Where it is, in words: its path, "piped to …", or where it should have been. @return `buf`. */
char *core_file_tell(char *buf, size_t size, const struct core_process *process);

#endif
