/* SPDX-License-Identifier: MIT */

/*
 * A mount namespace of a process
 *
 * What must hold: it runs in the child, which shares our memory, so it makes system calls and nothing else; and nothing that
 * it mounts reaches the host: before anything else, all mounts are made to take from there and to give nothing back.
 *
 * What is put somewhere else, or must stay as it is below something that changes, is first held by a descriptor, as it was;
 * then the steps are done in their order, in which a path comes before those below it.
 */

#include "daemon/keeper/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/keeper/protocol.h"

#define _child_ __attribute__((__no_sanitize__("address", "undefined")))

/** Of what is for a PID namespace; it is known by its address. */
static const char private_pids[] = "private-pids";

/** Of a tmpfs in which nothing can be found, and of one for everybody; both bounded. */
#define EMPTY_OPTIONS "mode=000,size=4k,nr_inodes=2"
#define SHARED_OPTIONS "mode=1777,size=50%,nr_inodes=1m"
#define PLAIN_OPTIONS "mode=0755,size=10%,nr_inodes=400k"
#define TERMINALS_OPTIONS "newinstance,mode=0620,ptmxmode=0666"
/** … of one that nothing is in but places and links. */
#define DEVICES_OPTIONS "mode=0755,size=64k,nr_inodes=1k"

/** What is held before anything changes: its source, or, for what hides a file, the one that takes its place. */
static const struct {
        bool source, null;
} holds[KEEPER_MOUNT_LAST + 1] = {
        [KEEPER_MOUNT_READ_WRITE] = { .source = true }, [KEEPER_MOUNT_BIND] = { .source = true },
        [KEEPER_MOUNT_BIND_READ_ONLY] = { .source = true }, [KEEPER_MOUNT_HIDE_FILE] = { .null = true },
        [KEEPER_MOUNT_ROOT] = { .source = true },
};

_child_ static long hold(const char *path) {
        return syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

_child_ static long set_attributes(long fd, const char *path, uint64_t attributes) {
        struct mount_attr attr = { .attr_set = attributes };

        return syscall(SYS_mount_setattr, fd, path, AT_RECURSIVE | (*path ? 0 : AT_EMPTY_PATH), &attr, sizeof attr);
}

/* What was done before stays what is told. */
_child_ static long close_after(long fd, long r) {
        int error = errno;

        syscall(SYS_close, fd);
        errno = error;
        return r;
}

/* Takes the descriptor. */
_child_ static long put(long fd, const char *path, uint64_t attributes) {
        long r = fd;

        if (fd >= 0 && attributes)
                r = set_attributes(fd, "", attributes);
        if (r >= 0)
                r = syscall(SYS_move_mount, fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
        return fd >= 0 ? close_after(fd, r) : r;
}

_child_ static long put_tmpfs(const char *path, const char *options, unsigned long flags) {
        return syscall(SYS_mount, "tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | flags, options);
}

/* The root cannot be put over itself; all that is mounted is below it. */
_child_ static long make_read_only(const char *path) {
        return path[1] ? put(hold(path), path, MOUNT_ATTR_RDONLY) : set_attributes(AT_FDCWD, path, MOUNT_ATTR_RDONLY);
}

/* In something of its own, which is empty: so what is there already is from a step before. */
_child_ static long make_directory(const char *path) {
        long r = syscall(SYS_mkdirat, AT_FDCWD, path, 0755);

        return r < 0 && errno == EEXIST ? 0 : r;
}

_child_ static long make_file(const char *path) {
        long fd = syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0444);

        return fd < 0 ? fd : syscall(SYS_close, fd);
}

/* This mount alone: what is below it stays as it is. */
_child_ static long seal(const char *path) {
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

        return syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attr, sizeof attr);
}

_child_ static long put_proc(const char *path, const char *options) {
        return syscall(SYS_mount, "proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
}

/*
 * What was the root is put over the new one, and taken away. The first of all, which a kernel unpacks, cannot be: it is
 * covered.
 */
_child_ static long enter(const char *path) {
        if (syscall(SYS_chdir, path) < 0)
                return -1;
        if (syscall(SYS_pivot_root, ".", ".") >= 0)
                return syscall(SYS_umount2, ".", MNT_DETACH) < 0 ? -1 : syscall(SYS_chdir, "/");
        if (errno != EINVAL || syscall(SYS_mount, ".", "/", NULL, MS_MOVE, NULL) < 0 || syscall(SYS_chroot, ".") < 0)
                return -1;
        return syscall(SYS_chdir, "/");
}

/* As systemd has it, only where all cgroups are of version 2, in one place: else there are others, which it would hide. */
_child_ static long put_cgroups(const char *path, unsigned long attributes) {
        struct statfs at;
        long fs, r;

        if (syscall(SYS_statfs, path, &at) < 0)
                return -1;
        if (at.f_type != CGROUP2_SUPER_MAGIC) {
                errno = EOPNOTSUPP;
                return -1;
        }
        if (syscall(SYS_unshare, CLONE_NEWCGROUP) < 0)
                return -1;
        fs = syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC);
        if (fs < 0)
                return -1;
        /* mount(2) puts no file system over itself. */
        r = syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
        if (r >= 0)
                r = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
                            MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | attributes);
        r = put(r, path, 0);
        return close_after(fs, r);
}

_child_ static long apply(const struct mount_step *step, long held) {
        switch (step->what) {
        case KEEPER_MOUNT_READ_ONLY:
                return make_read_only(step->path);
        case KEEPER_MOUNT_READ_WRITE:
        case KEEPER_MOUNT_BIND:
        case KEEPER_MOUNT_ROOT:
                return put(held, step->path, 0);
        case KEEPER_MOUNT_BIND_READ_ONLY:
                return put(held, step->path, MOUNT_ATTR_RDONLY);
        case KEEPER_MOUNT_HIDE_DIRECTORY:
                return put_tmpfs(step->path, EMPTY_OPTIONS, MS_NOEXEC | MS_RDONLY);
        case KEEPER_MOUNT_HIDE_FILE:
                /* A device that no device may be opened by: the one file of which all is refused to everybody. */
                return put(held, step->path, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY);
        case KEEPER_MOUNT_SHARED_TMPFS:
                return put_tmpfs(step->path, SHARED_OPTIONS, 0);
        case KEEPER_MOUNT_TMPFS:
                return put_tmpfs(step->path, PLAIN_OPTIONS, 0);
        case KEEPER_MOUNT_DEVICES:
                return put_tmpfs(step->path, DEVICES_OPTIONS, MS_NOEXEC);
        case KEEPER_MOUNT_DIRECTORY:
                return make_directory(step->path);
        case KEEPER_MOUNT_LINK:
                return syscall(SYS_symlinkat, step->source, AT_FDCWD, step->path);
        case KEEPER_MOUNT_SEAL:
                return seal(step->path);
        case KEEPER_MOUNT_TERMINALS:
                return syscall(SYS_mount, "devpts", step->path, "devpts", MS_NOSUID | MS_NOEXEC, TERMINALS_OPTIONS);
        case KEEPER_MOUNT_PROC:
                return put_proc(step->path, step->source);
        case KEEPER_MOUNT_ENTER:
                return enter(step->path);
        case KEEPER_MOUNT_CGROUPS:
                return put_cgroups(step->path, 0);
        case KEEPER_MOUNT_CGROUPS_READ_ONLY:
                return put_cgroups(step->path, MOUNT_ATTR_RDONLY);
        default:
                return make_file(step->path);
        }
}

const char *mount_key(const char *name) {
        static const char *const keys[] = {
                "private-tmp", "protect-system", "protect-home", "protect-control-groups", "protect-kernel-tunables",
                "read-only-paths", "read-write-paths", "inaccessible-paths", "bind-paths", "bind-read-only-paths",
                "temporary-filesystem", "private-devices", "root-directory", "protect-proc", "proc-subset",
                "protect-kernel-modules", "protect-kernel-logs", private_pids,
        };

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (strcmp(keys[i], name) == 0)
                        return keys[i];
        return NULL;
}

bool mount_step_is_valid(const struct mount_step *s) {
        if (!s->key || s->what <= KEEPER_MOUNT_NONE || s->what > KEEPER_MOUNT_LAST || s->path[0] != '/')
                return false;
        if (s->what == KEEPER_MOUNT_LINK || s->what == KEEPER_MOUNT_PROC)
                return s->source[0] != '\0';
        return !holds[s->what].source || s->source[0] == '/';
}

/* @return a descriptor; 0: it needs none. */
_child_ static long hold_for(const struct mount_step *step) {
        if (holds[step->what].null)
                return hold("/dev/null");
        return holds[step->what].source ? hold(step->source) : 0;
}

/* A file system of other processes is not for one that sees those of all. */
_child_ static bool is_wanted(const struct mount_step *step, bool own_pids) {
        return own_pids || step->key != private_pids;
}

/* The namespace. @return 1; 0: it goes without. */
_child_ static long begin(const struct mount_step *steps, size_t n, bool own_pids, bool may_lack, struct left_out *left_out,
                          const char **ret_key) {
        int error;

        if (syscall(SYS_unshare, CLONE_NEWNS) >= 0)
                return 1;
        error = errno;
        if (!may_lack || (error != EPERM && error != EACCES && error != ENOSYS && error != EINVAL))
                return -1;
        if (own_pids) {
                *ret_key = private_pids;
                return -1;
        }
        for (size_t i = 0; i < n; i++)
                if (is_wanted(&steps[i], own_pids))
                        left_out_add(left_out, steps[i].key, error);
        return 0;
}

/* A kernel that does not know the options, or one that gives no such file system to such as we are; or no such cgroups. */
_child_ static bool can_lack(const struct mount_step *step, int error) {
        bool may_not = error == EINVAL || error == EPERM;

        switch (step->what) {
        case KEEPER_MOUNT_PROC:
                return step->may_lack && may_not;
        case KEEPER_MOUNT_CGROUPS:
        case KEEPER_MOUNT_CGROUPS_READ_ONLY:
                return step->may_lack && (may_not || error == ENOSYS || error == EOPNOTSUPP);
        default:
                return false;
        }
}

/* What is next to it. */
_child_ static long apply_less(const struct mount_step *step) {
        return step->what == KEEPER_MOUNT_CGROUPS_READ_ONLY ? make_read_only(step->path) : 0;
}

_child_ long mounts_apply(const struct mount_step *steps, size_t n, bool own_pids, bool apart, bool may_lack,
                          struct left_out *left_out, const char **ret_key) {
        long held[KEEPER_MOUNTS_MAX], r;

        if (n == 0)
                return 0;
        *ret_key = steps[0].key;
        r = begin(steps, n, own_pids, may_lack, left_out, ret_key);
        if (r <= 0)
                return r;
        if (apart && syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
                return -1;
        for (size_t i = 0; i < n; i++) {
                *ret_key = steps[i].key;
                held[i] = hold_for(&steps[i]);
                if (held[i] < 0)
                        return -1;
        }
        for (size_t i = 0; i < n; i++) {
                *ret_key = steps[i].key;
                if (!is_wanted(&steps[i], own_pids) || apply(&steps[i], held[i]) >= 0)
                        continue;
                if (own_pids && steps[i].what == KEEPER_MOUNT_PROC) {
                        *ret_key = private_pids;
                        return -1;
                }
                if (!can_lack(&steps[i], errno))
                        return -1;
                left_out_add(left_out, steps[i].key, errno);
                if (apply_less(&steps[i]) < 0)
                        return -1;
        }
        return 0;
}
