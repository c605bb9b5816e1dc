/* SPDX-License-Identifier: MIT */
/*
 * A cgroup for each instance, where there is a cgroup v2 that we may write to
 *
 * Our directory lies below the cgroup that the daemon runs in. No controller is enabled in it, so the daemon need not
 * leave its own cgroup ("no internal processes" concerns controllers only).
 */

#include "daemon/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"

#define CGROUP_NAME_MAX (NAME_LENGTH_MAX + 16)

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

int cgroups_init(struct cgroups *c, const char *name) {
        *c = CGROUPS_NULL;
        if (cgroups_find(c, name) < 0)
                return 0;
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
                (void)rmdir(c->path); /* not empty, or never made: it stays */
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
