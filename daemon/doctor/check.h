/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DOCTOR_CHECK_H
#define GANGER_DOCTOR_CHECK_H

/*
 * What the definition of a worker asks for, beside what is in force of its process
 */

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "daemon/config/config.h"
#include "daemon/doctor/look.h"
#include "daemon/isolation/mounts.h"
#include "daemon/spawn-request.h"

/** The row of all filters of system calls together, which is no key. */
#define CHECK_FILTERS "filters of system calls"

/** Of what is wanted, and of what is there; what is longer is cut. */
#define CHECK_TEXT_MAX 640

enum check_verdict {
        CHECK_NOT_ASKED,                /* the definition does not say */
        CHECK_OK,
        CHECK_DIFFERS,
        CHECK_UNKNOWN,                  /* it is wanted, and cannot be read back */
};

struct check_text {
        char wanted[CHECK_TEXT_MAX];    /* "": nothing */
        char found[CHECK_TEXT_MAX];     /* "": it is not told */
};

/** What is wanted, found out once for all processes of a definition. */
struct checks {
        const struct worker_definition *definition;
        const struct process_look *own; /* the manager: what a process has if nobody asked for anything */
        struct spawn_request request;   /* of which only these are used: user, mounts */
        bool user_known;                /* it, and its groups, exist by now */
        Ganger__Keeper__SpawnSpec mounts; /* that has but mounts … */
        bool mounts_known;              /* … if all that they name is there by now */
        char mounts_problem[ERROR_TEXT_MAX];
        char *root;                     /* its directory, for those that have one; NULL */
        int filters;                    /* of system calls that its processes have at least */
        bool no_new_privileges;         /* asked for, or implied by one of them */
};

/**
 * Find out what is wanted. Definition and `own` must outlive it. Ended by checks_done().
 * @param users  NULL: none exist.
 */
void checks_init(struct checks *checks, const struct worker_definition *definition, const struct dynamic_users *users,
                 const char *runtime_dir, const struct process_look *own);
void checks_done(struct checks *checks);

/** Told of each row, in the order of ganger.conf(5). @param text  only for as long as it is called. @return < 0: stop. */
typedef int (*check_row_fn)(void *userdata, const char *key, enum check_verdict verdict, const struct check_text *text);

/**
 * Compare a process with it.
 * @param started_usec  when it was started, CLOCK_REALTIME: a path that is newer was not there for it.
 * @return 0, or what `fn` returned to stop it.
 */
int checks_run(const struct checks *checks, const struct process_look *look, uint64_t started_usec, check_row_fn fn,
               void *userdata);

/** Whether the devices that its processes may open are those, in a cgroup. @return 1, 0; -errno: it is not told. */
int checks_have_devices(const struct checks *checks, int cgroup_fd);

/** The keys that there is a row for: NULL past the last. */
const char *check_key(size_t i);

/** "ok", "differs", "unknown"; "" of CHECK_NOT_ASKED. */
const char *check_verdict_name(enum check_verdict verdict);

/** Do all filters of system calls hold that are wanted, as far as they can be counted? */
bool checks_have_filters(const struct checks *checks, const struct process_look *look);

#endif
