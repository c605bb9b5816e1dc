/* SPDX-License-Identifier: MIT */

/*
 * The processes of this machine
 *
 * One that ends while we look is left out; its children then have a parent that is not in the list.
 */

#include "ctl/processes.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* "pid (name) state parent …"; a name may have anything in it: its end is the last parenthesis. @return is it there? */
static bool read_process(pid_t pid, struct process *ret) {
        char path[32], line[512], *open, *close;
        _cleanup_(fclosep) FILE *f = NULL;
        int parent;

        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        f = fopen(path, "re");
        if (!f || !fgets(line, sizeof line, f))
                return false;
        open = strchr(line, '(');
        close = strrchr(line, ')');
        if (!open || !close || close < open || sscanf(close + 1, " %*c %d", &parent) != 1)
                return false;
        *close = '\0';
        ret->pid = pid;
        ret->parent = parent;
        snprintf(ret->name, sizeof ret->name, "%.*s", PROCESS_NAME_MAX - 1, open + 1);
        return true;
}

static int processes_add(struct processes *p, size_t *allocated, const struct process *process) {
        struct process *list;

        if (p->n == *allocated) {
                *allocated = MAX((size_t)256, 2 * *allocated);
                list = reallocarray(p->list, *allocated, sizeof *list);
                if (!list)
                        return -ENOMEM;
                p->list = list;
        }
        p->list[p->n++] = *process;
        return 0;
}

static int compare_pids(const void *a, const void *b) {
        const struct process *x = a, *y = b;

        return (x->pid > y->pid) - (x->pid < y->pid);
}

int processes_read(struct processes *ret) {
        struct processes p = PROCESSES_NULL;
        size_t allocated = 0;
        struct dirent *entry;
        DIR *proc = opendir("/proc");
        int r = 0;

        if (!proc)
                return -errno;
        while (r == 0 && (entry = readdir(proc))) {
                struct process process;
                char *end;
                long pid = strtol(entry->d_name, &end, 10);

                if (*end == '\0' && pid > 0 && read_process((pid_t)pid, &process))
                        r = processes_add(&p, &allocated, &process);
        }
        closedir(proc);
        if (r < 0) {
                processes_done(&p);
                return r;
        }
        if (p.n > 0)
                qsort(p.list, p.n, sizeof *p.list, compare_pids);
        *ret = p;
        return 0;
}

void processes_done(struct processes *p) {
        free(p->list);
        *p = PROCESSES_NULL;
}

const struct process *processes_find(const struct processes *p, pid_t pid) {
        struct process key = { .pid = pid };

        return p->n > 0 ? bsearch(&key, p->list, p->n, sizeof key, compare_pids) : NULL;
}
