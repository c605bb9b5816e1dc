/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_RELEASE_H
#define GANGER_DAEMON_RELEASE_H

/*
 * Releases: definitions of a worker beside the one in force
 *
 * A release is a whole configuration, of which one worker counts. It is kept by the keeper as a text, under a name that
 * says what it is to the worker: what a roll brings, what was in force before the last upgrade, and what the configuration
 * file had to say when something else was put into force by hand. A reload that finds the file to say that still leaves
 * what is in force.
 */

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "daemon/config/config.h"

struct gang;
struct worker;

enum release_role {
        RELEASE_NEXT,                   /* what the roll brings that is under way */
        RELEASE_PREVIOUS,               /* for `rollback` */
        RELEASE_FILE,                   /* what the file says, if that is not in force */
        _RELEASE_ROLE_N,
};

struct release {
        struct config *config;
        const struct worker_definition *definition;     /* of it */
};

/** Free. @return NULL. */
struct release *release_free(struct release *release);
DEFINE_CLEANUP(struct release *, release_free)

/** The configuration in force, but with that definition of a worker. @return 0; -EINVAL, -ENOMEM, with the error set. */
int release_new(struct release **ret, struct gang *gang, const struct worker_definition *definition, struct error *error);

/** What the configuration file says of a worker now. @return 0; < 0, with all that is wrong in `errors`. */
int release_of_file(struct release **ret, struct gang *gang, const char *name, struct config_errors *errors);

/** The definition in force, with another `exec`. */
int release_of_exec(struct release **ret, struct gang *gang, const struct worker *worker, char *const *exec,
                    struct error *error);

/** What was in force before the last upgrade. @return 0; -ENOENT: there was none; with the error set. */
int release_of_previous(struct release **ret, struct gang *gang, const struct worker *worker, struct error *error);

/** Keep one for the next manager. */
int release_store(struct gang *gang, const char *name, enum release_role role, const struct release *release);

/** Keep it no more. */
void release_drop(struct gang *gang, const char *name, enum release_role role);

/** Take-over: what was stored. @return 0; -ENOENT, -EPROTO. */
int release_take(struct release **ret, struct gang *gang, const char *name, enum release_role role);

/**
 * Put a release into force, and keep what was before. Its processes run by it already. Done twice, it is done once.
 * @param from_file  it is what the configuration file says.
 */
int release_put_into_force(struct gang *gang, struct worker *worker, const struct release *release, bool from_file,
                           struct error *error);

/** What the file says of a worker was taken back: no reload puts it into force before it says something else. */
void release_refuse(struct worker *worker, const struct release *release);

/** Take-over: what was stored of all workers. */
void releases_restore(struct gang *gang);

/** A worker goes, and with it what is kept of it. */
void releases_forget(struct worker *worker);

/** Is what is in force of this worker something else than the file said when it was read last? */
bool release_differs_from_file(const struct worker *worker);

/**
 * A file was read: what is in force of workers of which it says what it said before stays, if that was put into force by
 * hand, or if what the file says is being tried, or was taken back.
 * @param config  replaced, if anything of it is.
 */
int releases_keep(struct gang *gang, struct config **config, struct config_errors *errors);

/** … and is in force: of others nothing is known any more. */
void releases_settle(struct gang *gang);

#endif
