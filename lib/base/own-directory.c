/* SPDX-License-Identifier: MIT */

/*
 * A directory that nobody else can put a file into
 *
 * Who writes there may be root, and what he writes may come from others: whoever can put a link in the place of the file, or
 * of a directory on the way to it, can have any file of the machine written to; and whoever can put a file there, say what is
 * read. So the path is walked one part at a time, each in the directory that was just looked at. Of a directory that
 * others can write to only those parts are believed that root or we have put there, and only if it is sticky, as /tmp is;
 * so too of symbolic links: root's and ours are followed.
 */

#include "base/own-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define MODE 0750

static bool is_trusted(uid_t uid) {
        return uid == 0 || uid == geteuid();
}

/* @param last  it is to hold the file: nobody else may write to it at all. */
static int check(int fd, const char *name, bool last, struct error *e) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_errno(e, -errno, "'%s'", name);
        if (!is_trusted(st.st_uid))
                return error_set(e, -EPERM, "'%s' belongs to user %u, who could put another file there", name,
                                 (unsigned int)st.st_uid);
        if (st.st_mode & (S_IWGRP | S_IWOTH) && (last || !(st.st_mode & S_ISVTX)))
                return error_set(e, -EPERM, "others can write to '%s' (mode %04o)", name, (unsigned int)st.st_mode & 07777);
        return 0;
}

static int open_link(int directory, const char *name, struct error *e) {
        struct stat st;
        int fd;

        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return error_errno(e, -errno, "'%s'", name);
        if (!S_ISLNK(st.st_mode))
                return error_errno(e, -ENOTDIR, "'%s'", name);
        if (!is_trusted(st.st_uid))
                return error_set(e, -ELOOP, "'%s' is a symbolic link of user %u", name, (unsigned int)st.st_uid);
        fd = openat(directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? error_errno(e, -errno, "'%s'", name) : fd;
}

static int open_part(int directory, const char *name, struct error *e) {
        int fd = openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0 && errno == ENOENT) {
                if (mkdirat(directory, name, MODE) < 0 && errno != EEXIST)
                        return error_errno(e, -errno, "making '%s'", name);
                fd = openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
                return open_link(directory, name, e);
        return fd < 0 ? error_errno(e, -errno, "'%s'", name) : fd;
}

int own_directory_open(const char *path, struct error *e) {
        const char *end = strrchr(path, '/'), *part = path;
        _cleanup_(closep) int fd = -1;
        char name[NAME_MAX + 1];
        size_t n;
        int r;

        if (path[0] != '/')
                return error_errno(e, -EINVAL, "'%s'", path);
        fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_errno(e, -errno, "'/'");
        for (;;) {
                int next;

                part += strspn(part, "/");
                r = check(fd, part == path + 1 ? "/" : name, part > end, e);
                if (r < 0)
                        return r;
                if (part > end)
                        return TAKE_FD(fd);
                n = strcspn(part, "/");
                if (n >= sizeof name)
                        return error_errno(e, -ENAMETOOLONG, "'%s'", path);
                memcpy(name, part, n);
                name[n] = '\0';
                part += n;
                next = open_part(fd, name, e);
                if (next < 0)
                        return next;
                close_fd(fd);
                fd = next;
        }
}
