/* SPDX-License-Identifier: MIT */
/*
 * The user that a process runs as: from a name to numbers
 *
 * Looked up at each start, so that a change of the user's groups counts from the next process on.
 */

#include "daemon/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USER_BUFFER_MAX (64 * 1024)
#define USER_GROUPS_MAX 65536           /* NGROUPS_MAX of the kernel */

void user_done(struct user *user) {
        free(user->groups);
        free(user->name);
        free(user->home);
        free(user->shell);
        *user = USER_NULL;
}

/* A name that is all digits is a number, as in chown(1) when there is no such user. */
static int user_number(const char *name, uid_t *ret) {
        unsigned long n;
        char *end;

        errno = 0;
        n = strtoul(name, &end, 10);
        if (errno || end == name || *end != '\0' || n >= (uid_t)-1)
                return -EINVAL;
        *ret = n;
        return 0;
}

static int user_read(const char *name, struct passwd *entry, char *buffer, size_t size) {
        struct passwd *found = NULL;
        uid_t uid;
        int r = getpwnam_r(name, entry, buffer, size, &found);

        if (!found && user_number(name, &uid) == 0)
                r = getpwuid_r(uid, entry, buffer, size, &found);
        return found ? 0 : r ? -r : -ENOENT;
}

static int user_find_groups(struct user *user) {
        int n = 32;

        for (;;) {
                gid_t *groups = reallocarray(user->groups, n, sizeof *groups);
                int wanted = n;

                if (!groups)
                        return -ENOMEM;
                user->groups = groups;
                if (getgrouplist(user->name, user->gid, groups, &wanted) >= 0) {
                        user->n_groups = wanted;
                        return 0;
                }
                n = wanted > n ? wanted : n * 2;
                if (n > USER_GROUPS_MAX)
                        return -E2BIG;
        }
}

int user_find(const char *name, struct user *ret, struct error *error) {
        _cleanup_(user_done) struct user user = USER_NULL;
        _cleanup_(freep) char *buffer = malloc(USER_BUFFER_MAX);
        struct passwd entry;
        int r;

        if (!buffer)
                return error_errno(error, -ENOMEM, "user '%s'", name);
        r = user_read(name, &entry, buffer, USER_BUFFER_MAX);
        if (r == -ENOENT)
                return error_set(error, r, "user '%s': there is no such user", name);
        if (r < 0)
                return error_errno(error, r, "user '%s'", name);
        user.uid = entry.pw_uid;
        user.gid = entry.pw_gid;
        user.name = strdup(entry.pw_name);
        user.home = strdup(entry.pw_dir);
        user.shell = strdup(entry.pw_shell);
        if (!user.name || !user.home || !user.shell)
                return error_errno(error, -ENOMEM, "user '%s'", name);
        if (geteuid() != 0) {
                if (user.uid != geteuid())
                        return error_set(error, -EPERM, "user '%s': only root may run as another user", name);
        } else {
                user.change = true;
                r = user_find_groups(&user);
                if (r < 0)
                        return error_errno(error, r, "user '%s': its groups", name);
        }
        *ret = user;
        user = USER_NULL;
        return 0;
}
