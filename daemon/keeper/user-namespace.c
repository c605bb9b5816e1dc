/* SPDX-License-Identifier: MIT */

/*
 * A user namespace of a process
 *
 * What must hold: it runs in the child, which shares our memory, so it makes system calls and nothing else.
 *
 * Who is in a new one can say alone only that he himself is in it. More can be said only by somebody outside: so root forks
 * a helper first, which waits until there is the namespace, writes down who is in it, and ends. It has memory of its own.
 * It may be in a PID namespace: which number we have is what its /proc says, and nobody else.
 */

#include "daemon/keeper/user-namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/wait.h>
#include <sched.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define _child_ __attribute__((__no_sanitize__("address", "undefined")))

/** Two lines of three numbers. */
#define MAP_MAX 80
#define PID_SIZE 12
/** "/proc/4294967295/uid_map" */
#define PATH_SIZE 32

_child_ static char *put_text(char *to, const char *text) {
        while (*text)
                *to++ = *text++;
        return to;
}

_child_ static char *put_number(char *to, unsigned long number) {
        char digits[20];
        size_t n = 0;

        do
                digits[n++] = (char)('0' + number % 10);
        while ((number /= 10) > 0);
        while (n > 0)
                *to++ = digits[--n];
        return to;
}

/* "33 33 1\n" */
_child_ static char *put_line(char *to, unsigned long id) {
        to = put_number(to, id);
        *to++ = ' ';
        to = put_number(to, id);
        return put_text(to, " 1\n");
}

_child_ static long write_file(const char *path, const char *text, size_t n) {
        long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC), r;
        int error;

        if (fd < 0)
                return -1;
        r = syscall(SYS_write, fd, text, n);
        error = errno;
        syscall(SYS_close, fd);
        errno = error;
        return r;
}

_child_ static long write_own(const char *path, unsigned long id) {
        char map[MAP_MAX];

        return write_file(path, map, (size_t)(put_line(map, id) - map));
}

_child_ long user_namespace_enter(uid_t uid, gid_t gid) {
        return syscall(SYS_unshare, CLONE_NEWUSER) < 0 ? -1 : user_namespace_begin(uid, gid);
}

/* The groups that we are in stay, though they have no names in there; so setgroups(2) is not for it. */
_child_ long user_namespace_begin(uid_t uid, gid_t gid) {
        if (write_own("/proc/self/uid_map", uid) < 0 || write_file("/proc/self/setgroups", "deny", 4) < 0)
                return -1;
        return write_own("/proc/self/gid_map", gid) < 0 ? -1 : 0;
}

/* ---- as root ----------------------------------------------------------------------------------- */

_child_ static long write_map(const char *pid, const char *name, unsigned long id) {
        char path[PATH_SIZE], map[MAP_MAX], *end = put_line(map, 0);

        *put_text(put_text(put_text(path, "/proc/"), pid), name) = '\0';
        if (id != 0)
                end = put_line(end, id);
        return write_file(path, map, (size_t)(end - map));
}

/* Ends with the error as its status: there is none past 133. */
_child_ static void help(const char *pid, int wait_fd, uid_t uid, gid_t gid) {
        char byte;
        long r = syscall(SYS_read, wait_fd, &byte, 1);

        if (r == 1)
                r = write_map(pid, "/uid_map", uid);
        if (r > 0)
                r = write_map(pid, "/gid_map", gid);
        syscall(SYS_exit_group, r > 0 ? 0 : r < 0 ? errno : EPIPE);
}

_child_ static long wait_for_helper(long helper) {
        int status = 0;
        long r;

        do
                r = syscall(SYS_wait4, helper, &status, __WALL, NULL);
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return -1;
        if (status == 0)
                return 0;
        errno = (status & 0x7f) == 0 ? status >> 8 & 0xff : ECHILD;
        return -1;
}

/* The helper has our end of the pipe too, and drops it: so it does not wait for somebody who is no more. */
_child_ long user_namespace_enter_as_root(uid_t uid, gid_t gid) {
        char pid[PID_SIZE];
        long helper, r = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self", pid, sizeof pid - 1);
        int pipe[2], error;

        if (r < 0)
                return -1;
        pid[r] = '\0';
        if (syscall(SYS_pipe2, pipe, O_CLOEXEC) < 0)
                return -1;
        helper = syscall(SYS_clone, 0, 0, 0, 0, 0);
        if (helper == 0) {
                syscall(SYS_close, pipe[1]);
                help(pid, pipe[0], uid, gid);
        }
        r = helper < 0 ? -1 : syscall(SYS_unshare, CLONE_NEWUSER);
        if (r >= 0)
                r = syscall(SYS_write, pipe[1], "", 1) == 1 ? 0 : -1;
        error = errno;
        syscall(SYS_close, pipe[1]);
        syscall(SYS_close, pipe[0]);
        if (helper > 0 && wait_for_helper(helper) < 0 && r >= 0) {
                r = -1;
                error = errno;
        }
        errno = error;
        return r;
}
