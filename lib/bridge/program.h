/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BRIDGE_PROGRAM_H
#define GANGER_BRIDGE_PROGRAM_H

/*
 * The program: a child process with a pipe in each direction
 *
 * It is killed with the bridge (PR_SET_PDEATHSIG), has every signal at its default, and nothing of the
 * bridge's but its working directory, its environment (without NOTIFY_SOCKET) and its descriptors 0, 1
 * and 2.
 */

#include <stdbool.h>
#include <sys/types.h>

struct program {
        pid_t pid;                      /* 0: none, or reaped */
        int pidfd;                      /* readable: it has exited */
        int to, from;                   /* our ends, non-blocking; -1: no such pipe, or closed */
};

#define PROGRAM_NULL ((struct program){ .pidfd = -1, .to = -1, .from = -1 })

/** Is there such a program, as execvp(3) will look for it? @return 0, -ENOENT, -EACCES. */
int program_find(const char *name);

/**
 * Start it; returns when it has begun to run.
 * @param in_fd   where it finds the pipe that we write to; -1: it gets none.
 * @param out_fd  where it finds the pipe that we read from; -1: it gets none.
 * @return 0; what execvp(3) said; or another -errno.
 */
int program_start(struct program *ret, char *const *argv, int in_fd, int out_fd);

/** Send it a signal; never hits another process. */
void program_signal(const struct program *p, int signal);

/** Reap it; waits for its exit. @return its status, as waitpid(2) tells it. */
int program_wait(struct program *p);

/** Are we process 1 of some, which has to reap whoever has lost his parent? */
bool program_is_first(void);

/** … do so, but for this one, which may be NULL; and leave the rest for later if it has ended. */
void program_reap_others(const struct program *p);

/** Kills and reaps it if it still runs. */
void program_done(struct program *p);

#endif
