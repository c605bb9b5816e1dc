/* SPDX-License-Identifier: MIT */
/*
 * private-devices: a /dev in which there is what every program may have
 *
 * Each device is the host's own, mounted read-only: so it can be read and written, but its owner and mode, which are the
 * host's too, cannot be changed. What is a link on the host is one here, and what the host has not, is not here either.
 * Terminals are its own.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/isolation/mounts-collect.h"

#define KEY "private-devices"
/** A link in /dev is a few dozen bytes. */
#define LINK_MAX_BYTES 256

static const struct {
        const char *path;
        uint32_t what;
} devices[] = {
        { "/dev/null", KEEPER_MOUNT_BIND_READ_ONLY }, { "/dev/zero", KEEPER_MOUNT_BIND_READ_ONLY },
        { "/dev/full", KEEPER_MOUNT_BIND_READ_ONLY }, { "/dev/random", KEEPER_MOUNT_BIND_READ_ONLY },
        { "/dev/urandom", KEEPER_MOUNT_BIND_READ_ONLY }, { "/dev/tty", KEEPER_MOUNT_BIND_READ_ONLY },
        { "/dev/pts", KEEPER_MOUNT_TERMINALS }, { "/dev/shm", KEEPER_MOUNT_BIND },
        { "/dev/mqueue", KEEPER_MOUNT_BIND }, { "/dev/hugepages", KEEPER_MOUNT_BIND }, { "/dev/log", KEEPER_MOUNT_BIND },
        { "/dev/fd", KEEPER_MOUNT_LINK }, { "/dev/stdin", KEEPER_MOUNT_LINK }, { "/dev/stdout", KEEPER_MOUNT_LINK },
        { "/dev/stderr", KEEPER_MOUNT_LINK },
};

/* /dev/ptmx finds its terminals by where it is: so it cannot be the host's. */
static int add_terminals(struct mounts *m) {
        int r = mounts_add(m, KEEPER_MOUNT_TERMINALS, KEY, mounts_name(m, "/dev/pts"), NULL);

        return r < 0 ? r : mounts_add(m, KEEPER_MOUNT_LINK, KEY, mounts_name(m, "/dev/ptmx"), strdup("pts/ptmx"));
}

/* A link to one that is not there is none. */
static int add_one(struct mounts *m, const char *path, uint32_t what) {
        char link[LINK_MAX_BYTES + 1];
        ssize_t n = readlink(path, link, sizeof link);
        struct stat st;

        if (stat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (what == KEEPER_MOUNT_TERMINALS)
                return add_terminals(m);
        if (n < 0)
                return what == KEEPER_MOUNT_LINK ? 0 : mounts_add(m, what, KEY, mounts_name(m, path), strdup(path));
        if ((size_t)n == sizeof link)
                return -ENAMETOOLONG;
        link[n] = '\0';
        return mounts_add(m, KEEPER_MOUNT_LINK, KEY, mounts_name(m, path), strdup(link));
}

int mounts_add_devices(struct mounts *m, struct error *error) {
        char *path = mounts_find(m, "/dev");
        int r = path ? mounts_add(m, KEEPER_MOUNT_DEVICES, KEY, path, NULL) : -errno;

        if (r < 0)
                return mounts_error(error, r, KEY, "/dev");
        for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
                r = add_one(m, devices[i].path, devices[i].what);
                if (r < 0)
                        return mounts_error(error, r, KEY, devices[i].path);
        }
        return 0;
}
