/* SPDX-License-Identifier: MIT */

/*
 * Futexes, barriers and event descriptors
 *
 * The futex is a shared one (no FUTEX_PRIVATE_FLAG), keyed by the file behind the mapping.
 */

#include "shm/sys.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int sys_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_usec) {
        struct timespec ts = {
                .tv_sec = (time_t)(deadline_usec / 1000000),
                .tv_nsec = (long)(deadline_usec % 1000000) * 1000,
        };
        long r;

        /* FUTEX_WAIT_BITSET takes an absolute time, so an interrupted wait is not prolonged. */
        r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, deadline_usec == UINT64_MAX ? NULL : &ts, NULL,
                    FUTEX_BITSET_MATCH_ANY);
        if (r < 0 && (errno == ETIMEDOUT || errno == EINTR))
                return -errno;
        return 0;
}

int sys_futex_wake(_Atomic uint32_t *word, uint32_t count) {
        return (int)syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

uint64_t sys_now_usec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int sys_barrier_register(void) {
        return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) < 0 ? -errno : 0;
}

int sys_barrier_all(void) {
        return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) < 0 ? -errno : 0;
}

void sys_event_post(int fd) {
        const uint64_t one = 1;

        if (fd >= 0)
                (void)!write(fd, &one, sizeof one); /* full (EAGAIN): it is readable, which is all we want */
}

void sys_event_take(int fd) {
        uint64_t n;

        if (fd >= 0)
                (void)!read(fd, &n, sizeof n);
}
