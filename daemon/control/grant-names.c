/* SPDX-License-Identifier: MIT */

/*
 * Numbers of users and groups
 *
 * Asking may be slow where they are not in a file. So each name is asked for once in a while at most, however many requests,
 * lines or strangers there are; also a name that nobody has. Invariant: what could not be found out is as good as not there.
 */

#include "daemon/control/grant-names.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"

/** An entry that is longer is not read. That of a group has all its members. */
#define ENTRY_MAX ((size_t)1 << 20)

struct grant_name {
        struct map_node node;
        int error;                      /* 0, or why there is no number */
        uint32_t number;
        char key[GRANT_NAME_MAX + 2];   /* "@ops", "ops" */
};

static int read_entry(enum grant_who who, const char *name, char *buffer, size_t size, uint32_t *ret) {
        struct passwd user, *found_user = NULL;
        struct group group, *found_group = NULL;
        int r;

        if (who == GRANT_GROUP)
                r = getgrnam_r(name, &group, buffer, size, &found_group);
        else
                r = getpwnam_r(name, &user, buffer, size, &found_user);
        if (!found_user && !found_group)
                return r > 0 ? -r : -ENOENT;
        *ret = found_user ? user.pw_uid : group.gr_gid;
        return 0;
}

static int ask(enum grant_who who, const char *name, uint32_t *ret) {
        int r = -ERANGE;

        for (size_t size = 4096; r == -ERANGE && size <= ENTRY_MAX; size *= 4) {
                _cleanup_(freep) char *buffer = malloc(size);

                r = buffer ? read_entry(who, name, buffer, size, ret) : -ENOMEM;
        }
        return r;
}

static void forget(struct grant_names *names) {
        struct map *map = &names->by_name;

        for (size_t i = 0; i < map->n_buckets; i++)
                for (struct map_node *node = map->buckets[i], *next; node; node = next) {
                        next = node->next;
                        free(map_entry(node, struct grant_name, node));
                }
        map_done(map);
        *map = MAP_NULL;
}

int grant_names_find(void *userdata, enum grant_who who, const char *name, uint32_t *ret) {
        struct grant_names *names = userdata;
        struct map_node *node;
        struct grant_name *n;
        uint64_t now = now_usec();
        char key[GRANT_NAME_MAX + 2];

        if (now - names->since_usec >= MAX(GRANT_NAMES_USEC, GRANT_NAMES_REST * names->spent_usec)) {
                forget(names);
                names->since_usec = now;
                names->spent_usec = 0;
        }
        snprintf(key, sizeof key, "%s%s", who == GRANT_GROUP ? "@" : "", name);
        node = map_find(&names->by_name, key);
        if (!node) {
                n = calloc(1, sizeof *n);
                if (!n)
                        return -ENOMEM;
                memcpy(n->key, key, sizeof key);
                if (map_add(&names->by_name, &n->node, n->key) < 0) {
                        free(n);
                        return -ENOMEM;
                }
                n->error = ask(who, name, &n->number);
                names->spent_usec += now_usec() - now;
                node = &n->node;
        }
        n = map_entry(node, struct grant_name, node);
        if (n->error == 0)
                *ret = n->number;
        return n->error;
}

void grant_names_done(struct grant_names *names) {
        forget(names);
        *names = GRANT_NAMES_NULL;
}
