/* SPDX-License-Identifier: MIT */

/*
 * Futexes, barriers and event descriptors
 *
 * The futex is a shared one (no FUTEX_PRIVATE_FLAG), keyed by the file behind the mapping.
 *
 * What sem_init(3) writes beside the value never changes again, so it can be written by anybody, word by word, and
 * looked at before each use. Which words those are is asked of libc itself.
 */

#include "shm/sys.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct timespec to_timespec(uint64_t usec) {
        return (struct timespec){ .tv_sec = (time_t)(usec / 1000000), .tv_nsec = (long)(usec % 1000000) * 1000 };
}

int sys_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_usec) {
        struct timespec ts = to_timespec(deadline_usec);
        long r;

        /* FUTEX_WAIT_BITSET takes an absolute time, so an interrupted wait is not prolonged. */
        r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, deadline_usec == UINT64_MAX ? NULL : &ts, NULL,
                    FUTEX_BITSET_MATCH_ANY);
        if (r < 0 && (errno == ETIMEDOUT || errno == EINTR))
                return -errno;
        return 0;
}

int sys_futex_wait_any(const struct sys_futex *futexes, size_t n, uint64_t deadline_usec) {
        struct timespec ts = to_timespec(deadline_usec);
        struct futex_waitv waiters[FUTEX_WAITV_MAX];

        if (n > FUTEX_WAITV_MAX)
                return -EINVAL;
        for (size_t i = 0; i < n; i++)
                waiters[i] = (struct futex_waitv){
                        .uaddr = (uintptr_t)futexes[i].word, .val = futexes[i].value, .flags = FUTEX_32,
                };
        if (syscall(SYS_futex_waitv, waiters, n, 0, deadline_usec == UINT64_MAX ? NULL : &ts, CLOCK_MONOTONIC) >= 0)
                return 0;
        switch (errno) {
        case EAGAIN:            /* one is not what it was */
                return 0;
        case EPERM:             /* what old sandboxes say of a call that they do not know */
                return -ENOSYS;
        default:
                return -errno;
        }
}

int sys_futex_wake(_Atomic uint32_t *word, uint32_t count) {
        return (int)syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
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

uint64_t sys_now_usec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- POSIX semaphores ---------------------------------------------------------------------------- */

#define SEM_WORDS (sizeof(sem_t) / sizeof(uint32_t))

/** What sem_init(3) makes: words that are not 0 stay as they are for good. */
static void sem_image(uint32_t image[SEM_WORDS]) {
        sem_t s;

        memset(&s, 0, sizeof s);
        sem_init(&s, 1, 0);
        memcpy(image, &s, sizeof s);
}

static _Atomic uint32_t *sem_word(sem_t *s, size_t i) {
        return (_Atomic uint32_t *)(void *)s + i;
}

void sys_sem_prepare(sem_t *s) {
        uint32_t image[SEM_WORDS];

        sem_image(image);
        for (size_t i = 0; i < SEM_WORDS; i++) {
                uint32_t zero = 0;

                if (image[i] != 0)
                        atomic_compare_exchange_strong(sem_word(s, i), &zero, image[i]);
        }
}

static bool sem_is_sound(sem_t *s) {
        uint32_t image[SEM_WORDS];

        sem_image(image);
        for (size_t i = 0; i < SEM_WORDS; i++)
                if (image[i] != 0 && atomic_load_explicit(sem_word(s, i), memory_order_relaxed) != image[i])
                        return false;
        return true;
}

int sys_sem_try(sem_t *s) {
        if (!sem_is_sound(s))
                return -EBADMSG;
        return sem_trywait(s) < 0 ? -EAGAIN : 0;
}

int sys_sem_wait(sem_t *s, uint64_t deadline_usec) {
        struct timespec ts = to_timespec(deadline_usec);
        int r;

        if (!sem_is_sound(s))
                return -EBADMSG;
        r = deadline_usec == UINT64_MAX ? sem_wait(s) : sem_clockwait(s, CLOCK_MONOTONIC, &ts);
        return r < 0 ? -errno : 0;
}

int sys_sem_post(sem_t *s) {
        if (!sem_is_sound(s))
                return -EBADMSG;
        return sem_post(s) < 0 ? -errno : 0;
}

uint32_t sys_sem_value(sem_t *s) {
        int value = 0;

        sem_getvalue(s, &value);
        return value > 0 ? (uint32_t)value : 0;
}

bool sys_is_past(uint64_t deadline_usec) {
        struct timespec now;

        if (deadline_usec == UINT64_MAX)
                return false;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 >= deadline_usec;
}

uint32_t sys_thread_id(void) {
        return (uint32_t)gettid();
}

/* ---- watching event descriptors ------------------------------------------------------------------- */

/* Edge-triggered, and nobody reads: every post makes every watch readable once, whoever else watches. */
int sys_watch_open(const int *fds, size_t n) {
        int watch = epoll_create1(EPOLL_CLOEXEC), error;

        if (watch < 0)
                return -errno;
        for (size_t i = 0; i < n; i++) {
                struct epoll_event event = { .events = EPOLLIN | EPOLLET };

                if (epoll_ctl(watch, EPOLL_CTL_ADD, fds[i], &event) == 0 || errno == EEXIST)
                        continue;
                error = errno;
                close(watch);
                return -error;
        }
        return watch;
}

void sys_watch_forget(int watch) {
        struct epoll_event ignored[16];

        while (epoll_wait(watch, ignored, 16, 0) > 0)
                ;
}

int sys_watch_wait(int watch, uint64_t deadline_usec) {
        struct pollfd p = { .fd = watch, .events = POLLIN };
        struct timespec now, left;
        uint64_t now_usec;
        int n;

        clock_gettime(CLOCK_MONOTONIC, &now);
        now_usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        left = to_timespec(deadline_usec > now_usec ? deadline_usec - now_usec : 0);
        n = ppoll(&p, 1, deadline_usec == UINT64_MAX ? NULL : &left, NULL);
        if (n < 0)
                return -errno;
        return n == 0 ? -ETIMEDOUT : 0;
}

void sys_watch_close(int watch) {
        close(watch);
}
