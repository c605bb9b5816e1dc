/* SPDX-License-Identifier: MIT */

/*
 * A child that begins its life in a cgroup
 *
 * A process that moves itself by writing to cgroup.procs waits for a grace period of RCU, unless somebody else has just
 * moved: 12 ms at the median here, where the whole spawn takes a tenth of one. To be born in the cgroup
 * (CLONE_INTO_CGROUP) costs nothing visible. But only clone3(2) can do that, and glibc has no function for it that takes a
 * stack. So the system call is made here: the child wakes up on its empty stack, with the registers of the parent and
 * nothing else.
 */

#include "daemon/keeper/clone.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Processors other than this one take the slower way: a move, in the child. */
#if defined(__x86_64__) && defined(__LP64__) && defined(CLONE_INTO_CGROUP)

pid_t clone_into_cgroup(int (*fn)(void *), void *stack, size_t size, void *data, int cgroup_fd, uint64_t namespaces) {
        struct clone_args args = {
                .flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_INTO_CGROUP | namespaces,
                .exit_signal = SIGCHLD,
                .stack = (uintptr_t)stack,
                .stack_size = size,
                .cgroup = (uint64_t)cgroup_fd,
        };
        long pid;

        /*
         * The system call keeps all registers but rax, rcx and r11, in the child too. Its stack is aligned as a call wants
         * it.
         */
        __asm__ volatile("syscall\n\t"
                         "test %%rax, %%rax\n\t"
                         "jnz 1f\n\t"
                         "mov %[data], %%rdi\n\t"
                         "call *%[fn]\n\t"
                         "ud2\n"
                         "1:"
                         : "=a"(pid)
                         : "a"((long)SYS_clone3), "D"(&args), "S"(sizeof args), [fn] "r"(fn), [data] "r"(data)
                         : "rcx", "r11", "memory", "cc");
        return (pid_t)pid;
}

#else

pid_t clone_into_cgroup(int (*fn)(void *), void *stack, size_t size, void *data, int cgroup_fd, uint64_t namespaces) {
        return -ENOSYS;
}

#endif
