/* SPDX-License-Identifier: MIT */

/*
 * File descriptors
 *
 * Whatever arrives is close-on-exec from its first moment; whatever is cut is closed, so that a
 * misbehaving peer cannot make us leak.
 */

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"

ssize_t fd_send(int socket, const void *data, size_t size, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * FD_MESSAGE_MAX)];
        } control = { 0 };
        struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n;

        if (n_fds > FD_MESSAGE_MAX)
                return -E2BIG;
        if (n_fds > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
        }
        do
                n = sendmsg(socket, &message, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

ssize_t fd_receive(int socket, void *data, size_t size, int *fds, size_t *n_fds, int flags) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * FD_MESSAGE_MAX)];
        } control;
        struct iovec iov = { .iov_base = data, .iov_len = size };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control,
        };
        ssize_t n;

        *n_fds = 0;
        do
                n = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
                size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < count; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
                        if (*n_fds < FD_MESSAGE_MAX)
                                fds[(*n_fds)++] = fd;
                        else
                                close(fd);
                }
        }
        if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
                while (*n_fds > 0)
                        close(fds[--*n_fds]);
                return -EMSGSIZE;
        }
        return n;
}

int fd_write_all(int fd, const void *data, size_t size) {
        const char *p = data;

        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                p += n;
                size -= (size_t)n;
        }
        return 0;
}

int fd_memfd_sealed(const char *name, const void *data, size_t size) {
        _cleanup_(closep) int fd = -1;
        int r;

        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        if (fchmod(fd, 0600) < 0)
                return -errno;
        r = fd_write_all(fd, data, size);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int fd_map_sealed(int fd, size_t size_max, void **ret, size_t *ret_size) {
        const int needed = F_SEAL_SHRINK | F_SEAL_WRITE;
        struct stat st;
        void *map;
        int seals;

        seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0)
                return -errno;
        if ((seals & needed) != needed)
                return -EPERM;
        if (fstat(fd, &st) < 0)
                return -errno;
        if ((size_t)st.st_size > size_max)
                return -EFBIG;
        if (st.st_size == 0) {
                *ret = NULL;
                *ret_size = 0;
                return 0;
        }
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
                return -errno;
        *ret = map;
        *ret_size = (size_t)st.st_size;
        return 0;
}

static int set_flag(int fd, int get, int set, int flag, bool on) {
        int flags = fcntl(fd, get);

        if (flags < 0)
                return -errno;
        if (fcntl(fd, set, on ? flags | flag : flags & ~flag) < 0)
                return -errno;
        return 0;
}

int fd_reopen(int fd) {
        char path[32];
        int r;

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        r = open(path, O_RDWR | O_CLOEXEC);
        return r < 0 ? -errno : r;
}

int fd_set_nonblocking(int fd, bool nonblocking) {
        return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, nonblocking);
}

int fd_set_cloexec(int fd, bool cloexec) {
        return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, cloexec);
}
