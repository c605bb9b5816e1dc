/* SPDX-License-Identifier: MIT */

/*
 * The bare supervisor
 *
 * posix_spawn(3) is clone(CLONE_VM | CLONE_VFORK). A process group of its own, so that the bench can end all of it.
 */

#include "bare.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static void start_one(const char *program, const char *fifo) {
        const char *const argv[] = { program, fifo, NULL };
        char *const environment[] = { NULL };
        pid_t pid;

        if (posix_spawn(&pid, program, NULL, NULL, (char *const *)argv, environment) != 0)
                _exit(1);
}

pid_t bare_start(size_t n, const char *program, const char *fifo) {
        pid_t pid = fork();

        if (pid < 0)
                bench_die("fork");
        if (pid > 0) {
                setpgid(pid, pid);
                return pid;
        }
        setpgid(0, 0);
        for (size_t i = 0; i < n; i++)
                start_one(program, fifo);
        for (;;)
                if (waitpid(-1, NULL, 0) > 0)
                        start_one(program, fifo);
}
