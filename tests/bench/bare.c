/* SPDX-License-Identifier: MIT */

/*
 * The bare supervisor
 *
 * posix_spawn(3) is clone(CLONE_VM | CLONE_VFORK). A process group of its own, so that the bench can end all of it.
 */

#include "bare.h"

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* What it keeps running. */
static pid_t *pids;
static size_t n_pids;

static void start_one(size_t i, const char *program, const char *fifo) {
        const char *const argv[] = { program, fifo, NULL };
        char *const environment[] = { NULL };

        if (posix_spawn(&pids[i], program, NULL, NULL, (char *const *)argv, environment) != 0)
                _exit(1);
}

/** It does nothing else any more, so that may be done in a handler. */
static void end(int signal) {
        for (size_t i = 0; i < n_pids; i++)
                if (pids[i] > 0)
                        kill(pids[i], SIGKILL);
        while (waitpid(-1, NULL, 0) > 0)
                ;
        _exit(0);
}

static void replace(pid_t pid, const char *program, const char *fifo) {
        for (size_t i = 0; i < n_pids; i++)
                if (pids[i] == pid) {
                        start_one(i, program, fifo);
                        return;
                }
}

pid_t bare_start(size_t n, const char *program, const char *fifo) {
        struct sigaction action = { .sa_handler = end };
        pid_t pid = fork();

        if (pid < 0)
                bench_die("fork");
        if (pid > 0) {
                setpgid(pid, pid);
                return pid;
        }
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        pids = calloc(n + 1, sizeof *pids);
        if (!pids || sigaction(SIGTERM, &action, NULL) < 0)
                _exit(1);
        for (; n_pids < n; n_pids++)
                start_one(n_pids, program, fifo);
        for (;;) {
                pid = waitpid(-1, NULL, 0);
                if (pid > 0)
                        replace(pid, program, fifo);
        }
}
