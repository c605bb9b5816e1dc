/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_FD_H
#define GANGER_BASE_FD_H

/*
 * File descriptors: sending them over sockets, and memory files.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** The kernel's limit on descriptors in one message (SCM_MAX_FD). */
#define FD_MESSAGE_MAX 253

/**
 * Send one message with descriptors. Retries on EINTR, never raises SIGPIPE.
 * @param fds  may be NULL if `n_fds` is 0; they stay the caller's.
 * @return bytes sent (on a stream: maybe fewer than `size`), or -errno; -E2BIG: too many descriptors.
 */
ssize_t fd_send(int socket, const void *data, size_t size, const int *fds, size_t n_fds);

/**
 * Receive one message with descriptors, all close-on-exec.
 * @param fds      room for FD_MESSAGE_MAX descriptors; the caller closes those that come.
 * @param n_fds    receives how many came.
 * @param flags    of recvmsg(2), MSG_DONTWAIT for instance.
 * @return bytes; 0: end of file; -errno; -EMSGSIZE: a packet (or its descriptors) was cut (nothing is kept).
 */
ssize_t fd_receive(int socket, void *data, size_t size, int *fds, size_t *n_fds, int flags);

/** Write all of it. Retries on EINTR and on short writes. @return 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t size);

/** A memfd with these bytes, sealed against any change, mode 0600. @return the descriptor or -errno. */
int fd_memfd_sealed(const char *name, const void *data, size_t size);

/**
 * Map a sealed memfd that somebody sent, for reading.
 * Refuses one that could change or shrink under us (-EPERM), or is longer than `size_max` (-EFBIG).
 * @param ret  unmap with munmap(*ret, *ret_size). An empty file: NULL and 0.
 * @return 0 or -errno.
 */
int fd_map_sealed(int fd, size_t size_max, void **ret, size_t *ret_size);

/** Open the file of a descriptor anew, for reading and writing: what it is, but another open file. @return it or -errno. */
int fd_reopen(int fd);

/** Set or clear O_NONBLOCK. @return 0 or -errno. */
int fd_set_nonblocking(int fd, bool nonblocking);

/** Set or clear FD_CLOEXEC. @return 0 or -errno. */
int fd_set_cloexec(int fd, bool cloexec);

#endif
