/* SPDX-License-Identifier: MIT */
/*
 * landlock-read, landlock-write, landlock-execute, landlock-bind, landlock-connect
 *
 * Paths are looked up by the child, after all mounts: they are what the process sees.
 */

#include "daemon/isolation/landlock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/config/config.h"

static void set_path(Ganger__Keeper__Landlock *rule, char *item) {
        rule->may_be_missing = *item == '-';
        rule->path = item + rule->may_be_missing;
}

static void set_port(Ganger__Keeper__Landlock *rule, char *item) {
        rule->none = strcmp(item, "none") == 0;
        rule->port = rule->none ? 0 : (uint32_t)strtoul(item, NULL, 10);
}

static int add(struct landlock_rules *rules, uint32_t what, char *item, void (*set)(Ganger__Keeper__Landlock *, char *)) {
        Ganger__Keeper__Landlock *rule = &rules->rules[rules->n];

        if (rules->n == KEEPER_LANDLOCK_MAX)
                return -E2BIG;
        ganger__keeper__landlock__init(rule);
        rule->what = what;
        set(rule, item);
        rules->pointers[rules->n++] = rule;
        return 0;
}

bool landlock_is_wanted(const struct worker_isolation *i) {
        return i->landlock_read[0] || i->landlock_write[0] || i->landlock_execute[0] || i->landlock_bind[0] ||
               i->landlock_connect[0];
}

int landlock_rules_make(struct landlock_rules *rules, const struct worker_definition *definition, struct error *error) {
        const struct worker_isolation *i = &definition->isolation;
        const struct {
                const char *key;
                uint32_t what;
                char *const *items;
                void (*set)(Ganger__Keeper__Landlock *rule, char *item);
        } rows[] = {
                { "landlock-read", KEEPER_LANDLOCK_READ, i->landlock_read, set_path },
                { "landlock-write", KEEPER_LANDLOCK_WRITE, i->landlock_write, set_path },
                { "landlock-execute", KEEPER_LANDLOCK_EXECUTE, i->landlock_execute, set_path },
                { "landlock-bind", KEEPER_LANDLOCK_BIND, i->landlock_bind, set_port },
                { "landlock-connect", KEEPER_LANDLOCK_CONNECT, i->landlock_connect, set_port },
        };

        for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
                for (char *const *item = rows[n].items; *item; item++) {
                        int r = add(rules, rows[n].what, *item, rows[n].set);

                        if (r < 0)
                                return error_errno(error, r, "%s", rows[n].key);
                }
        return 0;
}

void spawn_spec_set_landlock(Ganger__Keeper__SpawnSpec *spec, struct landlock_rules *rules,
                             const struct worker_definition *definition) {
        spec->landlock = rules->pointers;
        spec->n_landlock = rules->n;
        spec->landlock_may_lack = definition->isolation.strictness != WORKER_ISOLATION_STRICT;
}
