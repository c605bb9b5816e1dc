/* SPDX-License-Identifier: MIT */
/*
 * Where our cgroup is
 *
 * The kernel says it in two halves: /proc/self/mountinfo where the tree of version 2 is mounted, from which of its folders
 * on; and /proc/self/cgroup where in the tree we are. Beside a tree of version 1 ("hybrid") it is mounted somewhere else
 * than usual and has no controllers, which is as good: all that is wanted of it is to hold processes together.
 *
 * A mount may lie under another, and a container may see a tree that it may not write to. So each is tried.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/cgroup.h"

/* The line "0::PATH". What lies outside of our cgroup namespace is shown as "/..": we cannot get there. */
static int find_path(char **ret) {
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

/* What is left of `path` below `root`; NULL: it is not below it. */
static const char *below(const char *path, const char *root) {
        size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);

        if (strncmp(path, root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
                return NULL;
        return path + n;
}

/* A process may be put from one cgroup into another by whoever may write to the procs of the one above both. */
static int open_own(const char *mount, const char *path) {
        _cleanup_(freep) char *name = NULL;
        _cleanup_(closep) int fd = -1;
        struct statfs fs;

        if (asprintf(&name, "%s%s", mount, path) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstatfs(fd, &fs) < 0)
                return -errno;
        if (fs.f_type != CGROUP2_SUPER_MAGIC)
                return -ENOTSUP;
        if (faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) < 0 || faccessat(fd, ".", W_OK, AT_EACCESS) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* "ID PARENT DEVICE ROOT POINT OPTIONS … - cgroup2 …" */
static int try_mount(const char *line, const char *path) {
        _cleanup_(freep) char *root = NULL, *point = NULL;
        const char *type = strstr(line, " - "), *rest;

        if (!type || strncmp(type, " - cgroup2 ", 11) != 0)
                return -ENOENT;
        if (sscanf(line, "%*s %*s %*s %ms %ms", &root, &point) != 2)
                return -EINVAL;
        rest = below(path, root);
        /* A blank in a name is written as an octal number; nobody mounts cgroups there. */
        return rest && !strchr(point, '\\') ? open_own(point, rest) : -ENOENT;
}

/* From "/a/b/MOVED_TO" to "/a/b". @return whether it is so. */
static bool strip(char *path, const char *moved_to) {
        char *last = strrchr(path, '/');

        if (!last || strcmp(last + 1, moved_to) != 0)
                return false;
        last[last == path] = '\0';
        return true;
}

int cgroup_find_own(const char *moved_to, bool *ret_moved) {
        _cleanup_(fclosep) FILE *f = fopen("/proc/self/mountinfo", "re");
        _cleanup_(freep) char *line = NULL, *path = NULL;
        size_t allocated = 0;
        int r;

        if (!f)
                return -errno;
        r = find_path(&path);
        if (r < 0)
                return r;
        *ret_moved = strip(path, moved_to);
        while (getline(&line, &allocated, f) >= 0) {
                r = try_mount(line, path);
                if (r >= 0)
                        return r;
        }
        return -ENOENT;
}
