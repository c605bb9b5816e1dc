/* SPDX-License-Identifier: MIT */

/*
 * A program that does nothing but say when it began
 *
 * Its first instruction is ours: no dynamic linker, no libc to set up, so that what is measured is the way from a death
 * to a new process. It tells the time through the FIFO that its first argument names, and sleeps for ever. If that is no
 * path from the root it is the FIFO two folders up: a supervisor that runs what is in a folder passes nothing, or that
 * folder's name.
 */

#include <fcntl.h>
#include <linux/time.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "report.h"

#if defined(__x86_64__)
__asm__(".globl _start\n_start: xor %ebp, %ebp; mov %rsp, %rdi; and $-16, %rsp; call first\n");

static inline long call(long number, long a, long b, long c, long d) {
        register long r10 __asm__("r10") = d;
        long ret;

        __asm__ volatile("syscall"
                         : "=a"(ret)
                         : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                         : "rcx", "r11", "memory");
        return ret;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start: mov x29, xzr; mov x0, sp; bl first\n");

static inline long call(long number, long a, long b, long c, long d) {
        register long x8 __asm__("x8") = number;
        register long x0 __asm__("x0") = a;
        register long x1 __asm__("x1") = b;
        register long x2 __asm__("x2") = c;
        register long x3 __asm__("x3") = d;

        __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
        return x0;
}
#else
#error "how a program begins on this processor is not known here"
#endif

_Noreturn void first(const long *stack);

/** @param stack  as the kernel leaves it: argc, argv… */
_Noreturn void first(const long *stack) {
        struct timespec { long tv_sec, tv_nsec; } ts;
        bool given = stack[0] > 1 && *(const char *)stack[2] == '/';
        struct report report;
        long fd;

        call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&ts, 0, 0);
        report.monotonic_ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
        report.pid = (int32_t)call(SYS_getpid, 0, 0, 0, 0);
        report.deliveries = 0;
        fd = call(SYS_openat, AT_FDCWD, given ? stack[2] : (long)"../../fifo", O_WRONLY, 0);
        call(SYS_write, fd, (long)&report, sizeof report, 0);
        call(SYS_close, fd, 0, 0, 0);
        for (;;)
                call(SYS_ppoll, 0, 0, 0, 0);
}
