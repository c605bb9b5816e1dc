/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_CALL_ERRORS_H
#define GANGER_TESTS_CALL_ERRORS_H

/*
 * Which errors a system call of the manager may say by no fault of its own
 *
 * Want of memory, of descriptors, of room on a disk; a signal that comes between. A call that has no row never fails so: it
 * says what it was asked (clock_gettime), or fails by a mistake of the caller alone.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL_ERRORS_MAX 5

struct call_errors {
        long nr;
        bool made;              /* it has been made nevertheless, whatever it says: close(2) */
        bool file;              /* only of a file: pipes and sockets have no disk under them */
        int argument;           /* only with this value of the second argument; 0: any */
        int errors[CALL_ERRORS_MAX];
};

static const struct call_errors call_errors[] = {
        /* memory; brk(2) says no error, but an address: see ENOMEM of mmap(2), which malloc asks next */
        { SYS_mmap, .errors = { ENOMEM } },
        { SYS_mremap, .errors = { ENOMEM } },
        /* descriptors */
        { SYS_openat, .errors = { EMFILE, ENFILE, ENOMEM, EIO } },
        { SYS_memfd_create, .errors = { EMFILE, ENOMEM, ENFILE } },
        { SYS_eventfd2, .errors = { EMFILE, ENFILE, ENOMEM } },
        { SYS_pipe2, .errors = { ENFILE, EMFILE, ENOMEM } },
        { SYS_socket, .errors = { EMFILE, ENOMEM, ENFILE, ENOBUFS } },
        { SYS_accept4, .errors = { EMFILE, ECONNABORTED, ENFILE, ENOMEM, EINTR } },
        { SYS_timerfd_create, .errors = { EMFILE, ENOMEM, ENFILE } },
        { SYS_epoll_create1, .errors = { EMFILE, ENOMEM, ENFILE } },
        { SYS_inotify_init1, .errors = { EMFILE, ENOMEM, ENFILE } },
        { SYS_inotify_add_watch, .errors = { ENOSPC, ENOMEM } },
        { SYS_pidfd_open, .errors = { EMFILE, ENOMEM, ENFILE } },
        { SYS_fcntl, .argument = F_DUPFD_CLOEXEC, .errors = { EMFILE } },
        { SYS_epoll_ctl, .argument = EPOLL_CTL_ADD, .errors = { ENOMEM, ENOSPC } },
        { SYS_close, .made = true, .errors = { EIO, EINTR } },
        /* what is written and read */
        { SYS_write, .file = true, .errors = { ENOSPC, EIO, EINTR } },
        { SYS_write, .errors = { EINTR } },
        { SYS_writev, .file = true, .errors = { ENOSPC, EIO, EINTR } },
        { SYS_writev, .errors = { EINTR } },
        { SYS_pwrite64, .errors = { EIO, ENOSPC, EINTR } },
        { SYS_read, .file = true, .errors = { EIO, EINTR } },
        { SYS_read, .errors = { EINTR } },
        { SYS_pread64, .errors = { EIO, EINTR } },
        { SYS_sendmsg, .errors = { EAGAIN, ENOBUFS, EINTR, ENOMEM, ETOOMANYREFS } },
        { SYS_sendto, .errors = { EAGAIN, ENOBUFS, EINTR, ENOMEM } },
        { SYS_recvmsg, .errors = { EINTR, EAGAIN, ENOMEM } },
        { SYS_recvfrom, .errors = { EINTR, EAGAIN, ENOMEM } },
        /* files */
        { SYS_ftruncate, .errors = { ENOSPC, EINTR, EIO } },
        { SYS_fallocate, .errors = { ENOSPC, EINTR, ENOMEM } },
        { SYS_fsync, .errors = { EIO, ENOSPC } },
        { SYS_fstat, .errors = { EIO, ENOMEM } },
        { SYS_newfstatat, .errors = { ENOMEM, EIO } },
        { SYS_statx, .errors = { ENOMEM, EIO } },
        { SYS_getdents64, .errors = { EIO, ENOMEM } },
        { SYS_readlinkat, .errors = { ENOMEM, EIO } },
        { SYS_mkdirat, .errors = { ENOSPC, ENOMEM, EACCES } },
        { SYS_unlinkat, .errors = { EBUSY, EIO, ENOMEM } },
        { SYS_renameat, .errors = { ENOSPC, EIO } },
        { SYS_renameat2, .errors = { ENOSPC, EIO } },
        { SYS_fchmod, .errors = { EIO, EPERM } },
        { SYS_fchmodat, .errors = { EIO, EPERM } },
        { SYS_fchown, .errors = { EIO, EPERM } },
        /* sockets */
        { SYS_bind, .errors = { ENOMEM, EADDRINUSE } },
        { SYS_listen, .errors = { EADDRINUSE } },
        { SYS_connect, .errors = { EAGAIN, ECONNREFUSED, EINTR } },
        { SYS_setsockopt, .errors = { ENOMEM, ENOBUFS } },
        /* waiting */
        { SYS_ppoll, .errors = { EINTR, ENOMEM } },
        { SYS_epoll_pwait, .errors = { EINTR } },
        { SYS_getrandom, .errors = { EINTR, EAGAIN } },
        { SYS_setpriority, .errors = { EPERM } },
        { SYS_mount, .errors = { EPERM, ENOMEM } },
        { SYS_umount2, .errors = { EBUSY } },
#ifdef SYS_open                 /* those that newer architectures do without */
        { SYS_open, .errors = { EMFILE, ENFILE, ENOMEM, EIO } },
        { SYS_stat, .errors = { ENOMEM, EIO } },
        { SYS_lstat, .errors = { ENOMEM, EIO } },
        { SYS_readlink, .errors = { ENOMEM, EIO } },
        { SYS_mkdir, .errors = { ENOSPC, ENOMEM, EACCES } },
        { SYS_unlink, .errors = { EIO, EBUSY, ENOMEM } },
        { SYS_rmdir, .errors = { EBUSY, EIO } },
        { SYS_rename, .errors = { ENOSPC, EIO } },
        { SYS_chmod, .errors = { EIO, EPERM } },
        { SYS_poll, .errors = { EINTR, ENOMEM } },
        { SYS_epoll_wait, .errors = { EINTR } },
#endif
};

static inline bool call_errors_is_file(pid_t pid, int fd) {
        char path[64], target[8];

        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
        return readlink(path, target, sizeof target) > 0 && target[0] == '/';
}

/* @return NULL: it does not fail. */
static inline const struct call_errors *call_errors_find(pid_t pid, long nr, const unsigned long long *arguments) {
        for (size_t i = 0; i < sizeof call_errors / sizeof *call_errors; i++) {
                const struct call_errors *row = &call_errors[i];

                if (row->nr == nr && (row->argument == 0 || row->argument == (int)arguments[1]) &&
                    (!row->file || call_errors_is_file(pid, (int)arguments[0])))
                        return row;
        }
        return NULL;
}

static inline int call_errors_choose(const struct call_errors *row, unsigned int variant) {
        unsigned int n = 0;

        while (n < CALL_ERRORS_MAX && row->errors[n] != 0)
                n++;
        return row->errors[variant % n];
}

#endif
