/* SPDX-License-Identifier: MIT */
/*
 * A cgroup for each instance, where there is a cgroup v2 that we may write to
 *
 * Our directory lies below the cgroup that the daemon runs in. No controller is enabled in it, so the daemon need not
 * leave its own cgroup ("no internal processes" concerns controllers only).
 */

#include "daemon/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"

#define CGROUP_NAME_MAX (NAME_LENGTH_MAX + 16)

static void closedirp(DIR **directory) {
        if (*directory)
                closedir(*directory);
}

/* Where cgroup v2 is mounted: "… MOUNTPOINT OPTIONS … - cgroup2 …" of mountinfo. */
static int find_mount(char **ret) {
        _cleanup_(fclosep) FILE *f = fopen("/proc/self/mountinfo", "re");
        _cleanup_(freep) char *line = NULL;
        size_t allocated = 0;

        if (!f)
                return -errno;
        while (getline(&line, &allocated, f) >= 0) {
                char *type = strstr(line, " - ");
                char root[256], point[1024];

                if (!type || strncmp(type, " - cgroup2 ", 11) != 0)
                        continue;
                /* Only the whole tree: then the paths of /proc/self/cgroup are below it. */
                if (sscanf(line, "%*s %*s %*s %255s %1023s", root, point) != 2 || strcmp(root, "/") != 0 ||
                    strchr(point, '\\'))
                        continue;
                *ret = strdup(point);
                return *ret ? 0 : -ENOMEM;
        }
        return -ENOENT;
}

/* The cgroup v2 that this process is in: the line "0::PATH". */
static int find_own(char **ret) {
        _cleanup_(fclosep) FILE *f = fopen("/proc/self/cgroup", "re");
        _cleanup_(freep) char *line = NULL;
        size_t allocated = 0;

        if (!f)
                return -errno;
        while (getline(&line, &allocated, f) >= 0) {
                if (strncmp(line, "0::/", 4) != 0 || strstr(line, "/.."))
                        continue;
                line[strcspn(line, "\n")] = '\0';
                *ret = strdup(line + 3);
                return *ret ? 0 : -ENOMEM;
        }
        return -ENOENT;
}

static int cgroups_find(struct cgroups *c, const char *name) {
        _cleanup_(freep) char *mount = NULL, *own = NULL;
        int r;

        r = find_mount(&mount);
        if (r < 0)
                return r;
        r = find_own(&own);
        if (r < 0)
                return r;
        if (asprintf(&c->path, "%s%s/%s", mount, strcmp(own, "/") == 0 ? "" : own, name) < 0) {
                c->path = NULL;
                return -ENOMEM;
        }
        return 0;
}

/* Our directory, or that of another daemon, with the empty ones in it. What is in use stays. */
static void remove_tree(const char *path) {
        _cleanup_(closedirp) DIR *directory = opendir(path);
        struct dirent *entry;

        while (directory && (entry = readdir(directory)))
                if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
                        (void)unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
        (void)rmdir(path);
}

/* Is it of a daemon like us (a name that differs in the pid only) that is gone? */
static bool is_stale(const char *entry, const char *name) {
        const char *suffix = strrchr(name, '-'), *other = strrchr(entry, '-');
        int pid;

        return suffix && other && strcmp(suffix, other) == 0 && sscanf(entry, "ganger-%d-", &pid) == 1 && pid > 0 &&
               kill(pid, 0) < 0 && errno == ESRCH;
}

/* A keeper that was killed could not tidy up. */
static void remove_stale(const char *path, const char *name) {
        _cleanup_(freep) char *parent = strndup(path, strlen(path) - strlen(name) - 1);
        _cleanup_(closedirp) DIR *directory = parent ? opendir(parent) : NULL;
        struct dirent *entry;

        while (directory && (entry = readdir(directory))) {
                _cleanup_(freep) char *stale = NULL;

                if (!is_stale(entry->d_name, name))
                        continue;
                if (asprintf(&stale, "%s/%s", parent, entry->d_name) < 0)
                        stale = NULL;
                else
                        remove_tree(stale);
        }
}

int cgroups_init(struct cgroups *c, const char *name) {
        *c = CGROUPS_NULL;
        if (cgroups_find(c, name) < 0)
                return 0;
        remove_stale(c->path, name);
        if (mkdir(c->path, 0755) < 0 && errno != EEXIST)
                return 0;
        c->fd = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (c->fd >= 0 && faccessat(c->fd, "cgroup.procs", W_OK, 0) < 0)
                cgroups_disable(c);
        return c->fd >= 0;
}

void cgroups_disable(struct cgroups *c) {
        c->fd = close_fd(c->fd);
}

void cgroups_done(struct cgroups *c, bool remove) {
        c->fd = close_fd(c->fd);
        if (remove && c->path)
                remove_tree(c->path);
        free(c->path);
        *c = CGROUPS_NULL;
}

/* "resize/1" is one directory, "resize:1": a colon is in no worker's name. */
static int cgroup_name(char *buf, size_t size, const char *key) {
        int n = snprintf(buf, size, "%s", key);

        if (n < 0 || (size_t)n >= size)
                return -ENAMETOOLONG;
        for (char *p = buf; *p; p++)
                if (*p == '/')
                        *p = ':';
        return 0;
}

int cgroup_open(struct cgroups *c, const char *key) {
        char name[CGROUP_NAME_MAX];
        int fd, r;

        if (c->fd < 0)
                return -EOPNOTSUPP;
        r = cgroup_name(name, sizeof name, key);
        if (r < 0)
                return r;
        if (mkdirat(c->fd, name, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(c->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int cgroup_kill(int fd) {
        _cleanup_(closep) int kill_fd = -1;

        if (fd < 0)
                return -EOPNOTSUPP;
        kill_fd = openat(fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
        if (kill_fd < 0)
                return errno == ENOENT ? -EOPNOTSUPP : -errno;
        return fd_write_all(kill_fd, "1", 1);
}

int cgroup_remove(struct cgroups *c, const char *key) {
        char name[CGROUP_NAME_MAX];
        int r;

        if (c->fd < 0)
                return 0;
        r = cgroup_name(name, sizeof name, key);
        if (r < 0)
                return r;
        return unlinkat(c->fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}
