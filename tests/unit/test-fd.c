/* SPDX-License-Identifier: MIT */
/* Descriptors over sockets, and sealed memory files. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "harness.h"

START_TEST(descriptors_travel) {
        int pair[2], fds[FD_MESSAGE_MAX], sent[2] = { 0, 1 };
        size_t n = 0;
        char buf[8];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        ck_assert_int_eq(fd_send(pair[0], "hello", 5, sent, 2), 5);
        ck_assert_int_eq(fd_receive(pair[1], buf, sizeof buf, fds, &n, 0), 5);
        ck_assert_uint_eq(n, 2);
        ck_assert(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
        close(fds[0]);
        close(fds[1]);
        close(pair[0]);
        close(pair[1]);
}
END_TEST

START_TEST(a_cut_packet_leaks_nothing) {
        int pair[2], fds[FD_MESSAGE_MAX], sent[1] = { 0 };
        size_t n = 0;
        char buf[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        ck_assert_int_eq(fd_send(pair[0], "hello", 5, sent, 1), 5);
        ck_assert_int_eq(fd_receive(pair[1], buf, sizeof buf, fds, &n, 0), -EMSGSIZE);
        ck_assert_uint_eq(n, 0);
        close(pair[0]);
        close(pair[1]);
}
END_TEST

START_TEST(sealed_memory_cannot_change) {
        _cleanup_(closep) int fd = fd_memfd_sealed("test", "abc", 3);
        _cleanup_(closep) int open_fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        void *map;
        size_t size;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, "x", 1), -1);
        ck_assert_int_eq(fd_map_sealed(fd, 100, &map, &size), 0);
        ck_assert_uint_eq(size, 3);
        ck_assert_mem_eq(map, "abc", 3);
        munmap(map, size);
        ck_assert_int_eq(fd_map_sealed(fd, 2, &map, &size), -EFBIG);
        ck_assert_int_eq(fd_map_sealed(open_fd, 2, &map, &size), -EPERM);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("fd", descriptors_travel, a_cut_packet_leaks_nothing, sealed_memory_cannot_change));
}
