/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DOCTOR_LOOK_H
#define GANGER_DOCTOR_LOOK_H

/*
 * What is in force of a process, as the kernel tells it
 *
 * Each part says whether it could be read: of a process of another user, or one that hides itself, some cannot.
 */

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/doctor/mount-table.h"

/** Of groups that are kept; of more only the number. */
#define LOOK_GROUPS_MAX 256
/** RLIMIT_NLIMITS; and no bound, in a limit. */
#define LOOK_LIMITS_N 16
#define LOOK_NO_LIMIT UINT64_MAX

struct process_status {
        uid_t uids[4];                  /* real, effective, saved, of files */
        gid_t gids[4];
        gid_t groups[LOOK_GROUPS_MAX];
        size_t n_groups;
        uint64_t inheritable, permitted, effective, bounding, ambient;
        int no_new_privileges;          /* as the next ones -1 if the kernel does not tell */
        int seccomp;                    /* SECCOMP_MODE_… */
        int filters;                    /* of system calls */
        int umask;
};

struct process_limits {
        uint64_t soft[LOOK_LIMITS_N], hard[LOOK_LIMITS_N]; /* LOOK_NO_LIMIT: none */
        bool known[LOOK_LIMITS_N];
};

enum process_namespace {
        NAMESPACE_CGROUP,
        NAMESPACE_IPC,
        NAMESPACE_MNT,
        NAMESPACE_NET,
        NAMESPACE_PID,
        NAMESPACE_USER,
        NAMESPACE_UTS,
        _NAMESPACE_N,
};
#define NAMESPACE_TEXT_MAX 40
/** Whatever part it is. */
#define LOOK_PATH_MAX 4096

/** A number that may not have been told. */
struct told {
        bool known;
        int64_t value;
};

struct process_look {
        pid_t pid;
        bool status_known;
        struct process_status status;
        struct process_limits limits;
        char namespaces[_NAMESPACE_N][NAMESPACE_TEXT_MAX]; /* "net:[4026531840]"; "": it is not told */
        bool mounts_known;
        struct mount_table mounts;
        struct told oom_score, nice, cpu_policy, cpu_priority, io_priority, timer_slack_nsec;
        bool cpus_known;
        cpu_set_t cpus;
        char numa[NAMESPACE_TEXT_MAX];  /* "bind:0"; "": it is not told */
        char cgroup[LOOK_PATH_MAX];     /* of version 2, from its root on; "": none */
};

/**
 * Read all of it.
 * @param ret  ended by process_look_done(), also after an error.
 * @return 0; -ESRCH: there is no such process, or it is dead.
 */
int process_look(pid_t pid, struct process_look *ret);
void process_look_done(struct process_look *look);

/** Has it a namespace of its own kind, that `own` has not? @return 1, 0; -1: it is not told. */
int look_has_own_namespace(const struct process_look *look, const struct process_look *own, enum process_namespace kind);

/** "net" */
const char *namespace_name(enum process_namespace kind);

/**
 * The directory of its cgroup.
 * @param own  of this process: where cgroups are mounted.
 * @return a descriptor; -ENOENT, …
 */
int look_open_cgroup(const struct process_look *look, const struct process_look *own);

/* ---- pure: texts of the kernel ------------------------------------------------------------------- */

/** /proc/PID/status. @return false: it has no Uid. */
bool status_parse(const char *text, struct process_status *ret);
/** /proc/PID/limits. What is not in it is not known. */
void limits_parse(const char *text, struct process_limits *ret);
/** /proc/PID/cgroup. @return false: it has none of version 2. */
bool cgroup_parse(const char *text, char *ret, size_t size);

#endif
