/* SPDX-License-Identifier: MIT */

/*
 * The configuration on this machine: its file, and the programs, directories and users that it names
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/config/config.h"
#include "daemon/config/parse.h"
#include "daemon/config/root.h"
#include "daemon/config/values.h"
#include "daemon/policy/grant.h"

/* ---- the file ---------------------------------------------------------------------------------- */

/* Not blocking: a pipe or a device in the place of the file must not stop the daemon. */
static int open_file(const char *path) {
        struct stat st;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
                close(fd);
                return -EISDIR;
        }
        return fd;
}

static int read_file(const char *path, char **ret, size_t *ret_size) {
        _cleanup_(closep) int fd = open_file(path);
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;
        ssize_t n;

        if (fd < 0)
                return fd;
        text = malloc(CONFIG_SIZE_MAX + 1);
        if (!text)
                return -ENOMEM;
        while (size <= CONFIG_SIZE_MAX) { /* one byte more than allowed shows that it is too long */
                n = read(fd, text + size, CONFIG_SIZE_MAX + 1 - size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t)n;
        }
        *ret = TAKE(text);
        *ret_size = size;
        return 0;
}

int config_load(const char *path, struct config **ret, struct config_errors *errors) {
        _cleanup_(config_freep) struct config *config = NULL;
        _cleanup_(freep) char *text = NULL;
        size_t size = 0, before = config_errors_count(errors);
        int r;

        r = read_file(path, &text, &size);
        if (r < 0) {
                config_errors_add(errors, path, 0, "%s", strerrordesc_np(-r) ?: "Unknown error");
                return r;
        }
        r = config_build(text, size, path, &config, errors);
        if (r >= 0)
                r = config_verify(config, errors);
        if (r < 0)
                return r;
        if (config_errors_count(errors) > before)
                return -EINVAL;
        *ret = TAKE(config);
        return 0;
}

int config_default_path(char **ret) {
        const char *home = getenv("XDG_CONFIG_HOME");
        char *path;
        int r;

        if (geteuid() == 0)
                r = asprintf(&path, "%s/ganger/ganger.conf", SYSCONFDIR);
        else if (home && home[0] == '/')
                r = asprintf(&path, "%s/ganger/ganger.conf", home);
        else {
                home = getenv("HOME");
                if (!home || !home[0])
                        return -ENOENT;
                r = asprintf(&path, "%s/.config/ganger/ganger.conf", home);
        }
        if (r < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

/* ---- what it names ----------------------------------------------------------------------------- */

static void verify_directory(const struct worker_definition *w, struct error *error) {
        _cleanup_(freep) char *directory = NULL;
        struct stat st;
        int r;

        r = worker_definition_directory(w, &directory);
        if (r < 0) {
                error_errno(error, r, "directory");
                return;
        }
        r = root_stat(w->isolation.root_directory, directory, &st);
        if (r < 0)
                error_errno(error, r, "directory: '%s'", directory);
        else if (!S_ISDIR(st.st_mode))
                error_errno(error, -ENOTDIR, "directory: '%s'", directory);
}

/* @param what  "user" or "group". */
static void verify_name(const char *what, const char *name, struct error *error) {
        bool is_user = strcmp(what, "user") == 0;
        uint64_t id;

        if (number_parse(name, &id) == 0) {
                if (id >= UINT32_MAX)
                        error_set(error, -ERANGE, "%s: '%s' is not the number of a %s", what, name, what);
                return;
        }
        errno = 0;
        if (is_user ? (void *)getpwnam(name) : (void *)getgrnam(name))
                return;
        if (errno == 0 || errno == ENOENT || errno == ESRCH)
                error_set(error, -ESRCH, "%s: there is no %s '%s'", what, what, name);
        else
                error_errno(error, -errno, "%s: looking up '%s'", what, name);
}

static void verify_user(const struct worker_definition *w, struct error *error) {
        verify_name("user", w->user, error);
}

/* Names of groups: that of its files, and more that it is in. */
static void verify_groups(const struct worker_definition *w, struct error *error) {
        if (w->isolation.primary_group)
                verify_name("group", w->isolation.primary_group, error);
        for (char *const *group = w->isolation.supplementary_groups; *group && error->code == 0; group++)
                verify_name("group", *group, error);
}

static void verify_listen(const struct config *config, const struct listen_definition *listen,
                          struct config_errors *errors) {
        struct error user = ERROR_NULL, group = ERROR_NULL;

        if (listen->user)
                verify_name("user", listen->user, &user);
        if (listen->group)
                verify_name("group", listen->group, &group);
        if (user.code < 0)
                config_errors_add(errors, config->path, listen->line, "listen '%s': %s", listen->name, user.text);
        if (group.code < 0)
                config_errors_add(errors, config->path, listen->line, "listen '%s': %s", listen->name, group.text);
}

static void verify_program(const struct worker_definition *w, struct error *error) {
        _cleanup_(freep) char *program = NULL;

        if (worker_definition_program(w, w->exec[0], &program, error) < 0)
                error_prefix(error, "exec");
}

/* One of those that run beside it. */
static void verify_beside(const struct worker_definition *w, char *const *words, const char *key, struct error *error) {
        _cleanup_(freep) char *program = NULL;

        if (words[0] && worker_definition_program(w, words[0], &program, error) < 0)
                error_prefix(error, "%s", key);
}

static void verify_on_failure(const struct worker_definition *w, struct error *error) {
        verify_beside(w, w->on_failure, "on-failure", error);
}

static void verify_ready_exec(const struct worker_definition *w, struct error *error) {
        verify_beside(w, w->ready_exec, "ready-exec", error);
}

static void verify_health_exec(const struct worker_definition *w, struct error *error) {
        verify_beside(w, w->health_exec, "health-exec", error);
}

static int verify(const struct config *config, const struct worker_definition *w,
                  struct config_errors *errors,
                  void (*check)(const struct worker_definition *, struct error *)) {
        struct error error = ERROR_NULL;

        check(w, &error);
        if (error.code < 0)
                config_errors_add(errors, config->path, w->line, "worker '%s': %s", w->name, error.text);
        return error.code;
}

static void verify_worker(const struct config *config, const struct worker_definition *w,
                          struct config_errors *errors) {
        bool good = !w->directory || verify(config, w, errors, verify_directory) == 0;

        if (w->user && !w->dynamic_user)
                verify(config, w, errors, verify_user);
        verify(config, w, errors, verify_groups);
        if (good && w->exec[0]) /* the program may be relative to the directory */
                verify(config, w, errors, verify_program);
        if (!good)
                return;
        verify(config, w, errors, verify_on_failure);
        verify(config, w, errors, verify_ready_exec);
        verify(config, w, errors, verify_health_exec);
}

int config_verify(const struct config *config, struct config_errors *errors) {
        size_t before = config_errors_count(errors);

        for (size_t i = 0; i < config->n_listens; i++)
                verify_listen(config, config->listens[i], errors);
        for (size_t i = 0; i < config->n_workers; i++)
                verify_worker(config, config->workers[i], errors);
        return config_errors_count(errors) > before ? -EINVAL : 0;
}

/* "2 rings, 1 lock, 3 workers" */
static void print_counts(const struct config *config, FILE *out) {
        size_t rings = 0, services = 0, sockets = 0;

        for (size_t i = 0; i < config->n_objects; i++) {
                rings += config->objects[i]->section == CONFIG_RING;
                services += config->objects[i]->section == CONFIG_SERVICE;
        }
        fprintf(out, "%zu ring%s", rings, rings == 1 ? "" : "s");
        if (services > 0)
                fprintf(out, ", %zu service%s", services, services == 1 ? "" : "s");
        if (config->n_objects > rings + services)
                fprintf(out, ", %zu lock%s", config->n_objects - rings - services,
                        config->n_objects - rings - services == 1 ? "" : "s");
        for (size_t i = 0; i < config->n_listens; i++)
                sockets += listen_definition_count(config->listens[i]);
        if (sockets > 0)
                fprintf(out, ", %zu socket%s", sockets, sockets == 1 ? "" : "s");
        fprintf(out, ", %zu worker%s", config->n_workers, config->n_workers == 1 ? "" : "s");
}

/* A user may be made later, so it is no error. */
static void warn_of_names(const struct config *config, enum config_section section, const char *name, unsigned int line,
                          char *const *allow, FILE *err) {
        struct grant grant;

        for (; *allow; allow++) {
                const char *what;
                struct error error = ERROR_NULL;

                if (grant_parse(*allow, &grant, NULL) < 0 || !*grant.name)
                        continue;
                what = grant.who == GRANT_GROUP ? "group" : "user";
                verify_name(what, grant.name, &error);
                if (error.code == -ESRCH)
                        fprintf(err, "%s:%u: warning: %s%s%s%s: allow: there is no %s '%s'\n", config->path, line,
                                config_section_name(section), *name ? " '" : "", name, *name ? "'" : "", what, grant.name);
        }
}

static void warn(const struct config *config, FILE *err) {
        for (size_t i = 0; i < config->n_objects; i++) {
                const struct object_definition *o = config->objects[i];

                warn_of_names(config, o->section, o->name, o->line, o->allow, err);
        }
        for (size_t i = 0; i < config->n_workers; i++) {
                const struct worker_definition *w = config->workers[i];

                warn_of_names(config, CONFIG_WORKER, w->name, w->line, w->allow, err);
        }
        for (size_t i = 0; i < config->n_daemons; i++)
                warn_of_names(config, CONFIG_DAEMON, "", config->daemons[i]->line, config->daemons[i]->allow, err);
}

int config_check(const char *path, FILE *out, FILE *err) {
        struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(config_freep) struct config *config = NULL;
        int r;

        r = config_load(path, &config, &errors);
        if (r < 0)
                config_errors_print(&errors, err);
        else {
                warn(config, err);
                fprintf(out, "%s: ok (", path);
                print_counts(config, out);
                fputs(")\n", out);
        }
        config_errors_done(&errors);
        return r < 0;
}
