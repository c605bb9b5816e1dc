/* SPDX-License-Identifier: MIT */
/*
 * kill-at PID N: kill a process at the N-th system call that it makes from now on
 *
 * Says "attached" when it counts, and at the end the number of the call, which is not made any more. Exits with 77 if
 * this process may not be traced, with 3 if it ended by itself.
 */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <linux/ptrace.h>

enum { EXIT_ENDED = 3, EXIT_REFUSED = 77 };

/* @return the call that it is about to make, or -1: it stops for something else. */
static long entered_call(pid_t pid, int status) {
        struct ptrace_syscall_info info;

        if (WSTOPSIG(status) != (SIGTRAP | 0x80))
                return -1;
        if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
                return -1;
        return (long)info.entry.nr;
}

/* A signal is passed on; a stop of the trace itself is none. */
static int signal_of(int status) {
        return status >> 16 || WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
}

static int end(pid_t pid, long call) {
        int status;

        kill(pid, SIGKILL);
        /* Its parent hears of the death only after we have. */
        while (waitpid(pid, &status, __WALL) == pid && !WIFSIGNALED(status))
                ;
        printf("%ld\n", call);
        return EXIT_SUCCESS;
}

static int count_calls(pid_t pid, unsigned long n) {
        int status, signal = 0;

        for (;;) {
                long call;

                if (ptrace(PTRACE_SYSCALL, pid, 0, signal) < 0 || waitpid(pid, &status, __WALL) != pid ||
                    !WIFSTOPPED(status))
                        return EXIT_ENDED;
                call = entered_call(pid, status);
                if (call >= 0 && --n == 0)
                        return end(pid, call);
                signal = signal_of(status);
        }
}

int main(int argc, char **argv) {
        pid_t pid = argc == 3 ? atoi(argv[1]) : 0;
        unsigned long n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
        int status;

        if (pid <= 0 || n == 0) {
                fprintf(stderr, "usage: kill-at PID N\n");
                return 2;
        }
        if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) < 0) {
                perror("kill-at");
                return errno == EPERM ? EXIT_REFUSED : EXIT_FAILURE;
        }
        if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 || waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
                return EXIT_ENDED;
        printf("attached\n");
        fflush(stdout);
        return count_calls(pid, n);
}
