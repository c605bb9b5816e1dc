/* SPDX-License-Identifier: MIT */

/*
 * Starting the program
 *
 * We are single-threaded, so what the child does between fork and exec may be anything. Whether exec
 * succeeded is told by a pipe that exec closes, or that brings the error.
 */

#include "bridge/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

struct pipes {
        int in[2], out[2], error[2];
};

#define PIPES_NULL ((struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 } })

static void pipes_done(struct pipes *p) {
        close_fd(p->in[0]);
        close_fd(p->in[1]);
        close_fd(p->out[0]);
        close_fd(p->out[1]);
        close_fd(p->error[0]);
        close_fd(p->error[1]);
}

static int pipes_open(struct pipes *p, bool in, bool out) {
        int r = 0;

        if (in && pipe2(p->in, O_CLOEXEC) < 0)
                return -errno;
        if (out && pipe2(p->out, O_CLOEXEC) < 0)
                return -errno;
        if (pipe2(p->error, O_CLOEXEC) < 0)
                return -errno;
        if (in)
                r = fd_set_nonblocking(p->in[1], true);
        if (r == 0 && out)
                r = fd_set_nonblocking(p->out[0], true);
        return r;
}

/* ---- looking for it ---------------------------------------------------------------------------- */

static int check_executable(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0)
                return errno == EACCES ? -EACCES : -ENOENT;
        return S_ISREG(st.st_mode) && access(path, X_OK) == 0 ? 0 : -EACCES;
}

int program_find(const char *name) {
        const char *path = getenv("PATH");
        char file[PATH_MAX];
        int found = -ENOENT;

        if (strchr(name, '/'))
                return check_executable(name);
        for (path = path ? path : "/bin:/usr/bin"; found != 0; path++) {
                size_t n = strcspn(path, ":");
                int length = snprintf(file, sizeof file, "%.*s%s%s", (int)n, path, n ? "/" : "", name);
                int r = length < (int)sizeof file ? check_executable(file) : -ENOENT;

                found = r == 0 || found == -ENOENT ? r : found;
                path += n;
                if (!*path)
                        break;
        }
        return found;
}

/* ---- in the child ------------------------------------------------------------------------------ */

static void reset_signals(void) {
        sigset_t none;

        for (int s = 1; s < NSIG; s++)
                (void)signal(s, SIG_DFL); /* fails for those that are always at their default */
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

/** Put the ends of the pipes where the program expects them; first all out of the way of each other. */
static int place(struct pipes *p, int in_fd, int out_fd) {
        int above = MAX(in_fd, out_fd), in = -1, out = -1;

        above = MAX(above, STDERR_FILENO) + 1;
        p->error[1] = fcntl(p->error[1], F_DUPFD_CLOEXEC, above);
        if (in_fd >= 0)
                in = fcntl(p->in[0], F_DUPFD_CLOEXEC, above);
        if (out_fd >= 0)
                out = fcntl(p->out[1], F_DUPFD_CLOEXEC, above);
        if (p->error[1] < 0 || (in_fd >= 0 && in < 0) || (out_fd >= 0 && out < 0))
                return -errno;
        if (in_fd >= 0 && dup2(in, in_fd) < 0)
                return -errno;
        if (out_fd >= 0 && dup2(out, out_fd) < 0)
                return -errno;
        return 0;
}

/** Sockets are for the program: sd_listen_fds(3) asks whose they are. */
static void pass_sockets(void) {
        char pid[16];

        if (!getenv("LISTEN_PID"))
                return;
        snprintf(pid, sizeof pid, "%d", (int)getpid());
        setenv("LISTEN_PID", pid, 1);
}

static _Noreturn void child(struct pipes *p, pid_t parent, char *const *argv, int in_fd, int out_fd) {
        int error;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE); /* it died before it could take us along */
        reset_signals();
        error = -place(p, in_fd, out_fd);
        if (error == 0) {
                unsetenv("NOTIFY_SOCKET"); /* the bridge speaks with the daemon */
                pass_sockets();
                execvp(argv[0], argv);
                error = errno;
        }
        (void)!write(p->error[1], &error, sizeof error);
        _exit(EXIT_FAILURE);
}

/* ---- in the bridge ----------------------------------------------------------------------------- */

/** Wait until the child has begun to run the program. */
static int wait_for_exec(int fd) {
        int error;
        ssize_t n;

        do
                n = read(fd, &error, sizeof error);
        while (n < 0 && errno == EINTR);
        return n == (ssize_t)sizeof error ? -error : 0;
}

int program_start(struct program *ret, char *const *argv, int in_fd, int out_fd) {
        _cleanup_(pipes_done) struct pipes pipes = PIPES_NULL;
        _cleanup_(program_done) struct program p = PROGRAM_NULL;
        pid_t parent = getpid();
        int r;

        r = pipes_open(&pipes, in_fd >= 0, out_fd >= 0);
        if (r < 0)
                return r;
        p.pid = fork();
        if (p.pid < 0)
                return -errno;
        if (p.pid == 0)
                child(&pipes, parent, argv, in_fd, out_fd);
        pipes.error[1] = close_fd(pipes.error[1]);
        p.pidfd = pidfd_open(p.pid, 0);
        if (p.pidfd < 0)
                return -errno;
        r = wait_for_exec(pipes.error[0]);
        if (r < 0)
                return r;
        p.to = TAKE_FD(pipes.in[1]);
        p.from = TAKE_FD(pipes.out[0]);
        *ret = p;
        p = PROGRAM_NULL;
        return 0;
}

void program_signal(const struct program *p, int signal) {
        if (p->pid > 0)
                kill(p->pid, signal); /* not reaped yet, so it is still its pid */
}

int program_wait(struct program *p) {
        int status = 0;

        while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
                ;
        p->pid = 0;
        return status;
}

bool program_is_first(void) {
        return getpid() == 1;
}

/* Looked at before it is reaped: the kernel tells the oldest first. */
void program_reap_others(const struct program *p) {
        siginfo_t info = { 0 };

        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0 && (!p || info.si_pid != p->pid)) {
                waitpid(info.si_pid, NULL, 0);
                info.si_pid = 0;
        }
}

void program_done(struct program *p) {
        if (p->pid > 0) {
                program_signal(p, SIGKILL);
                program_wait(p);
        }
        close_fd(p->pidfd);
        close_fd(p->to);
        close_fd(p->from);
        *p = PROGRAM_NULL;
}
