/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_SPAWN_H
#define GANGER_KEEPER_SPAWN_H

/*
 * From a complete description to a running process
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "daemon/keeper/landlock.h"
#include "daemon/keeper/mounts.h"
#include "daemon/keeper/setting.h"

/**
 * The descriptors of the keeper that a child may get are below this number, and what the keeper stores is
 * above: so a spawn copies a small table, however many descriptors are stored.
 */
#define SPAWN_FD_WINDOW 320

/** Room for the pid of a child in decimal, with its NUL. */
#define SPAWN_PID_SIZE 12

struct spawner {
        void *stack;                    /* of the child, until it executes; with a guard page */
        size_t stack_size;
        pid_t parent;                   /* our pid: whose death the child dies with */
        int life[2];                    /* a pipe: the end that is written to is ours alone; -1 until it is needed */
};

#define SPAWNER_NULL ((struct spawner){ .life = { -1, -1 } })

struct spawn_request {
        const char *path;
        char *const *argv;
        char *const *environment;
        char *const *pid_values;        /* where the child writes its pid, SPAWN_PID_SIZE each: in its environment */
        size_t n_pid_values;
        const char *directory;          /* NULL or "": ours */
        bool set_credentials;
        uid_t uid;
        gid_t gid;
        const gid_t *groups;
        size_t n_groups;
        mode_t umask;
        const int *fds;                 /* become 0, 1, 2, …; all below SPAWN_FD_WINDOW */
        size_t n_fds;
        int cgroup_fd;                  /* directory, below SPAWN_FD_WINDOW; or -1 */
        const struct rlimit *nofile;    /* NULL: ours */
        const struct setting *settings;
        size_t n_settings;
        const struct mount_step *mounts;
        size_t n_mounts;                /* 0: the mount namespace is ours */
        bool mounts_may_lack;
        const struct landlock_rule *landlock;
        size_t n_landlock;              /* 0: it is not restricted by it */
        bool landlock_may_lack;
        struct left_out *left_out;      /* what it goes without; NULL only if it may lack nothing */
};

int spawner_init(struct spawner *s);
void spawner_done(struct spawner *s);

/**
 * Start a process, and wait until it executes its program or has failed to.
 * Its signals are those of the caller, unblocked: the caller ignores none.
 * @param ret_pid   the process.
 * @param ret_step  set on failure, too: the name of what failed.
 * @return 0 or -errno.
 */
int spawn(struct spawner *s, const struct spawn_request *request, pid_t *ret_pid, const char **ret_step);

#endif
