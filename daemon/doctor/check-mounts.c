/* SPDX-License-Identifier: MIT */
/*
 * What was to be mounted, beside the mounts that a process sees
 *
 * A row for each kind of step. What a step does to its path can be seen there: what is mounted, and whether it can be
 * written to. That of steps which only make a place for others is seen by these.
 */

#include "daemon/doctor/check-mounts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/isolation/mounts.h"
#include "daemon/keeper/protocol.h"

#define NSEC_PER_USEC 1000

struct place {
        const char *path;               /* as the process has it */
        const char *source;
        const struct mount_entry *mount; /* that it is in, of the process */
        const struct mount_entry *own;  /* … and ours */
};

static bool ends_with(const char *text, const char *end) {
        size_t n = strlen(text), m = strlen(end);

        return n >= m && strcmp(text + n - m, end) == 0;
}

static const char *read_only(const struct place *p) {
        return p->mount->read_only ? NULL : "can be written to";
}

static const char *read_write(const struct place *p) {
        return p->mount->read_only && !p->own->read_only ? "cannot be written to" : NULL;
}

static const char *bound(const struct place *p) {
        return mount_is_at(p->mount, p->path) ? NULL : "is not bound";
}

static const char *bound_read_only(const struct place *p) {
        return bound(p) ?: read_only(p);
}

static bool is_own_tmpfs(const struct place *p) {
        return mount_is_at(p->mount, p->path) && strcmp(p->mount->type, "tmpfs") == 0 &&
               strcmp(p->mount->device, p->own->device) != 0;
}

static const char *hidden_directory(const struct place *p) {
        return is_own_tmpfs(p) && p->mount->read_only && mount_has_option(p->mount, "mode=000") ? NULL :
               "can be looked into";
}

/* Below the device that was put there. */
static const char *hidden_file(const struct place *p) {
        return mount_is_at(p->mount, p->path) && p->mount->read_only && ends_with(p->mount->root, "/null") ? NULL :
               "can be opened";
}

static const char *own_tmpfs(const struct place *p) {
        return is_own_tmpfs(p) ? NULL : "is that of the host";
}

static const char *own_proc(const struct place *p) {
        char options[128], *rest = options, *option;

        if (!mount_is_at(p->mount, p->path) || strcmp(p->mount->type, "proc") != 0 ||
            strcmp(p->mount->device, p->own->device) == 0)
                return "is that of the host";
        snprintf(options, sizeof options, "%s", p->source);
        while ((option = strsep(&rest, ",")))
                if (strcmp(option, MOUNTS_PROC_PLAIN) != 0 && !mount_has_option(p->mount, option))
                        return "shows more";
        return NULL;
}

/* Whose they are its namespace says. */
static const char *own_cgroups(const struct place *p) {
        return mount_is_at(p->mount, p->path) && strcmp(p->mount->type, "cgroup2") == 0 ? NULL : "is that of the host";
}

static const char *own_cgroups_read_only(const struct place *p) {
        return own_cgroups(p) ?: read_only(p);
}

/* What is its root is a part of what we see, or on another file system. */
static const char *entered(const struct place *p) {
        return strcmp(p->mount->root, p->own->root) != 0 || strcmp(p->mount->device, p->own->device) != 0 ? NULL :
               "is not its root";
}

static const char *made(const struct place *p) {
        return NULL;
}

static const char *(*const kinds[])(const struct place *p) = {
        [KEEPER_MOUNT_READ_ONLY] = read_only,
        [KEEPER_MOUNT_READ_WRITE] = read_write,
        [KEEPER_MOUNT_BIND] = bound,
        [KEEPER_MOUNT_BIND_READ_ONLY] = bound_read_only,
        [KEEPER_MOUNT_HIDE_DIRECTORY] = hidden_directory,
        [KEEPER_MOUNT_HIDE_FILE] = hidden_file,
        [KEEPER_MOUNT_SHARED_TMPFS] = own_tmpfs,
        [KEEPER_MOUNT_TMPFS] = own_tmpfs,
        [KEEPER_MOUNT_DIRECTORY] = made,
        [KEEPER_MOUNT_FILE] = made,
        [KEEPER_MOUNT_DEVICES] = own_tmpfs,
        [KEEPER_MOUNT_LINK] = made,
        [KEEPER_MOUNT_SEAL] = read_only,
        [KEEPER_MOUNT_TERMINALS] = bound,
        [KEEPER_MOUNT_PROC] = own_proc,
        [KEEPER_MOUNT_ROOT] = made,
        [KEEPER_MOUNT_ENTER] = entered,
        [KEEPER_MOUNT_CGROUPS] = own_cgroups,
        [KEEPER_MOUNT_CGROUPS_READ_ONLY] = own_cgroups_read_only,
};
_Static_assert(ARRAY_SIZE(kinds) == KEEPER_MOUNT_LAST + 1, "each kind of step can be seen");

/* Below its root, which is not in what it sees. */
static const char *inside(const char *path, const char *root) {
        size_t n = root ? strlen(root) : 0;

        if (n == 0 || strncmp(path, root, n) != 0 || (path[n] && path[n] != '/'))
                return path;
        return path[n] ? path + n : "/";
}

const char *mount_step_fault(const Ganger__Keeper__Mount *step, const char *root, const struct mount_table *mounts,
                             const struct mount_table *own) {
        const char *path = inside(step->path, root);
        const char *outside = step->what == KEEPER_MOUNT_ENTER ? "/" : step->path;
        const struct place p = { path, step->source, mount_table_find(mounts, path), mount_table_find(own, outside) };

        if (!p.mount || !p.own)
                return "is in no mount";
        return step->what < ARRAY_SIZE(kinds) && kinds[step->what] ? kinds[step->what](&p) : NULL;
}

static bool is_newer(const char *path, uint64_t usec) {
        struct statx st;

        if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &st) < 0 || !(st.stx_mask & STATX_BTIME))
                return false;
        return (uint64_t)st.stx_btime.tv_sec * USEC_PER_SEC + st.stx_btime.tv_nsec / NSEC_PER_USEC > usec;
}

bool mount_step_is_newer(const Ganger__Keeper__Mount *step, uint64_t usec) {
        return is_newer(step->path, usec) || (*step->source && is_newer(step->source, usec));
}
