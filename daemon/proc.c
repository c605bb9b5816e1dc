/* SPDX-License-Identifier: MIT */
/*
 * What /proc tells of a process
 *
 * All of it can be of another process by now, if the number was used again: who acts on it holds a pidfd, and looks again.
 */

#include "daemon/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

/** Of an environment; the kernel allows more, and what is behind is not seen. */
#define ENVIRONMENT_MAX (128 * 1024)
#define STAT_MAX 1024

static int open_file(pid_t pid, const char *name) {
        char path[64];
        int fd;

        snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? (errno == ENOENT ? -ESRCH : -errno) : fd;
}

static ssize_t read_all(int fd, char *buf, size_t size) {
        size_t n = 0;

        while (n < size) {
                ssize_t got = read(fd, buf + n, size - n);

                if (got < 0)
                        return -errno;
                if (got == 0)
                        break;
                n += (size_t)got;
        }
        return (ssize_t)n;
}

int proc_read_stat(pid_t pid, struct proc_stat *ret) {
        _cleanup_(closep) int fd = open_file(pid, "stat");
        char text[STAT_MAX], *p;
        int parent, group, session;
        ssize_t n;

        if (fd < 0)
                return fd;
        n = read_all(fd, text, sizeof text - 1);
        if (n < 0)
                return (int)n;
        text[n] = '\0';
        /* The name of the program may have anything in it: what follows is behind the last parenthesis. */
        p = strrchr(text, ')');
        if (!p || sscanf(p + 1, " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64, &ret->state,
                         &parent, &group, &session, &ret->started) != 5)
                return -EPROTO;
        ret->parent = parent;
        ret->group = group;
        ret->session = session;
        return 0;
}

static int each_child_of_thread(pid_t pid, const char *thread, proc_child_fn fn, void *userdata) {
        _cleanup_(fclosep) FILE *f = NULL;
        char path[64];
        int child, r = 0;

        snprintf(path, sizeof path, "/proc/%d/task/%.16s/children", (int)pid, thread);
        f = fopen(path, "re");
        if (!f)
                return errno == ENOENT ? 0 : -errno;
        while (r >= 0 && fscanf(f, "%d", &child) == 1)
                r = fn(userdata, child);
        return r;
}

static void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

int proc_each_child(pid_t pid, proc_child_fn fn, void *userdata) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        char path[32];
        int r = 0;

        snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
        dir = opendir(path);
        if (!dir)
                return errno == ENOENT ? -ESRCH : -errno;
        while (r >= 0 && (entry = readdir(dir)))
                if (entry->d_name[0] != '.')
                        r = each_child_of_thread(pid, entry->d_name, fn, userdata);
        return r;
}

int proc_environment(pid_t pid, const char *const *names, char **values, size_t size, size_t n) {
        _cleanup_(closep) int fd = open_file(pid, "environ");
        _cleanup_(freep) char *text = malloc(ENVIRONMENT_MAX + 1);
        ssize_t length;

        for (size_t i = 0; i < n; i++)
                values[i][0] = '\0';
        if (fd < 0 || !text)
                return fd < 0 ? fd : -ENOMEM;
        length = read_all(fd, text, ENVIRONMENT_MAX);
        if (length < 0)
                return (int)length;
        text[length] = '\0';
        for (char *p = text; p < text + length; p += strlen(p) + 1)
                for (size_t i = 0; i < n; i++)
                        if (strncmp(p, names[i], strlen(names[i])) == 0 && strlen(p) - strlen(names[i]) < size)
                                strcpy(values[i], p + strlen(names[i]));
        return 0;
}
