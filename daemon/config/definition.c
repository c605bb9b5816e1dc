/* SPDX-License-Identifier: MIT */

/*
 * Definitions: lifetime, comparison, canonical form, and the paths that they name
 */

#include "daemon/config/definition.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/time.h"
#include "daemon/config/keys.h"
#include "daemon/config/root.h"
#include "shm/broadcast.h"
#include "shm/semaphore.h"
#include "shm/service.h"

/** Where programs are searched if the environment has no PATH. */
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- lifetime ---------------------------------------------------------------------------------- */

static int set_defaults(enum config_section section, void *definition) {
        int r;

        config_for_each_key(key, section) {
                r = key_reset(key, definition);
                if (r < 0)
                        return r;
        }
        return 0;
}

int object_definition_new(struct object_definition **ret, enum config_section section, const char *name,
                          unsigned int line) {
        _cleanup_(object_definition_freep) struct object_definition *object = calloc(1, sizeof *object);
        int r;

        if (!object)
                return -ENOMEM;
        object->section = section;
        object->kind = config_section_object(section);
        object->line = line;
        object->name = strdup(name);
        if (!object->name)
                return -ENOMEM;
        r = set_defaults(section, object);
        if (r < 0)
                return r;
        *ret = TAKE(object);
        return 0;
}

int listen_definition_new(struct listen_definition **ret, const char *name, unsigned int line) {
        _cleanup_(listen_definition_freep) struct listen_definition *listen = calloc(1, sizeof *listen);
        int r;

        if (!listen)
                return -ENOMEM;
        listen->line = line;
        listen->name = strdup(name);
        if (!listen->name)
                return -ENOMEM;
        r = set_defaults(CONFIG_LISTEN, listen);
        if (r < 0)
                return r;
        *ret = TAKE(listen);
        return 0;
}

int worker_definition_new(struct worker_definition **ret, const char *name, unsigned int line,
                          const char *base) {
        _cleanup_(worker_definition_freep) struct worker_definition *worker = calloc(1, sizeof *worker);
        int r;

        if (!worker)
                return -ENOMEM;
        worker->line = line;
        worker->name = strdup(name);
        worker->base = strdup(base);
        worker->kept = calloc(1, sizeof *worker->kept);
        if (!worker->name || !worker->base || !worker->kept)
                return -ENOMEM;
        r = set_defaults(CONFIG_WORKER, worker);
        if (r < 0)
                return r;
        *ret = TAKE(worker);
        return 0;
}

int group_definition_new(struct group_definition **ret, const char *name, unsigned int line) {
        _cleanup_(group_definition_freep) struct group_definition *group = calloc(1, sizeof *group);
        int r;

        if (!group)
                return -ENOMEM;
        group->line = line;
        group->name = strdup(name);
        r = group->name ? set_defaults(CONFIG_GROUP, group) : -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE(group);
        return 0;
}

int daemon_definition_new(struct daemon_definition **ret, unsigned int line) {
        _cleanup_(daemon_definition_freep) struct daemon_definition *daemon = calloc(1, sizeof *daemon);
        int r;

        if (!daemon)
                return -ENOMEM;
        daemon->line = line;
        daemon->name = strdup("");
        r = daemon->name ? set_defaults(CONFIG_DAEMON, daemon) : -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE(daemon);
        return 0;
}

struct object_definition *object_definition_free(struct object_definition *object) {
        if (!object)
                return NULL;
        config_for_each_key(key, object->section)
                key_done(key, object);
        free(object->name);
        free(object);
        return NULL;
}

struct listen_definition *listen_definition_free(struct listen_definition *listen) {
        if (!listen)
                return NULL;
        config_for_each_key(key, CONFIG_LISTEN)
                key_done(key, listen);
        free(listen->name);
        free(listen);
        return NULL;
}

struct worker_definition *worker_definition_free(struct worker_definition *worker) {
        if (!worker)
                return NULL;
        config_for_each_key(key, CONFIG_WORKER)
                key_done(key, worker);
        free(worker->name);
        free(worker->base);
        if (worker->kept && worker->kept->data)
                worker->kept->free(worker->kept->data);
        free(worker->kept);
        free(worker);
        return NULL;
}

struct group_definition *group_definition_free(struct group_definition *group) {
        if (!group)
                return NULL;
        config_for_each_key(key, CONFIG_GROUP)
                key_done(key, group);
        free(group->name);
        free(group);
        return NULL;
}

struct daemon_definition *daemon_definition_free(struct daemon_definition *daemon) {
        if (!daemon)
                return NULL;
        config_for_each_key(key, CONFIG_DAEMON)
                key_done(key, daemon);
        free(daemon->name);
        free(daemon);
        return NULL;
}

struct config *config_free(struct config *config) {
        if (!config)
                return NULL;
        for (size_t i = 0; i < config->n_objects; i++)
                object_definition_free(config->objects[i]);
        for (size_t i = 0; i < config->n_listens; i++)
                listen_definition_free(config->listens[i]);
        for (size_t i = 0; i < config->n_workers; i++)
                worker_definition_free(config->workers[i]);
        for (size_t i = 0; i < config->n_groups; i++)
                group_definition_free(config->groups[i]);
        for (size_t i = 0; i < config->n_daemons; i++)
                daemon_definition_free(config->daemons[i]);
        free(config->objects);
        free(config->listens);
        free(config->workers);
        free(config->groups);
        free(config->daemons);
        free(config->path);
        free(config->text);
        free(config);
        return NULL;
}

struct worker_definition *config_worker(const struct config *config, const char *name) {
        for (size_t i = 0; i < config->n_workers; i++)
                if (strcmp(config->workers[i]->name, name) == 0)
                        return config->workers[i];
        return NULL;
}

struct group_definition *config_group(const struct config *config, const char *name) {
        for (size_t i = 0; i < config->n_groups; i++)
                if (strcmp(config->groups[i]->name, name) == 0)
                        return config->groups[i];
        return NULL;
}

struct object_definition *config_object(const struct config *config, const char *name) {
        for (size_t i = 0; i < config->n_objects; i++)
                if (strcmp(config->objects[i]->name, name) == 0)
                        return config->objects[i];
        return NULL;
}

struct listen_definition *config_listen(const struct config *config, const char *name) {
        for (size_t i = 0; i < config->n_listens; i++)
                if (strcmp(config->listens[i]->name, name) == 0)
                        return config->listens[i];
        return NULL;
}

/* ---- sockets ----------------------------------------------------------------------------------- */

static const struct {
        int type;
        const char *name;
        size_t offset;
} listen_types[] = {
        { SOCK_STREAM, "stream", offsetof(struct listen_definition, stream) },
        { SOCK_DGRAM, "datagram", offsetof(struct listen_definition, datagram) },
        { SOCK_SEQPACKET, "sequential", offsetof(struct listen_definition, sequential) },
};

const char *listen_type_name(int type) {
        for (size_t i = 0; i < ARRAY_SIZE(listen_types); i++)
                if (listen_types[i].type == type)
                        return listen_types[i].name;
        return "?";
}

int listen_definition_each(const struct listen_definition *listen, listen_fn fn, void *userdata) {
        for (size_t i = 0; i < ARRAY_SIZE(listen_types); i++) {
                const void *field = (const char *)listen + listen_types[i].offset;
                char *const *addresses = *(char **const *)field;

                for (; *addresses; addresses++) {
                        int r = fn(userdata, listen, listen_types[i].type, *addresses);

                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int count_socket(void *userdata, const struct listen_definition *listen, int type, const char *address) {
        ++*(size_t *)userdata;
        return 0;
}

size_t listen_definition_count(const struct listen_definition *listen) {
        size_t n = 0;

        (void)listen_definition_each(listen, count_socket, &n);
        return n;
}

/* ---- comparison and canonical form ------------------------------------------------------------- */

static bool all_equal(enum config_section section, const void *a, const void *b) {
        config_for_each_key(key, section)
                if (!key_equal(key, a, b))
                        return false;
        return true;
}

bool worker_definition_equal(const struct worker_definition *a, const struct worker_definition *b) {
        return strcmp(a->name, b->name) == 0 && all_equal(CONFIG_WORKER, a, b);
}

bool group_definition_equal(const struct group_definition *a, const struct group_definition *b) {
        return strcmp(a->name, b->name) == 0 && all_equal(CONFIG_GROUP, a, b);
}

bool object_definition_equal(const struct object_definition *a, const struct object_definition *b) {
        return strcmp(a->name, b->name) == 0 && a->section == b->section && all_equal(a->section, a, b);
}

bool daemon_definition_equal(const struct daemon_definition *a, const struct daemon_definition *b) {
        return all_equal(CONFIG_DAEMON, a, b);
}

bool listen_definition_equal(const struct listen_definition *a, const struct listen_definition *b) {
        return strcmp(a->name, b->name) == 0 && all_equal(CONFIG_LISTEN, a, b);
}

struct geometry object_definition_geometry(const struct object_definition *object) {
        struct geometry g = { .kind = object->kind };

        switch (object->kind) {
        case OBJECT_QUEUE:
                g.slots = object->slots;
                g.message_max = object->message_max;
                if (object->heap_size > 0) {
                        g.slot_size = object->slot_size;
                        g.heap = object->heap_size;
                }
                g.max_deliveries = object->max_deliveries;
                g.dead_max = object->dead_max;
                g.delay_msec = (uint32_t)((object->redelivery_delay_usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
                g.policy = (uint32_t)object->dead_policy;
                break;
        case OBJECT_PIPE:
                g.capacity = object->capacity;
                g.message_max = object->message_max;
                break;
        case OBJECT_BROADCAST:
                g.capacity = object->capacity;
                g.message_max = object->message_max;
                g.policy = (uint32_t)object->policy;
                g.slots = object->policy == BROADCAST_LOSSY ? 0 : object->subscribers;
                break;
        case OBJECT_SERVICE:
                g.slots = object->slots;
                g.message_max = object->message_max;
                g.max_deliveries = object->idempotent ? object->max_deliveries : 1;
                g.policy = object->idempotent ? SERVICE_IDEMPOTENT : SERVICE_AT_MOST_ONCE;
                break;
        case OBJECT_SEMAPHORE:
                g.slots = object->permits;
                g.policy = object->posix ? SEMAPHORE_POSIX : SEMAPHORE_PLAIN;
                break;
        case OBJECT_MONITOR:
                g.slots = object->conditions;
                break;
        case OBJECT_COUNTER:
                g.slots = object->counters;
                break;
        case _OBJECT_KIND_N:
                break;
        }
        return g;
}

uint64_t worker_definition_hash(const struct worker_definition *worker) {
        uint64_t hash = worker->listen[0] ? worker->sockets : KEY_HASH_NULL;

        config_for_each_key(key, CONFIG_WORKER)
                if (key->effect == CONFIG_EFFECT_PROCESS)
                        hash = key_hash(key, worker, hash);
        return hash;
}

int worker_definition_path(const struct worker_definition *worker, const char *path, char **ret) {
        char *absolute;

        if (*path == '/')
                absolute = strdup(path);
        else if (asprintf(&absolute, "%s/%s", worker->base, path) < 0)
                absolute = NULL;
        if (!absolute)
                return -ENOMEM;
        *ret = absolute;
        return 0;
}

char *worker_definition_value(const struct worker_definition *worker, const char *name) {
        const struct config_key *key = config_key_find(CONFIG_WORKER, name);
        const void *field = key ? key_field_const(key, worker) : NULL;
        char *text = NULL;
        size_t size = 0;
        FILE *f;

        if (!key || !key->type->is_set(field))
                return NULL;
        f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        key->type->write(key, field, f);
        if (fclose(f) == 0)
                return text;
        free(text);
        return NULL;
}

bool object_definition_takes(const struct object_definition *object, const struct config_key *key) {
        if (!config_key_fits(key, object->kind))
                return false;
        if (key->offset == offsetof(struct object_definition, subscribers))
                return object->policy != BROADCAST_LOSSY;
        if (object->kind == OBJECT_SERVICE && key->offset == offsetof(struct object_definition, max_deliveries))
                return object->idempotent;
        return true;
}

/* @param object  the definition, if it is one of an object: only what it takes is printed. */
static void print_section(enum config_section section, const char *name, const void *definition,
                          const struct object_definition *object, FILE *out) {
        fprintf(out, "%s %s%s{\n", config_section_names[section], name, *name ? " " : "");
        config_for_each_key(key, section) {
                if (!key->type->is_set(key_field_const(key, definition)) ||
                    (object && !object_definition_takes(object, key)) ||
                    (fault_is("config-prints-no-key") && strcmp(key->name, "umask") == 0))
                        continue;
                fputs("        ", out);
                key_print(key, definition, out);
                fputc('\n', out);
        }
        fputs("}\n", out);
}

void worker_definition_print(const struct worker_definition *worker, FILE *out) {
        print_section(CONFIG_WORKER, worker->name, worker, NULL, out);
}

void group_definition_print(const struct group_definition *group, FILE *out) {
        print_section(CONFIG_GROUP, group->name, group, NULL, out);
}

void listen_definition_print(const struct listen_definition *listen, FILE *out) {
        print_section(CONFIG_LISTEN, listen->name, listen, NULL, out);
}

void daemon_definition_print(const struct daemon_definition *daemon, FILE *out) {
        print_section(CONFIG_DAEMON, daemon->name, daemon, NULL, out);
}

void object_definition_print(const struct object_definition *object, FILE *out) {
        print_section(object->section, object->name, object, object, out);
}

void config_print(const struct config *config, FILE *out) {
        for (size_t i = 0; i < config->n_objects; i++) {
                fputs(i > 0 ? "\n" : "", out);
                object_definition_print(config->objects[i], out);
        }
        for (size_t i = 0; i < config->n_listens; i++) {
                fputs(i > 0 || config->n_objects > 0 ? "\n" : "", out);
                listen_definition_print(config->listens[i], out);
        }
        for (size_t i = 0; i < config->n_workers; i++) {
                fputs(i > 0 || config->n_objects > 0 || config->n_listens > 0 ? "\n" : "", out);
                worker_definition_print(config->workers[i], out);
        }
        for (size_t i = 0; i < config->n_groups; i++) {
                fputs(i > 0 || config->n_workers > 0 || config->n_objects > 0 ? "\n" : "", out);
                group_definition_print(config->groups[i], out);
        }
        for (size_t i = 0; i < config->n_daemons; i++) {
                fputs(config->n_groups + config->n_workers + config->n_objects + config->n_listens > 0 ? "\n" : "", out);
                daemon_definition_print(config->daemons[i], out);
        }
}

const char *config_section_name(enum config_section section) {
        return config_section_names[section];
}

const char *broadcast_policy_name(int policy) {
        return broadcast_policy_words[policy];
}

const char *worker_io_name(enum worker_io io) {
        return worker_io_words[io];
}

const char *restart_policy_name(enum restart_policy policy) {
        return restart_policy_words[policy];
}

const char *group_strategy_name(int strategy) {
        return group_strategy_words[strategy];
}

const char *worker_ready_name(enum worker_ready ready) {
        return worker_ready_words[ready];
}

const char *worker_start_name(enum worker_start start) {
        return worker_start_words[start];
}

/* ---- paths ------------------------------------------------------------------------------------- */

static int join(const char *directory, const char *path, char **ret) {
        char *joined;

        if (path[0] == '/')
                joined = strdup(path);
        else if (asprintf(&joined, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory,
                          strncmp(path, "./", 2) == 0 && path[2] ? path + 2 : path) < 0)
                joined = NULL;
        if (!joined)
                return -ENOMEM;
        *ret = joined;
        return 0;
}

/* What relative paths are relative to. */
static const char *base_of(const struct worker_definition *worker) {
        return worker->isolation.root_directory ? "/" : worker->base;
}

int worker_definition_directory(const struct worker_definition *worker, char **ret) {
        return join(base_of(worker), worker->directory ?: ".", ret);
}

int worker_definition_directory_outside(const struct worker_definition *worker, char **ret) {
        _cleanup_(freep) char *directory = NULL;
        char *outside;
        int r = worker_definition_directory(worker, &directory);

        if (r < 0)
                return r;
        if (asprintf(&outside, "%s%s", worker->isolation.root_directory ?: "", directory) < 0)
                return -ENOMEM;
        *ret = outside;
        return 0;
}

/*
 * What is found at a path below the target of a bind, which is the longest of these by now. @return 1; 0: it is not; or
 * -errno.
 */
static int stat_bound(char *const *binds, const char *path, size_t *longest, struct stat *ret) {
        int found = 0;

        for (; *binds; binds++) {
                const char *source = *binds + (**binds == '-'), *colon = strchr(source, ':');
                const char *target = colon ? colon + 1 : source;
                _cleanup_(freep) char *outside = NULL;
                size_t n = strlen(target);

                if (n <= *longest || strncmp(path, target, n) != 0 || (path[n] != '/' && path[n] != '\0'))
                        continue;
                if (asprintf(&outside, "%.*s%s", (int)(colon ? (size_t)(colon - source) : n), source, path + n) < 0) {
                        outside = NULL;
                        return -ENOMEM;
                }
                *longest = n;
                found = stat(outside, ret) < 0 ? -errno : 1;
        }
        return found;
}

/* As the process will find it: in its root, or in what is mounted there. */
static int stat_inside(const struct worker_definition *worker, const char *path, struct stat *ret) {
        const struct worker_isolation *i = &worker->isolation;
        size_t longest = 0;
        int r = 0, more;

        if (i->root_directory) {
                r = stat_bound(i->bind_paths, path, &longest, ret);
                more = stat_bound(i->bind_read_only_paths, path, &longest, ret);
                r = more ?: r;
        }
        return r == 0 ? root_stat(i->root_directory, path, ret) : r < 0 ? r : 0;
}

/* A file that may be executed. @return 0 or -errno. */
static int check_program(const struct worker_definition *worker, const char *path) {
        struct stat st;
        int r = stat_inside(worker, path, &st);

        if (r < 0)
                return r;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        /* Not access(2): it is root, or the worker's user, who will execute it. */
        return S_ISREG(st.st_mode) && (st.st_mode & 0111) ? 0 : -EACCES;
}

static int search_path(const struct worker_definition *worker, const char *name, char **ret, struct error *error) {
        const char *path = getenv("PATH") ?: PATH_DEFAULT;
        int found = -ENOENT, r;

        for (;;) {
                size_t n = strcspn(path, ":");
                _cleanup_(freep) char *candidate = NULL;

                if (asprintf(&candidate, "%.*s/%s", (int)n, path, name) < 0) {
                        candidate = NULL;
                        return -ENOMEM;
                }
                /* "." and "" in PATH are traps. */
                r = candidate[0] == '/' ? check_program(worker, candidate) : -ENOENT;
                if (r == 0) {
                        *ret = TAKE(candidate);
                        return 0;
                }
                if (r == -EACCES)
                        found = r;
                if (path[n] == '\0')
                        break;
                path += n + 1;
        }
        if (found == -EACCES)
                return error_set(error, found, "'%s' is in PATH, but is not executable", name);
        return error_set(error, found, "'%s' is not found in PATH%s", name,
                         strchr(name, ' ') ? " (exec is a list: the program, then its arguments)" : "");
}

int worker_definition_program(const struct worker_definition *worker, const char *name, char **ret,
                              struct error *error) {
        _cleanup_(freep) char *directory = NULL, *program = NULL;
        int r;

        if (!strchr(name, '/'))
                return search_path(worker, name, ret, error);
        r = worker_definition_directory(worker, &directory);
        if (r >= 0)
                r = join(worker->directory ? directory : base_of(worker), name, &program);
        if (r < 0)
                return error_errno(error, r, "'%s'", name);
        r = check_program(worker, program);
        if (r == -EACCES)
                return error_set(error, r, "'%s' is not executable", program);
        if (r < 0)
                return error_errno(error, r, "'%s'", program);
        *ret = TAKE(program);
        return 0;
}

static bool has_name(char *const *names, const char *name) {
        for (; *names; names++)
                if (strcmp(*names, name) == 0)
                        return true;
        return false;
}

bool worker_definition_uses(const struct worker_definition *definition, const char *object) {
        return has_name(definition->receive, object) || has_name(definition->send, object) ||
               has_name(definition->serve, object) || has_name(definition->call, object) || has_name(definition->use, object);
}
