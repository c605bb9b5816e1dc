/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_USER_H
#define GANGER_DAEMON_USER_H

/*
 * The user that a process runs as: from a name to numbers
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct user {
        bool change;                    /* the credentials differ from ours */
        uid_t uid;
        gid_t gid;
        uint32_t *groups;
        size_t n_groups;
        char *name, *home, *shell;      /* the last two are NULL of one that exists only while a worker runs */
};

#define USER_NULL ((struct user){ 0 })

/** Look a user up, by name or by number. @return 0; -ENOENT; -EPERM (we may not become that user); -errno. */
int user_find(const char *name, struct user *ret, struct error *error);

/**
 * Give it other groups than the user has.
 * @param user     one that was found; or USER_NULL, which is ours.
 * @param primary  a name or a number; NULL: as it is.
 * @param more     beside those that it is in; ends with NULL.
 * @return 0; -ENOENT; -EPERM (only root may); -errno.
 */
int user_set_groups(struct user *user, const char *primary, char *const *more, struct error *error);

void user_done(struct user *user);

#endif
