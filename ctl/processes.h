/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_PROCESSES_H
#define GANGER_CTL_PROCESSES_H

/*
 * The processes of this machine, as /proc has them at about one moment
 */

#include <stddef.h>
#include <sys/types.h>

/** What the kernel keeps of a name, and its end. */
#define PROCESS_NAME_MAX 16

struct process {
        pid_t pid, parent;
        char name[PROCESS_NAME_MAX];
};

struct processes {
        struct process *list;           /* in the order of their pids */
        size_t n;
};

#define PROCESSES_NULL ((struct processes){ 0 })

/** @return 0 or -errno. */
int processes_read(struct processes *ret);
void processes_done(struct processes *p);

/** @return NULL: there is none. */
const struct process *processes_find(const struct processes *p, pid_t pid);

#endif
