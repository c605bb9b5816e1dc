/* SPDX-License-Identifier: MIT */

/*
 * Paths in another root
 *
 * The kernel follows their links, as it will when it is the root: none leads out of it.
 */

#include "daemon/config/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

static int root_open(const char *root, const char *path) {
        struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
        _cleanup_(closep) int at = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        long fd;

        if (at < 0)
                return -errno;
        fd = syscall(SYS_openat2, at, path, &how, sizeof how);
        return fd < 0 ? -errno : (int)fd;
}

int root_stat(const char *root, const char *path, struct stat *ret) {
        _cleanup_(closep) int fd = -1;

        if (!root)
                return stat(path, ret) < 0 ? -errno : 0;
        fd = root_open(root, path);
        if (fd < 0)
                return fd;
        return fstat(fd, ret) < 0 ? -errno : 0;
}

int root_find(const char *root, const char *path, char **ret) {
        _cleanup_(closep) int fd = root_open(root, path);
        char name[sizeof "/proc/self/fd/" + 12], buf[PATH_MAX];
        ssize_t n;

        if (fd < 0)
                return fd;
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        n = readlink(name, buf, sizeof buf);
        if (n < 0)
                return -errno;
        *ret = strndup(buf, (size_t)n);
        return *ret ? 0 : -ENOMEM;
}
