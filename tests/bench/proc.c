/* SPDX-License-Identifier: MIT */

/*
 * What /proc says of a process
 *
 * Of a family one look at all processes is enough, since nothing is started or ends while the bench looks.
 */

#include "proc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/** Of what the kernel keeps of a name, with the end. */
#define NAME_SIZE 16

struct entry {
        pid_t pid, parent;
        bool in;                        /* of the family */
};

/** What stands behind the name, which may have anything in it; "" if the process is gone. */
static const char *read_stat(pid_t pid, char *line, size_t size) {
        const char *rest = NULL;
        char path[64];
        FILE *f;

        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        f = fopen(path, "r");
        if (f && fgets(line, (int)size, f))
                rest = strrchr(line, ')');
        if (f)
                fclose(f);
        return rest ? rest + 1 : "";
}

unsigned long proc_ticks(pid_t pid) {
        unsigned long user = 0, system = 0;
        char line[1024];

        if (sscanf(read_stat(pid, line, sizeof line), " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                   &system) != 2)
                bench_die("/proc/%d/stat", (int)pid);
        return user + system;
}

double proc_pss(pid_t pid) {
        char path[64], line[256];
        double kb = 0;
        FILE *f;

        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
        f = fopen(path, "r");
        while (f && fgets(line, sizeof line, f))
                if (sscanf(line, "Pss: %lf", &kb) == 1)
                        break;
        if (f)
                fclose(f);
        return kb;
}

bool proc_is_called(pid_t pid, const char *name) {
        char path[64], line[NAME_SIZE + 1] = "";
        FILE *f;

        snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
        f = fopen(path, "r");
        if (f && fgets(line, sizeof line, f))
                line[strcspn(line, "\n")] = '\0';
        if (f)
                fclose(f);
        return strncmp(line, name, NAME_SIZE - 1) == 0;
}

static size_t read_all(struct entry **ret) {
        DIR *proc = opendir("/proc");
        struct entry *all = NULL;
        struct dirent *d;
        size_t n = 0;

        if (!proc)
                bench_die("/proc");
        while ((d = readdir(proc))) {
                char line[1024];
                int parent;

                if (d->d_name[0] < '1' || d->d_name[0] > '9' ||
                    sscanf(read_stat((pid_t)atoi(d->d_name), line, sizeof line), " %*c %d", &parent) != 1)
                        continue;
                if (n % 1024 == 0)
                        all = realloc(all, (n + 1024) * sizeof *all);
                if (!all)
                        bench_die("realloc");
                all[n++] = (struct entry){ .pid = (pid_t)atoi(d->d_name), .parent = parent };
        }
        closedir(proc);
        *ret = all;
        return n;
}

static int by_pid(const void *a, const void *b) {
        const struct entry *x = a, *y = b;

        return (x->pid > y->pid) - (x->pid < y->pid);
}

/** Mark whoever has a marked parent. @return whether anybody was. */
static bool spread(struct entry *all, size_t n) {
        bool more = false;

        for (size_t i = 0; i < n; i++) {
                const struct entry *parent = bsearch(&(struct entry){ .pid = all[i].parent }, all, n, sizeof *all, by_pid);

                if (!all[i].in && parent && parent->in)
                        all[i].in = more = true;
        }
        return more;
}

size_t proc_family(pid_t pid, pid_t **ret) {
        struct entry *all;
        size_t n = read_all(&all), found = 0;
        pid_t *family = calloc(n + 1, sizeof *family);

        if (!family)
                bench_die("calloc");
        qsort(all, n, sizeof *all, by_pid);
        for (size_t i = 0; i < n; i++)
                all[i].in = all[i].pid == pid;
        while (spread(all, n))
                ;
        for (size_t i = 0; i < n; i++)
                if (all[i].in)
                        family[found++] = all[i].pid;
        free(all);
        *ret = family;
        return found;
}
