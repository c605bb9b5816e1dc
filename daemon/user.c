/* SPDX-License-Identifier: MIT */
/*
 * The user and the groups that a process runs as: from names to numbers
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

/* ---- other groups ------------------------------------------------------------------------------ */

static int group_find(const char *name, gid_t *ret, struct error *error) {
        _cleanup_(freep) char *buffer = malloc(USER_BUFFER_MAX);
        struct group entry, *found = NULL;
        int r;

        if (!buffer)
                return error_errno(error, -ENOMEM, "group '%s'", name);
        r = getgrnam_r(name, &entry, buffer, USER_BUFFER_MAX, &found);
        if (found)
                *ret = found->gr_gid;
        else if (user_number(name, ret) < 0)
                return r ? error_errno(error, -r, "group '%s'", name) :
                           error_set(error, -ENOENT, "group '%s': there is no such group", name);
        return 0;
}

/* Ours, by number: it keeps the names, and so the environment, that it has without. */
static int user_take_ours(struct user *user) {
        int n = getgroups(0, NULL);

        if (n < 0)
                return -errno;
        user->groups = calloc((size_t)n + 1, sizeof *user->groups);
        if (!user->groups)
                return -ENOMEM;
        n = getgroups(n, user->groups);
        if (n < 0)
                return -errno;
        user->n_groups = (size_t)n;
        user->uid = geteuid();
        user->gid = getegid();
        user->change = true;
        return 0;
}

static int user_add_group(struct user *user, gid_t gid) {
        uint32_t *groups;

        for (size_t i = 0; i < user->n_groups; i++)
                if (user->groups[i] == gid)
                        return 0;
        if (user->n_groups >= USER_GROUPS_MAX)
                return -E2BIG;
        groups = reallocarray(user->groups, user->n_groups + 1, sizeof *groups);
        if (!groups)
                return -ENOMEM;
        user->groups = groups;
        groups[user->n_groups++] = gid;
        return 0;
}

int user_set_groups(struct user *user, const char *primary, char *const *more, struct error *error) {
        gid_t gid;
        int r = 0;

        if (geteuid() != 0)
                return error_set(error, -EPERM, "%s '%s': only root may run with other groups",
                                 primary ? "primary-group" : "supplementary-groups", primary ? primary : *more);
        if (!user->change)
                r = user_take_ours(user);
        if (r < 0)
                return error_errno(error, r, "its groups");
        if (primary) {
                r = group_find(primary, &user->gid, error);
                if (r < 0)
                        return error_prefix(error, "primary-group");
                r = user->name ? user_find_groups(user) : 0; /* which are with this one instead of the user's own */
                if (r < 0)
                        return error_errno(error, r, "its groups");
        }
        for (; *more; more++) {
                r = group_find(*more, &gid, error);
                if (r < 0)
                        return error_prefix(error, "supplementary-groups");
                r = user_add_group(user, gid);
                if (r < 0)
                        return error_errno(error, r, "supplementary-groups");
        }
        return 0;
}
