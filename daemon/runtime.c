/* SPDX-License-Identifier: MIT */

/*
 * The runtime directory
 *
 * What must hold: nobody but us can put anything into it, or in its place. The default of ordinary users may be below /tmp,
 * where anybody could have made it first.
 */

#include "daemon/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"

#define LOCK_NAME "lock"
#define LOCK_MODE 0600
/** A pid and a newline. */
#define LOCK_TEXT_MAX 32

static int directory_make(const char *path, mode_t mode, struct error *e) {
        if (mkdir(path, mode) < 0)
                return errno == EEXIST ? 0 : error_errno(e, -errno, "making it");
        /* The umask may have taken bits away. It is ours, so nobody has replaced it since. */
        if (chmod(path, mode) < 0)
                return error_errno(e, -errno, "setting its mode");
        return 0;
}

static int directory_check(int fd, struct error *e) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_errno(e, -errno, "examining it");
        if (st.st_uid != geteuid())
                return error_set(e, -EPERM, "it belongs to user %u, not to us", (unsigned int)st.st_uid);
        if (st.st_mode & (S_IWGRP | S_IWOTH))
                return error_set(e, -EPERM, "others can write to it (mode %04o)", (unsigned int)st.st_mode & 07777);
        return 0;
}

static int directory_open(const char *path, struct error *e) {
        _cleanup_(closep) int fd = -1;
        int r;

        r = directory_make(path, geteuid() == 0 ? 0755 : 0700, e);
        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOTDIR || errno == ELOOP ? error_set(e, -ENOTDIR, "it is no directory") :
                                                            error_errno(e, -errno, "opening it");
        r = directory_check(fd, e);
        if (r < 0)
                return r;
        return TAKE_FD(fd);
}

/* In a container, say, whose root is read-only. */
static void tell_way_out(struct error *e) {
        static const char way_out[] = " (have a tmpfs at /run, or name another directory by GANGER_RUNTIME_DIR, for gangerctl "
                                      "too, or by --runtime-dir)";
        char text[ERROR_TEXT_MAX];

        snprintf(text, sizeof text, "%s", e->text);
        error_set(e, e->code, "%.*s%s", (int)(sizeof text - sizeof way_out), text, way_out);
}

int runtime_directory_open(const char *path, struct error *e) {
        int fd = directory_open(path, e);

        if (fd >= 0)
                return fd;
        error_prefix(e, "runtime directory '%s'", path);
        if (fd == -EROFS || fd == -ENOENT || fd == -EACCES || fd == -ENOSPC)
                tell_way_out(e);
        return fd;
}

static int lock_is_taken(int fd, struct error *e) {
        char text[LOCK_TEXT_MAX] = "";
        ssize_t n = pread(fd, text, sizeof text - 1, 0);

        text[n > 0 ? strcspn(text, "\n") : 0] = '\0';
        if (text[0] == '\0')
                return error_set(e, -EADDRINUSE, "another gangerd runs here already");
        return error_set(e, -EADDRINUSE, "another gangerd runs here already (pid %s)", text);
}

static int lock_write_pid(int fd, struct error *e) {
        char text[LOCK_TEXT_MAX];
        int n = snprintf(text, sizeof text, "%d\n", (int)getpid()), r;

        r = ftruncate(fd, 0) < 0 ? -errno : fd_write_all(fd, text, (size_t)n);
        return r < 0 ? error_errno(e, r, "writing " LOCK_NAME) : 0;
}

/* Nobody else may even read it: whoever can open a file can lock it, and keep every gangerd from starting. */
int runtime_lock(int directory_fd, struct error *e) {
        _cleanup_(closep) int fd = -1;
        int r;

        fd = openat(directory_fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, LOCK_MODE);
        if (fd < 0)
                return error_errno(e, -errno, "opening " LOCK_NAME);
        if (fchmod(fd, LOCK_MODE) < 0)
                return error_errno(e, -errno, "setting the mode of " LOCK_NAME);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? lock_is_taken(fd, e) : error_errno(e, -errno, "locking " LOCK_NAME);
        r = lock_write_pid(fd, e);
        if (r < 0)
                return r;
        return TAKE_FD(fd);
}
