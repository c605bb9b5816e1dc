/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_SYS_H
#define GANGER_SHM_SYS_H

/*
 * The few system calls of the rings, behind one header so that a simulator can stand in for the kernel.
 */

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Sleep while `*word` is `value`, until somebody wakes, or until `deadline_usec` (CLOCK_MONOTONIC; UINT64_MAX: never).
 * @return 0 (woken, or the word differs), -ETIMEDOUT, -EINTR.
 */
int sys_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_usec);

/** Wake at most `count` sleepers. @return how many. */
int sys_futex_wake(_Atomic uint32_t *word, uint32_t count);

/** A word, and what it was. */
struct sys_futex {
        _Atomic uint32_t *word;
        uint32_t value;
};

/**
 * The same at several words, at most FUTEX_WAITV_MAX (128), while all of them are what they were. Who sleeps counts as one
 * sleeper at each; woken at one, it may be woken at others too before it runs.
 * @return 0, -ETIMEDOUT, -EINTR, -ENOSYS (before Linux 5.16, or forbidden by seccomp), -ENOMEM.
 */
int sys_futex_wait_any(const struct sys_futex *futexes, size_t n, uint64_t deadline_usec);

/** Let this process take part in sys_barrier_all(). @return 0 or -errno. */
int sys_barrier_register(void);

/** A full memory barrier on every running thread of every process that registered. @return 0 or -errno. */
int sys_barrier_all(void);

/** Add one to a non-blocking eventfd. */
void sys_event_post(int fd);

/** Set a non-blocking eventfd back to zero. */
void sys_event_take(int fd);

/** CLOCK_MONOTONIC, in microseconds. */
uint64_t sys_now_usec(void);

/*
 * POSIX semaphores in shared memory. libc ends the process if it finds one that is damaged; so what sem_init(3) leaves
 * the same for good is looked at first. Who changes it just then can still do that.
 */

/** Make one of zeroed memory: nothing posted. Idempotent; whatever was posted since stays. Any number may do so at once. */
void sys_sem_prepare(sem_t *s);

/** Take what was posted. @return 0, -EAGAIN: nothing was; -EBADMSG: it is damaged. */
int sys_sem_try(sem_t *s);

/** The same, sleeping until `deadline_usec` (as above). @return 0, -ETIMEDOUT, -EINTR, -EBADMSG. */
int sys_sem_wait(sem_t *s, uint64_t deadline_usec);

/** Post: one who sleeps goes on. @return 0, -EBADMSG, -EOVERFLOW. */
int sys_sem_post(sem_t *s);

/** What is posted, and not taken. */
uint32_t sys_sem_value(sem_t *s);

/** Has a time come? (CLOCK_MONOTONIC; UINT64_MAX never does.) */
bool sys_is_past(uint64_t deadline_usec);

/** The calling thread, as the kernel numbers it. */
uint32_t sys_thread_id(void);

/**
 * Watch event descriptors, each of which may be there more than once, without taking anything from others who do.
 * @return a descriptor, or -errno; -EBADF: one of them is -1.
 */
int sys_watch_open(const int *fds, size_t n);

/** Forget the posts so far. */
void sys_watch_forget(int watch);

/** Sleep until one is posted that is not forgotten. @return 0, -ETIMEDOUT, -EINTR. */
int sys_watch_wait(int watch, uint64_t deadline_usec);

void sys_watch_close(int watch);

/** Ease the processor while spinning. */
static inline void sys_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ __volatile__("yield");
#endif
}

#endif
