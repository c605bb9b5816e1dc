/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_SYS_H
#define GANGER_SHM_SYS_H

/*
 * The few system calls of the rings, behind one header so that a simulator can stand in for the kernel.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * Sleep while `*word` is `value`, until somebody wakes, or until `deadline_usec` (CLOCK_MONOTONIC; UINT64_MAX: never).
 * @return 0 (woken, or the word differs), -ETIMEDOUT, -EINTR.
 */
int sys_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_usec);

/** Wake at most `count` sleepers. @return how many. */
int sys_futex_wake(_Atomic uint32_t *word, uint32_t count);

/** Let this process take part in sys_barrier_all(). @return 0 or -errno. */
int sys_barrier_register(void);

/** A full memory barrier on every running thread of every process that registered. @return 0 or -errno. */
int sys_barrier_all(void);

/** Add one to a non-blocking eventfd. */
void sys_event_post(int fd);

/** Set a non-blocking eventfd back to zero. */
void sys_event_take(int fd);

/** CLOCK_MONOTONIC. */
uint64_t sys_now_usec(void);

/** Ease the processor while spinning. */
static inline void sys_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ __volatile__("yield");
#endif
}

#endif
