/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_KEEPER_H
#define GANGER_KEEPER_KEEPER_H

/*
 * The keeper: parent of every instance and of the manager
 */

#include <stdbool.h>

struct keeper_config {
        const char *manager_path;       /* what a manager executes: /proc/self/exe */
        const char *const *manager_argv;
        bool detached;                  /* the terminal is let go of at the first Ready */
        int lock_fd;                    /* of the runtime directory, for a program that this one becomes; stays the caller's */
        int ready_fd;                   /* gets a zero byte at the first Ready; -1: nobody waits. Stays the caller's */
};

/**
 * Be the keeper, until the manager has left. Blocks signals, takes over SIGCHLD, and adopts orphans: it
 * is the only thing that its process does.
 * @return the exit status of the process: the manager's where the first one gave up before it was ready
 *         (78: the configuration), or what it asked for when it left; 71 if the keeper could not begin.
 */
int keeper_run(const struct keeper_config *config);

/** Was this process a keeper already, by another program? Then keeper_run() goes on from there, and the lock is held. */
bool keeper_was_handed_over(void);

#endif
