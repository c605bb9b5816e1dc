/* SPDX-License-Identifier: MIT */
/*
 * root-directory: whose paths are those of another directory
 *
 * The root is mounted over itself, since only what is mounted can be entered; then all else is mounted in it, and it is
 * entered last. Where it has a directory for /proc, /sys or /dev on which nothing is mounted, ours is: paths below them
 * are looked for in ours, since they are not there yet. /run is empty and its own.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "daemon/config/config.h"
#include "daemon/config/root.h"
#include "daemon/isolation/mounts-collect.h"

#define KEY "root-directory"

static const char *const apis[_MOUNTS_API_N] = { [MOUNTS_PROC] = "/proc", [MOUNTS_SYS] = "/sys", [MOUNTS_DEV] = "/dev" };

char *mounts_name(const struct mounts *m, const char *path) {
        char *name = NULL;

        if (!m->root)
                return strdup(path);
        if (asprintf(&name, "%s%s", m->root, path[1] ? path : "") < 0)
                return NULL;
        return name;
}

static bool is_in_ours(const struct mounts *m, const char *path) {
        for (size_t i = 0; i < _MOUNTS_API_N; i++) {
                size_t n = strlen(apis[i]);

                if (m->apis[i] && strncmp(path, apis[i], n) == 0 && (path[n] == '/' || path[n] == '\0'))
                        return true;
        }
        return false;
}

char *mounts_find(const struct mounts *m, const char *path) {
        _cleanup_(freep) char *ours = NULL;
        char *found = NULL;
        int r;

        if (!m->root)
                return realpath(path, NULL);
        if (is_in_ours(m, path)) {
                ours = realpath(path, NULL);
                return ours ? mounts_name(m, ours) : NULL;
        }
        r = root_find(m->root, path, &found);
        if (r < 0)
                errno = -r;
        return found;
}

char *mounts_source(const struct mounts *m, const char *path, const char *found) {
        return m->root && is_in_ours(m, path) ? realpath(path, NULL) : strdup(found);
}

/* A directory on which nothing is mounted. */
static bool is_place(const char *path) {
        struct statx stx;

        return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &stx) >= 0 && S_ISDIR(stx.stx_mode) &&
               !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* @param own  it is mounted by another key. */
static int add_api(struct mounts *m, enum mounts_api api, bool own) {
        _cleanup_(freep) char *name = mounts_name(m, apis[api]);

        if (!name)
                return -ENOMEM;
        m->apis[api] = is_place(name);
        if (!m->apis[api] || own)
                return 0;
        return mounts_add(m, KEEPER_MOUNT_BIND, KEY, TAKE(name), strdup(apis[api]));
}

static int add_run(struct mounts *m) {
        _cleanup_(freep) char *name = mounts_name(m, "/run");

        if (!name)
                return -ENOMEM;
        return is_place(name) ? mounts_add(m, KEEPER_MOUNT_TMPFS, KEY, TAKE(name), NULL) : 0;
}

int mounts_begin_root(struct mounts *m, struct mounts *kept, const struct worker_isolation *i, struct error *error) {
        bool own_proc = i->protect_proc != WORKER_PROC_DEFAULT || i->proc_subset == WORKER_SUBSET_PID || m->own_pids;
        int r;

        if (!i->root_directory)
                return 0;
        m->root = realpath(i->root_directory, NULL);
        if (!m->root)
                return mounts_error(error, -errno, KEY, i->root_directory);
        if (!m->root[1]) {              /* as without it */
                free(m->root);
                m->root = NULL;
                return 0;
        }
        r = mounts_add(kept, KEEPER_MOUNT_ROOT, KEY, strdup(m->root), strdup(m->root));
        if (r >= 0)
                r = add_api(m, MOUNTS_PROC, own_proc);
        if (r >= 0)
                r = add_api(m, MOUNTS_SYS, false);
        if (r >= 0)
                r = add_api(m, MOUNTS_DEV, i->private_devices);
        if (r >= 0)
                r = add_run(m);
        return r < 0 ? mounts_error(error, r, KEY, m->root) : 0;
}

int mounts_enter_root(const struct mounts *m, struct mounts *kept, struct error *error) {
        int r = m->root ? mounts_add(kept, KEEPER_MOUNT_ENTER, KEY, strdup(m->root), NULL) : 0;

        return r < 0 ? mounts_error(error, r, KEY, m->root) : 0;
}
