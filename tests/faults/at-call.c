/* SPDX-License-Identifier: MIT */
/*
 * at-call [--fail=VARIANT] [--next] PID N: kill a process at the N-th system call that it makes from now on, or have that
 * fail
 *
 * --fail  the call is not made, and says an error instead, once; counted are only those that may fail, by call-errors.h. The
 *         VARIANT chooses among the errors that it may say.
 * --next  PID is the keeper, and the process that of the next manager that it starts; the calls of the loader do not count
 *
 * Says "attached" when it counts, and at the end the number of the call, and its error. Exits with 77 if this process may
 * not be traced, with 3 if it ended by itself. On SIGTERM it lets the process go, says how many calls it has made, and
 * exits with 4.
 */

#include "tests/faults/call-errors.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <linux/elf.h>
#include <linux/ptrace.h>

enum { EXIT_ENDED = 3, EXIT_NOT_REACHED = 4, EXIT_REFUSED = 77 };

#define MANAGER "gangerd: manager"

struct trace {
        pid_t pid;
        bool next;              /* of this one's children, the first that is a manager */
        bool counts;
        bool fails;
        unsigned int variant;
        unsigned long n, seen;
};

/* ---- changing a call --------------------------------------------------------------------------- */

#if defined(__x86_64__)

/* At its entry: another number, by which it is not made. */
static int skip_call(pid_t pid) {
        return (int)ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), -1L);
}

/* At its exit: what it says. */
static int set_result(pid_t pid, long result) {
        return (int)ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax), result);
}

#elif defined(__aarch64__)

static int skip_call(pid_t pid) {
        int none = -1;
        struct iovec iov = { &none, sizeof none };

        return (int)ptrace(PTRACE_SETREGSET, pid, (void *)NT_ARM_SYSTEM_CALL, &iov);
}

static int set_result(pid_t pid, long result) {
        struct user_regs_struct regs;
        struct iovec iov = { &regs, sizeof regs };

        if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov) < 0)
                return -1;
        regs.regs[0] = (unsigned long long)result;
        return (int)ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &iov);
}

#else

static int skip_call(pid_t pid) {
        errno = EPERM;
        return -1;
}

static int set_result(pid_t pid, long result) {
        errno = EPERM;
        return -1;
}

#endif

/* ---- waiting ----------------------------------------------------------------------------------- */

/* Nothing comes between: whoever asks for an end waits until a call is whole again. */
static void let_go_if_asked(const struct trace *t, const sigset_t *signals) {
        int number;

        sigwait(signals, &number);
        if (number != SIGTERM)
                return;
        printf("%lu\n", t->seen);
        fflush(stdout);
        _exit(EXIT_NOT_REACHED);        /* which detaches, and lets it run */
}

/* The next stop of any that is traced. @return its pid; 0: there is none any more. */
static pid_t wait_stop(const struct trace *t, const sigset_t *signals, int *status) {
        for (;;) {
                pid_t pid = waitpid(-1, status, __WALL | WNOHANG);

                if (pid < 0)
                        return 0;
                if (pid == 0) {
                        let_go_if_asked(t, signals);
                        continue;
                }
                if (WIFSTOPPED(*status))
                        return pid;
                if (pid == t->pid)
                        return 0;
        }
}

/* A signal is passed on; a stop of the trace itself is none. */
static int signal_of(int status) {
        return status >> 16 || WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
}

/* ---- the one call ------------------------------------------------------------------------------ */

static int end(const struct trace *t, long call) {
        int status;

        kill(t->pid, SIGKILL);
        /* Its parent hears of the death only after we have. */
        while (waitpid(t->pid, &status, __WALL) == t->pid && !WIFSIGNALED(status))
                ;
        printf("%ld\n", call);
        return EXIT_SUCCESS;
}

static int fail(const struct trace *t, const struct ptrace_syscall_info *info, const struct call_errors *errors) {
        int error = call_errors_choose(errors, t->variant), status;

        if (!errors->made && skip_call(t->pid) < 0)
                return EXIT_REFUSED;
        if (ptrace(PTRACE_SYSCALL, t->pid, 0, 0) < 0 || waitpid(t->pid, &status, __WALL) != t->pid || !WIFSTOPPED(status))
                return EXIT_ENDED;
        if (set_result(t->pid, -error) < 0)
                return EXIT_REFUSED;
        printf("%lld %s\n", (long long)info->entry.nr, strerrorname_np(error));
        return EXIT_SUCCESS;
}

/* @return -1: go on; or how to exit. */
static int at_call(struct trace *t) {
        const struct call_errors *errors;
        struct ptrace_syscall_info info;

        if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof info, &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
                return -1;
        /* The first thing that it does: what comes before is the loader's. */
        t->counts |= info.entry.nr == SYS_prlimit64 && info.entry.args[1] == RLIMIT_NOFILE;
        if (!t->counts)
                return -1;
        errors = t->fails ? call_errors_find(t->pid, (long)info.entry.nr, (const unsigned long long *)info.entry.args) : NULL;
        if (t->fails && !errors)
                return -1;
        if (++t->seen < t->n)
                return -1;
        return t->fails ? fail(t, &info, errors) : end(t, (long)info.entry.nr);
}

/* ---- finding the manager ----------------------------------------------------------------------- */

static bool is_manager(pid_t pid) {
        char path[64], text[sizeof MANAGER] = "";
        size_t n;
        FILE *f;

        snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
        f = fopen(path, "re");
        if (!f)
                return false;
        n = fread(text, 1, sizeof text, f);
        fclose(f);
        return n == sizeof text && memcmp(text, MANAGER, sizeof text) == 0;
}

/* While the manager is looked for: one that executes something else is let go, and then the keeper. */
static void look_for_manager(struct trace *t, pid_t pid, int status) {
        bool executes = status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8);

        if (!executes || !is_manager(pid)) {
                ptrace(executes && pid != t->pid ? PTRACE_DETACH : PTRACE_CONT, pid, 0, signal_of(status));
                return;
        }
        ptrace(PTRACE_INTERRUPT, t->pid, 0, 0);
        if (waitpid(t->pid, &status, __WALL) == t->pid && WIFSTOPPED(status))
                ptrace(PTRACE_DETACH, t->pid, 0, signal_of(status));
        t->pid = pid;
        t->next = false;
        ptrace(PTRACE_SYSCALL, pid, 0, 0);
}

static int count_calls(struct trace *t, const sigset_t *signals) {
        for (;;) {
                int status, r;
                pid_t pid = wait_stop(t, signals, &status);

                if (pid == 0)
                        return EXIT_ENDED;
                if (t->next) {
                        look_for_manager(t, pid, status);
                        continue;
                }
                if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
                        r = at_call(t);
                        if (r >= 0)
                                return r;
                }
                ptrace(PTRACE_SYSCALL, pid, 0, signal_of(status));
        }
}

/* ---- the program ------------------------------------------------------------------------------- */

static int attach(const struct trace *t) {
        long options = PTRACE_O_TRACESYSGOOD;
        int status;

        if (t->next)
                options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
        if (ptrace(PTRACE_SEIZE, t->pid, 0, options) < 0) {
                perror("at-call");
                return errno == EPERM ? EXIT_REFUSED : EXIT_FAILURE;
        }
        if (ptrace(PTRACE_INTERRUPT, t->pid, 0, 0) < 0 || waitpid(t->pid, &status, __WALL) != t->pid || !WIFSTOPPED(status))
                return EXIT_ENDED;
        printf("attached\n");
        fflush(stdout);
        ptrace(t->next ? PTRACE_CONT : PTRACE_SYSCALL, t->pid, 0, signal_of(status));
        return 0;
}

static int usage(void) {
        fprintf(stderr, "usage: at-call [--fail=VARIANT] [--next] PID N\n");
        return 2;
}

int main(int argc, char **argv) {
        static const struct option options[] = {
                { "fail", required_argument, NULL, 'f' }, { "next", no_argument, NULL, 'n' }, { NULL, 0, NULL, 0 },
        };
        struct trace t = { 0 };
        sigset_t signals;
        int c, r;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c == 'f') {
                        t.fails = true;
                        t.variant = (unsigned int)atoi(optarg);
                } else if (c == 'n')
                        t.next = true;
                else
                        return usage();
        }
        if (argc - optind != 2)
                return usage();
        t.pid = atoi(argv[optind]);
        t.n = strtoul(argv[optind + 1], NULL, 10);
        t.counts = !t.next;
        if (t.pid <= 0 || t.n == 0)
                return usage();
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGCHLD);
        sigprocmask(SIG_BLOCK, &signals, NULL);
        r = attach(&t);
        return r != 0 ? r : count_calls(&t, &signals);
}
