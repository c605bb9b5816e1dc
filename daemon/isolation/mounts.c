/* SPDX-License-Identifier: MIT */
/*
 * The file systems that a process sees
 *
 * First everything that the keys want is collected; then it is put in order: a path before those below it, of one path
 * only what takes most, and nothing below what is hidden. So the keeper's child needs to do one after the other only.
 *
 * Paths are followed here, at each start: links are not where their names are. With a root of its own they are followed in
 * that; what comes out are paths of the host all the same, until the last step enters it.
 */

#include "daemon/isolation/mounts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "daemon/config/config.h"
#include "daemon/isolation/mounts-collect.h"

/** Of one path, what comes first here counts. */
static const unsigned char order[] = {
        [KEEPER_MOUNT_HIDE_DIRECTORY] = 0, [KEEPER_MOUNT_HIDE_FILE] = 1,
        [KEEPER_MOUNT_BIND_READ_ONLY] = 2, [KEEPER_MOUNT_BIND] = 3,
        [KEEPER_MOUNT_TMPFS] = 4, [KEEPER_MOUNT_SHARED_TMPFS] = 5, [KEEPER_MOUNT_DEVICES] = 5, [KEEPER_MOUNT_PROC] = 5,
        [KEEPER_MOUNT_TERMINALS] = 5, [KEEPER_MOUNT_LINK] = 5, [KEEPER_MOUNT_CGROUPS] = 5,
        [KEEPER_MOUNT_CGROUPS_READ_ONLY] = 5, [KEEPER_MOUNT_READ_ONLY] = 6, [KEEPER_MOUNT_READ_WRITE] = 7,
};

static void mount_done(Ganger__Keeper__Mount *m) {
        free(m->path);
        if (m->source != protobuf_c_empty_string)
                free(m->source);
}

struct mounts *mounts_free(struct mounts *m) {
        for (size_t i = 0; m && i < m->n; i++)
                mount_done(&m->mounts[i]);
        if (m)
                free(m->root);
        free(m);
        return NULL;
}

/* ---- paths ------------------------------------------------------------------------------------- */

static bool is_below(const char *path, const char *directory) {
        size_t n = strlen(directory);

        if (strcmp(path, directory) == 0)
                return false;
        return n == 1 || (strncmp(path, directory, n) == 0 && path[n] == '/');
}

static bool is_tmpfs(uint32_t what) {
        return what == KEEPER_MOUNT_TMPFS || what == KEEPER_MOUNT_SHARED_TMPFS || what == KEEPER_MOUNT_DEVICES;
}

static bool is_bind(uint32_t what) {
        return what == KEEPER_MOUNT_BIND || what == KEEPER_MOUNT_BIND_READ_ONLY;
}

/* Something is put in its place by these steps, whether there is such a path before or not. */
static bool is_put(uint32_t what) {
        return is_bind(what) || what == KEEPER_MOUNT_LINK || what == KEEPER_MOUNT_TERMINALS;
}

static bool is_directory(const char *path) {
        struct stat st;

        return stat(path, &st) >= 0 && S_ISDIR(st.st_mode);
}

static bool is_missing(int error) {
        return error == ENOENT || error == ENOTDIR;
}

/* ---- collecting -------------------------------------------------------------------------------- */

int mounts_add(struct mounts *m, uint32_t what, const char *key, char *path, char *source) {
        Ganger__Keeper__Mount *mount = &m->mounts[m->n];

        if (m->n == KEEPER_MOUNTS_MAX || !path) {
                free(path);
                free(source);
                return path ? -E2BIG : -ENOMEM;
        }
        ganger__keeper__mount__init(mount);
        mount->what = what;
        mount->key = (char *)key;
        mount->path = path;
        if (source)
                mount->source = source;
        m->n++;
        return 0;
}

int mounts_error(struct error *error, int code, const char *key, const char *path) {
        return error_errno(error, code, "%s: %s", key, path);
}

/* One that is there, or may be missing. */
static int add_path(struct mounts *m, uint32_t what, const char *key, const char *item, struct error *error) {
        bool optional = *item == '-';
        char *path = mounts_find(m, item + optional), *source = NULL;
        int r;

        if (!path)
                return optional && is_missing(errno) ? 0 : mounts_error(error, -errno, key, item + optional);
        source = mounts_source(m, item + optional, path);
        if (!source) {
                free(path);
                return mounts_error(error, -ENOMEM, key, item);
        }
        if (what == KEEPER_MOUNT_HIDE_DIRECTORY && !is_directory(source))
                what = KEEPER_MOUNT_HIDE_FILE;
        if (what != KEEPER_MOUNT_READ_WRITE) {
                free(source);
                source = NULL;
        }
        r = mounts_add(m, what, key, path, source);
        return r < 0 ? mounts_error(error, r, key, item) : 0;
}

static int add_bind(struct mounts *m, uint32_t what, const char *key, const char *item, struct error *error) {
        bool optional = *item == '-';
        const char *colon = strchr(item, ':'), *target = colon ? colon + 1 : item + optional;
        _cleanup_(freep) char *from = strndup(item + optional, colon ? (size_t)(colon - item) - optional : strlen(item));
        char *source, *path;
        int r;

        if (!from)
                return mounts_error(error, -ENOMEM, key, item);
        source = realpath(from, NULL);
        if (!source)
                return optional && is_missing(errno) ? 0 : mounts_error(error, -errno, key, from);
        path = mounts_find(m, target) ?: mounts_name(m, target);
        r = mounts_add(m, what, key, path, source);
        return r < 0 ? mounts_error(error, r, key, item) : 0;
}

static int add_proc(struct mounts *m, const char *key, const char *options, struct error *error) {
        char *path = mounts_find(m, "/proc"), *source = strdup(options);
        int r = path ? mounts_add(m, KEEPER_MOUNT_PROC, key, path, source) : -errno;

        if (!path)
                free(source);
        return r < 0 ? mounts_error(error, r, key, "/proc") : 0;
}

typedef int (*add_fn)(struct mounts *m, uint32_t what, const char *key, const char *item, struct error *error);

static int add_all(struct mounts *m, add_fn fn, uint32_t what, const char *key, const char *const *items,
                   struct error *error) {
        int r = 0;

        for (; *items && r >= 0; items++)
                r = fn(m, what, key, *items, error);
        return r;
}

static const char *const tmp[] = { "/tmp", "-/var/tmp", NULL };
static const char *const homes[] = { "-/home", "-/root", "-/run/user", NULL };
static const char *const system_yes[] = { "-/usr", "-/boot", "-/efi", NULL };
static const char *const system_full[] = { "-/usr", "-/boot", "-/efi", "-/etc", NULL };
static const char *const system_strict[] = { "/", NULL };
static const char *const interfaces[] = { "-/dev", "-/proc", "-/sys", NULL };
static const char *const cgroups[] = { "-/sys/fs/cgroup", NULL };
static const char *const tunables[] = {
        "-/proc/acpi", "-/proc/asound", "-/proc/bus", "-/proc/fs", "-/proc/irq", "-/proc/mtrr", "-/proc/scsi", "-/proc/sys",
        "-/proc/sysrq-trigger", "-/sys", NULL,
};
static const char *const secrets[] = { "-/proc/kallsyms", "-/proc/kcore", NULL };
static const char *const modules[] = { "-/usr/lib/modules", "-/lib/modules", NULL };
static const char *const logs[] = { "-/proc/kmsg", "-/dev/kmsg", NULL };

/* What is in a file system of processes of its own. */
static int collect_proc(struct mounts *m, const struct worker_isolation *i, struct error *error) {
        const char *const options[2][_WORKER_PROC_N] = {
                { [WORKER_PROC_DEFAULT] = m->own_pids ? MOUNTS_PROC_PLAIN : NULL,
                  [WORKER_PROC_NOACCESS] = "hidepid=noaccess", [WORKER_PROC_INVISIBLE] = "hidepid=invisible",
                  [WORKER_PROC_PTRACEABLE] = "hidepid=ptraceable" },
                { [WORKER_PROC_DEFAULT] = "subset=pid", [WORKER_PROC_NOACCESS] = "hidepid=noaccess,subset=pid",
                  [WORKER_PROC_INVISIBLE] = "hidepid=invisible,subset=pid",
                  [WORKER_PROC_PTRACEABLE] = "hidepid=ptraceable,subset=pid" },
        };
        bool subset = i->proc_subset == WORKER_SUBSET_PID;
        const char *option = options[subset][i->protect_proc];

        const char *key = i->protect_proc ? "protect-proc" : subset ? "proc-subset" : "private-pids";

        return option ? add_proc(m, key, option, error) : 0;
}

static int collect_words(struct mounts *m, const struct worker_isolation *i, struct error *error) {
        static const char *const *const systems[] = {
                [WORKER_SYSTEM_YES] = system_yes, [WORKER_SYSTEM_FULL] = system_full, [WORKER_SYSTEM_STRICT] = system_strict,
        };
        static const uint32_t home_kinds[] = {
                [WORKER_HOME_YES] = KEEPER_MOUNT_HIDE_DIRECTORY, [WORKER_HOME_READ_ONLY] = KEEPER_MOUNT_READ_ONLY,
                [WORKER_HOME_TMPFS] = KEEPER_MOUNT_TMPFS,
        };
        static const uint32_t cgroup_kinds[] = {
                [WORKER_CGROUPS_YES] = KEEPER_MOUNT_READ_ONLY, [WORKER_CGROUPS_PRIVATE] = KEEPER_MOUNT_CGROUPS,
                [WORKER_CGROUPS_STRICT] = KEEPER_MOUNT_CGROUPS_READ_ONLY,
        };
        int r = 0;

        if (i->private_tmp)
                r = add_all(m, add_path, KEEPER_MOUNT_SHARED_TMPFS, "private-tmp", tmp, error);
        if (r >= 0 && i->protect_system != WORKER_SYSTEM_NO)
                r = add_all(m, add_path, KEEPER_MOUNT_READ_ONLY, "protect-system", systems[i->protect_system], error);
        if (r >= 0 && i->protect_system == WORKER_SYSTEM_STRICT)
                r = add_all(m, add_path, KEEPER_MOUNT_READ_WRITE, "protect-system", interfaces, error);
        if (r >= 0 && i->protect_home != WORKER_HOME_NO)
                r = add_all(m, add_path, home_kinds[i->protect_home], "protect-home", homes, error);
        if (r >= 0 && i->protect_control_groups != WORKER_CGROUPS_NO)
                r = add_all(m, add_path, cgroup_kinds[i->protect_control_groups], "protect-control-groups", cgroups, error);
        if (r >= 0 && i->protect_kernel_tunables)
                r = add_all(m, add_path, KEEPER_MOUNT_READ_ONLY, "protect-kernel-tunables", tunables, error);
        if (r >= 0 && i->protect_kernel_tunables)
                r = add_all(m, add_path, KEEPER_MOUNT_HIDE_DIRECTORY, "protect-kernel-tunables", secrets, error);
        if (r >= 0 && i->protect_kernel_modules)
                r = add_all(m, add_path, KEEPER_MOUNT_HIDE_DIRECTORY, "protect-kernel-modules", modules, error);
        if (r >= 0 && i->protect_kernel_logs)
                r = add_all(m, add_path, KEEPER_MOUNT_HIDE_DIRECTORY, "protect-kernel-logs", logs, error);
        if (r >= 0 && i->private_devices)
                r = mounts_add_devices(m, error);
        return r >= 0 ? collect_proc(m, i, error) : r;
}

static int collect_lists(struct mounts *m, const struct worker_isolation *i, struct error *error) {
        const struct {
                const char *key;
                uint32_t what;
                add_fn fn;
                char *const *items;
        } lists[] = {
                { "read-only-paths", KEEPER_MOUNT_READ_ONLY, add_path, i->read_only_paths },
                { "read-write-paths", KEEPER_MOUNT_READ_WRITE, add_path, i->read_write_paths },
                { "inaccessible-paths", KEEPER_MOUNT_HIDE_DIRECTORY, add_path, i->inaccessible_paths },
                { "temporary-filesystem", KEEPER_MOUNT_TMPFS, add_path, i->temporary_filesystem },
                { "bind-paths", KEEPER_MOUNT_BIND, add_bind, i->bind_paths },
                { "bind-read-only-paths", KEEPER_MOUNT_BIND_READ_ONLY, add_bind, i->bind_read_only_paths },
        };
        int r = 0;

        for (size_t n = 0; n < ARRAY_SIZE(lists) && r >= 0; n++)
                r = add_all(m, lists[n].fn, lists[n].what, lists[n].key, (const char *const *)lists[n].items, error);
        return r;
}

static bool needs_runtime(const struct worker_definition *d) {
        return ready_by_message(d->ready) || d->watchdog_usec != USEC_INFINITY || d->fd_store_max > 0 || d->credentials[0];
}

/* What we tell it by, and what we give it: its notify socket, its credentials. */
static int collect_runtime(struct mounts *m, const struct worker_definition *d, const char *runtime_dir, struct error *error) {
        _cleanup_(freep) char *path = m->n > 0 || m->root ? realpath(runtime_dir, NULL) : NULL;
        _cleanup_(freep) char *name = path ? mounts_name(m, path) : NULL;

        for (size_t i = 0; name && i < m->n; i++)
                if (is_tmpfs(m->mounts[i].what) && is_below(name, m->mounts[i].path))
                        return add_bind(m, KEEPER_MOUNT_BIND, m->mounts[i].key, path, error);
        if (!m->root || !name || (!is_directory(name) && !needs_runtime(d)))
                return 0;
        return add_bind(m, KEEPER_MOUNT_BIND, "root-directory", path, error);
}

/* ---- in order ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
        const Ganger__Keeper__Mount *x = a, *y = b;
        int r = strcmp(x->path, y->path);

        return r ?: (int)order[x->what] - (int)order[y->what];
}

/* Whether what comes before, in `kept`, leaves nothing of it to do. */
static bool is_moot(const struct mounts *kept, const Ganger__Keeper__Mount *mount) {
        for (size_t i = 0; i < kept->n; i++) {
                const Ganger__Keeper__Mount *other = &kept->mounts[i];

                if (other->what == KEEPER_MOUNT_DIRECTORY || other->what == KEEPER_MOUNT_FILE || other->what == KEEPER_MOUNT_ROOT)
                        continue;
                if (strcmp(other->path, mount->path) == 0 &&
                    !(other->what == KEEPER_MOUNT_PROC && mount->what == KEEPER_MOUNT_READ_ONLY))
                        return true;
                if (!is_below(mount->path, other->path))
                        continue;
                if (other->what == KEEPER_MOUNT_HIDE_DIRECTORY)
                        return true;
                if (is_tmpfs(other->what) && !is_put(mount->what) && !is_tmpfs(mount->what))
                        return true;
                if (other->what == KEEPER_MOUNT_PROC && strstr(other->source, "subset=pid"))
                        return true;
        }
        return false;
}

/* The innermost that it is put on: what is there is not what we see. */
static const char *own_file_system(const struct mounts *kept, const char *path) {
        const char *found = NULL;

        for (size_t i = 0; i < kept->n; i++) {
                const Ganger__Keeper__Mount *other = &kept->mounts[i];

                if ((is_tmpfs(other->what) || is_bind(other->what)) && is_below(path, other->path))
                        found = is_tmpfs(other->what) ? other->path : NULL;
        }
        return found;
}

/* The directories down to it, and the last one if it is one; of a link, those alone. */
static int make_place(struct mounts *kept, const Ganger__Keeper__Mount *mount, struct error *error) {
        const char *below = own_file_system(kept, mount->path), *p;
        bool is_file = is_bind(mount->what) && !is_directory(mount->source);
        struct stat st;
        int r = 0;

        if (!below)
                return stat(mount->path, &st) < 0 ? mounts_error(error, -errno, mount->key, mount->path) : 0;
        for (p = mount->path + strlen(below) + 1; r >= 0; p++) {
                p += strcspn(p, "/");
                if (!*p && mount->what == KEEPER_MOUNT_LINK)
                        break;
                r = mounts_add(kept, *p || !is_file ? KEEPER_MOUNT_DIRECTORY : KEEPER_MOUNT_FILE, mount->key,
                        strndup(mount->path, (size_t)(p - mount->path)), NULL);
                if (!*p)
                        break;
        }
        return r < 0 ? mounts_error(error, r, mount->key, mount->path) : 0;
}

/* Takes it. */
static int keep(struct mounts *kept, Ganger__Keeper__Mount *mount, struct error *error) {
        char *path = mount->path, *source = mount->source == protobuf_c_empty_string ? NULL : mount->source;
        int r = 0;

        if (is_put(mount->what) || is_tmpfs(mount->what))
                r = make_place(kept, mount, error);
        if (r < 0) {
                mount_done(mount);
                return r;
        }
        r = mounts_add(kept, mount->what, mount->key, path, source);
        return r < 0 ? error_errno(error, r, "%s", mount->key) : 0;
}

/* Once all is in it. */
static int seal_devices(struct mounts *kept, struct error *error) {
        for (size_t i = 0; i < kept->n; i++)
                if (kept->mounts[i].what == KEEPER_MOUNT_DEVICES) {
                        int r = mounts_add(kept, KEEPER_MOUNT_SEAL, kept->mounts[i].key, strdup(kept->mounts[i].path), NULL);

                        return r < 0 ? error_errno(error, r, "%s", kept->mounts[i].key) : 0;
                }
        return 0;
}

static int put_in_order(struct mounts *m, struct mounts *kept, struct error *error) {
        int r = 0;

        qsort(m->mounts, m->n, sizeof *m->mounts, compare);
        for (size_t i = 0; i < m->n; i++)
                if (r < 0 || is_moot(kept, &m->mounts[i]))
                        mount_done(&m->mounts[i]);
                else
                        r = keep(kept, &m->mounts[i], error);
        m->n = 0;
        return r < 0 ? r : seal_devices(kept, error);
}

int mounts_make(struct mounts **ret, const struct worker_definition *definition, bool own_pids, const char *runtime_dir,
                struct error *error) {
        _cleanup_(mounts_freep) struct mounts *m = calloc(1, sizeof *m), *kept = calloc(1, sizeof *kept);
        int r;

        if (!m || !kept)
                return error_errno(error, -ENOMEM, "its file systems");
        m->own_pids = own_pids;
        r = mounts_begin_root(m, kept, &definition->isolation, error);
        if (r >= 0)
                r = collect_words(m, &definition->isolation, error);
        if (r >= 0)
                r = collect_lists(m, &definition->isolation, error);
        if (r >= 0)
                r = collect_runtime(m, definition, runtime_dir, error);
        if (r >= 0)
                r = put_in_order(m, kept, error);
        if (r >= 0)
                r = mounts_enter_root(m, kept, error);
        if (r < 0)
                return r;
        *ret = TAKE(kept);
        return 0;
}

static bool moves_something(char *const *binds) {
        for (; *binds; binds++)
                if (strchr(*binds, ':'))
                        return true;
        return false;
}

/*
 * As systemd has it: what only takes away can be done without, what puts other files there cannot; nor can what keeps a user
 * that exists only now from leaving files.
 */
static bool may_lack_mounts(const struct worker_definition *definition) {
        const struct worker_isolation *i = &definition->isolation;

        if (definition->dynamic_user && !fault_is("dynamic-lenient"))
                return false;
        return i->strictness != WORKER_ISOLATION_STRICT && !i->root_directory && !i->temporary_filesystem[0] &&
               !moves_something(i->bind_paths) && !moves_something(i->bind_read_only_paths);
}

void spawn_spec_set_mounts(Ganger__Keeper__SpawnSpec *spec, struct mounts *m, const struct worker_definition *definition) {
        for (size_t i = 0; i < m->n; i++) {
                m->mounts[i].may_lack = definition->isolation.strictness != WORKER_ISOLATION_STRICT &&
                                        !definition->dynamic_user;
                m->pointers[i] = &m->mounts[i];
        }
        spec->mounts = m->pointers;
        spec->n_mounts = m->n;
        spec->mounts_may_lack = may_lack_mounts(definition);
}
