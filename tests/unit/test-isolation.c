/* SPDX-License-Identifier: MIT */
/* From keys of isolation to what the keeper's child does: in which order, made how often, and whether it may be lacked. */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/config/config.h"
#include "daemon/config/definition.h"
#include "daemon/isolation/isolation.h"
#include "daemon/isolation/landlock.h"
#include "daemon/isolation/mounts.h"
#include "harness.h"

static struct worker_definition *definition(void) {
        struct worker_definition *d = NULL;

        ck_assert_int_eq(worker_definition_new(&d, "w", 1, "/"), 0);
        return d;
}

static const Ganger__Keeper__Setting *setting_of(const struct spawn_settings *s, uint32_t what) {
        size_t i = 0;

        while (i < s->n && s->settings[i].what != what)
                i++;
        ck_assert_uint_lt(i, s->n);
        return &s->settings[i];
}

static void make(struct spawn_settings *s, const struct worker_definition *d) {
        struct error error = ERROR_NULL;
        struct user user = USER_NULL;

        ck_assert_int_eq(isolation_make(s, d, &user, &error), 0);
}

static const void *program_of(const struct spawn_settings *s) {
        return setting_of(s, KEEPER_FILTER_REALTIME)->program.data;
}

START_TEST(filters_are_made_once) {
        struct spawn_settings first = SPAWN_SETTINGS_NULL, second = SPAWN_SETTINGS_NULL, other = SPAWN_SETTINGS_NULL;
        struct worker_definition *d = definition(), *e = definition();

        d->isolation.restrict_realtime = e->isolation.restrict_realtime = true;
        make(&first, d);
        make(&second, d);
        make(&other, e);
        ck_assert_ptr_eq(program_of(&first), program_of(&second));
        ck_assert_ptr_ne(program_of(&first), program_of(&other));
        worker_definition_free(d);
        worker_definition_free(e);
}
END_TEST

START_TEST(strict_may_lack_nothing) {
        struct spawn_settings usual = SPAWN_SETTINGS_NULL, strict = SPAWN_SETTINGS_NULL;
        struct worker_definition *d = definition();

        d->isolation.private_ipc = d->isolation.private_users = true;
        make(&usual, d);
        d->isolation.strictness = WORKER_ISOLATION_STRICT;
        make(&strict, d);
        ck_assert(setting_of(&usual, KEEPER_PRIVATE_IPC)->may_lack);
        ck_assert(!setting_of(&strict, KEEPER_PRIVATE_IPC)->may_lack);
        /* The namespace that others are made in comes first. */
        ck_assert_uint_eq(usual.settings[0].what, geteuid() == 0 ? KEEPER_PRIVATE_USERS : KEEPER_OWN_USERS);
        worker_definition_free(d);
}
END_TEST

static struct mounts *mounts_of(const struct worker_definition *d, Ganger__Keeper__SpawnSpec *spec) {
        struct error error = ERROR_NULL;
        struct mounts *m = NULL;

        ck_assert_msg(mounts_make(&m, d, d->isolation.private_pids, "/nowhere", &error) == 0, "%s", error.text);
        spawn_spec_set_mounts(spec, m, d);
        return m;
}

START_TEST(devices_are_sealed_when_all_are_there) {
        Ganger__Keeper__SpawnSpec spec = GANGER__KEEPER__SPAWN_SPEC__INIT;
        struct worker_definition *d = definition();
        struct mounts *m;

        d->isolation.private_devices = true;
        d->isolation.protect_system = WORKER_SYSTEM_STRICT;
        m = mounts_of(d, &spec);
        ck_assert_uint_eq(spec.mounts[0]->what, KEEPER_MOUNT_READ_ONLY);
        ck_assert_uint_eq(spec.mounts[1]->what, KEEPER_MOUNT_DEVICES);
        ck_assert_str_eq(spec.mounts[spec.n_mounts - 1]->path, "/dev");
        ck_assert_uint_eq(spec.mounts[spec.n_mounts - 1]->what, KEEPER_MOUNT_SEAL);
        for (size_t i = 2; i < spec.n_mounts; i++)
                ck_assert(spec.mounts[i]->what != KEEPER_MOUNT_READ_WRITE || strcmp(spec.mounts[i]->path, "/dev") != 0);
        ck_assert(spec.mounts_may_lack);
        mounts_free(m);
        worker_definition_free(d);
}
END_TEST

static const Ganger__Keeper__Mount *proc_of(const Ganger__Keeper__SpawnSpec *spec) {
        for (size_t i = 0; i < spec->n_mounts; i++)
                if (spec->mounts[i]->what == KEEPER_MOUNT_PROC)
                        return spec->mounts[i];
        return NULL;
}

/* One of its own processes, whatever else is asked of it; under the key that asks most. */
START_TEST(own_processes_have_a_proc) {
        static const struct {
                bool own;
                int protect, subset;
                const char *key, *source;
        } cases[] = {
                { false, WORKER_PROC_DEFAULT, WORKER_SUBSET_ALL, NULL, NULL },
                { true, WORKER_PROC_DEFAULT, WORKER_SUBSET_ALL, "private-pids", "hidepid=0" },
                { true, WORKER_PROC_INVISIBLE, WORKER_SUBSET_ALL, "protect-proc", "hidepid=invisible" },
                { true, WORKER_PROC_DEFAULT, WORKER_SUBSET_PID, "proc-subset", "subset=pid" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Ganger__Keeper__SpawnSpec spec = GANGER__KEEPER__SPAWN_SPEC__INIT;
                struct worker_definition *d = definition();
                const Ganger__Keeper__Mount *proc;
                struct mounts *m;

                d->isolation.private_pids = cases[i].own;
                d->isolation.protect_proc = cases[i].protect;
                d->isolation.proc_subset = cases[i].subset;
                m = mounts_of(d, &spec);
                proc = proc_of(&spec);
                ck_assert_int_eq(proc != NULL, cases[i].key != NULL);
                if (proc) {
                        ck_assert_str_eq(proc->key, cases[i].key);
                        ck_assert_str_eq(proc->source, cases[i].source);
                }
                mounts_free(m);
                worker_definition_free(d);
        }
}
END_TEST

START_TEST(strict_may_lack_no_mount_and_no_rule) {
        char *read[] = { (char *)"/etc", NULL };

        for (int strict = 0; strict < 2; strict++) {
                Ganger__Keeper__SpawnSpec spec = GANGER__KEEPER__SPAWN_SPEC__INIT;
                struct landlock_rules rules = LANDLOCK_RULES_NULL;
                struct worker_definition *d = definition();
                char **before = d->isolation.landlock_read;
                struct error error = ERROR_NULL;
                struct mounts *m;

                d->isolation.strictness = strict ? WORKER_ISOLATION_STRICT : WORKER_ISOLATION_USUAL;
                d->isolation.protect_proc = WORKER_PROC_INVISIBLE;
                d->isolation.landlock_read = read;
                m = mounts_of(d, &spec);
                ck_assert_uint_gt(spec.n_mounts, 0);
                ck_assert_int_eq(spec.mounts_may_lack, !strict);
                for (size_t i = 0; i < spec.n_mounts; i++)
                        ck_assert_int_eq(spec.mounts[i]->may_lack, !strict);
                ck_assert_int_eq(landlock_rules_make(&rules, d, &error), 0);
                spawn_spec_set_landlock(&spec, &rules, d);
                ck_assert_uint_eq(spec.n_landlock, 1);
                ck_assert_int_eq(spec.landlock_may_lack, !strict);
                d->isolation.landlock_read = before;
                mounts_free(m);
                worker_definition_free(d);
        }
}
END_TEST

/* Without them the program would find other files than those it is meant for. */
START_TEST(what_puts_files_elsewhere_is_never_lacked) {
        static const struct {
                size_t key;             /* the place of a list in struct worker_isolation */
                const char *item;
                bool may_lack;
        } cases[] = {
                { offsetof(struct worker_isolation, bind_paths), "/usr", true },
                { offsetof(struct worker_isolation, bind_paths), "/usr:/mnt", false },
                { offsetof(struct worker_isolation, bind_read_only_paths), "/usr", true },
                { offsetof(struct worker_isolation, bind_read_only_paths), "/usr:/mnt", false },
                { offsetof(struct worker_isolation, temporary_filesystem), "/mnt", false },
                { offsetof(struct worker_isolation, read_only_paths), "/usr", true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Ganger__Keeper__SpawnSpec spec = GANGER__KEEPER__SPAWN_SPEC__INIT;
                struct worker_definition *d = definition();
                char ***list = (void *)((char *)&d->isolation + cases[i].key), **before = *list;
                char *items[] = { (char *)cases[i].item, NULL };
                struct mounts *m;

                *list = items;
                m = mounts_of(d, &spec);
                ck_assert_msg(spec.mounts_may_lack == cases[i].may_lack, "%zu", i);
                *list = before;
                mounts_free(m);
                worker_definition_free(d);
        }
}
END_TEST

/* Links in it lead to what is in it. */
START_TEST(a_root_is_entered_last) {
        Ganger__Keeper__SpawnSpec spec = GANGER__KEEPER__SPAWN_SPEC__INIT;
        struct worker_definition *d = definition();
        char root[] = "/tmp/ganger-root.XXXXXX", path[64], link[64];
        char *hidden[] = { (char *)"/link", NULL };
        char **before = d->isolation.inaccessible_paths;
        size_t n_hidden = 0;
        struct mounts *m;

        ck_assert_ptr_nonnull(mkdtemp(root));
        snprintf(path, sizeof path, "%s/usr", root);
        snprintf(link, sizeof link, "%s/link", root);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        ck_assert_int_eq(symlink("/usr", link), 0);
        d->isolation.root_directory = strdup(root);
        d->isolation.inaccessible_paths = hidden;
        m = mounts_of(d, &spec);
        ck_assert_uint_eq(spec.mounts[0]->what, KEEPER_MOUNT_ROOT);
        ck_assert_uint_eq(spec.mounts[spec.n_mounts - 1]->what, KEEPER_MOUNT_ENTER);
        for (size_t i = 0; i < spec.n_mounts; i++) {
                ck_assert(strncmp(spec.mounts[i]->path, root, strlen(root)) == 0);
                n_hidden += spec.mounts[i]->what == KEEPER_MOUNT_HIDE_DIRECTORY && strcmp(spec.mounts[i]->path, path) == 0;
        }
        ck_assert_uint_eq(n_hidden, 1);
        ck_assert(!spec.mounts_may_lack);
        d->isolation.inaccessible_paths = before;
        mounts_free(m);
        worker_definition_free(d);
        ck_assert(unlink(link) == 0 && rmdir(path) == 0 && rmdir(root) == 0);
}
END_TEST

START_TEST(what_landlock_permits) {
        struct landlock_rules rules = LANDLOCK_RULES_NULL;
        struct worker_definition *d = definition();
        char *paths[] = { (char *)"/etc", (char *)"-/opt", NULL }, *ports[] = { (char *)"80", NULL };
        char *none[] = { (char *)"none", NULL };
        struct worker_isolation before = d->isolation;
        struct error error = ERROR_NULL;

        ck_assert(!landlock_is_wanted(&d->isolation));
        d->isolation.landlock_read = paths;
        d->isolation.landlock_bind = ports;
        d->isolation.landlock_connect = none;
        ck_assert(landlock_is_wanted(&d->isolation));
        ck_assert_int_eq(landlock_rules_make(&rules, d, &error), 0);
        ck_assert_uint_eq(rules.n, 4);
        ck_assert_str_eq(rules.rules[1].path, "/opt");
        ck_assert(rules.rules[1].may_be_missing && !rules.rules[0].may_be_missing);
        ck_assert(rules.rules[2].what == KEEPER_LANDLOCK_BIND && rules.rules[2].port == 80 && !rules.rules[2].none);
        ck_assert(rules.rules[3].what == KEEPER_LANDLOCK_CONNECT && rules.rules[3].none);
        d->isolation = before;
        worker_definition_free(d);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("isolation", filters_are_made_once, strict_may_lack_nothing,
                                         strict_may_lack_no_mount_and_no_rule, what_puts_files_elsewhere_is_never_lacked,
                                         devices_are_sealed_when_all_are_there, own_processes_have_a_proc,
                                         a_root_is_entered_last, what_landlock_permits));
}
