/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SPAWN_REQUEST_H
#define GANGER_DAEMON_SPAWN_REQUEST_H

/*
 * A request for a process of a worker, and what it is made of
 *
 * Whoever makes one finds the user, gives it a program, `argv`, an environment and a cookie, and its own settings if it
 * wants any; then completes it. What the definition restricts is never left out.
 */

#include "daemon/isolation/landlock.h"
#include "daemon/isolation/mounts.h"
#include "daemon/spawn-parts.h"
#include "daemon/spawn-settings.h"
#include "daemon/user.h"
#include "keeper.pb-c.h"
#include "state.pb-c.h"

struct dynamic_users;
struct gang;
struct worker_definition;

struct spawn_request {
        Ganger__Keeper__SpawnSpec spec;
        struct user user;
        char *program, *directory;
        struct strings argv, environment;
        struct spawn_settings settings;
        struct mounts *mounts;
        struct landlock_rules landlock;
        bool own_pids;                  /* it is to have what `private-pids` says: set by who asks, before it is completed */
};

/** Begins empty; ended by spawn_request_done(). */
#define SPAWN_REQUEST_NULL { .spec = GANGER__KEEPER__SPAWN_SPEC__INIT, .user = USER_NULL, .settings = SPAWN_SETTINGS_NULL, .landlock = LANDLOCK_RULES_NULL }

void spawn_request_done(struct spawn_request *request);

/** Whose rights it gets: `user`, `dynamic-user`, `primary-group`, `supplementary-groups`. @return 0; -errno, with the error. */
int spawn_request_find_user(struct spawn_request *request, struct gang *gang, const struct worker_definition *definition,
                            struct error *error);

/** The same, for who only looks; see dynamic_user_look(). */
int spawn_request_look_user(struct spawn_request *request, const struct dynamic_users *users,
                            const struct worker_definition *definition, struct error *error);

/** What it was asked for with, until the keeper gives it back. @return 0, -ENOMEM. */
int spawn_request_set_cookie(struct spawn_request *request, const Ganger__State__InstanceCookie *cookie);

/**
 * Fill its spec: with all that it was given, and whatever a process of such a worker has and may not do: rights, umask,
 * directory, filters, mounts. The definition must outlive it.
 * @return 0; -errno: the error names the key.
 */
int spawn_request_complete(struct spawn_request *request, const struct worker_definition *definition, const char *runtime_dir,
                           struct error *error);

#endif
