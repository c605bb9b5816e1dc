/* SPDX-License-Identifier: MIT */

/*
 * Where gangerd is
 *
 * A build tree finds its own before one that is installed.
 */

#include "ctl/find-gangerd.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** In the directory that our own executable is in; in a build tree that is below, where libtool puts programs. */
static bool find_beside(char *path, size_t size) {
        char own[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
        char *slash;

        if (n <= 0)
                return false;
        own[n] = '\0';
        slash = strrchr(own, '/');
        if (!slash)
                return false;
        *slash = '\0';
        if (slash - own >= 6 && strcmp(slash - 6, "/.libs") == 0)
                slash[-6] = '\0';
        return snprintf(path, size, "%s/gangerd", own) < (int)size && access(path, X_OK) == 0;
}

const char *find_gangerd(char *path, size_t size) {
        const char *named = getenv("GANGERD");

        if (named && *named && snprintf(path, size, "%s", named) < (int)size)
                return path;
        if (find_beside(path, size))
                return path;
        if (snprintf(path, size, "%s/gangerd", SBINDIR) < (int)size && access(path, X_OK) == 0)
                return path;
        return strcpy(path, "gangerd");
}
