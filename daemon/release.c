/* SPDX-License-Identifier: MIT */
/*
 * Releases: definitions of a worker beside the one in force
 *
 * What must hold while one comes into force: what is in force is stored in one step, as by a reload. Before it, what was
 * before is kept, and what the file says if that is something else; after it, what is not needed any more is dropped. A
 * manager that dies in between leaves a roll that is not over, and its successor does all of it again.
 */

#include "daemon/release.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/text.h"
#include "daemon/gang.h"
#include "daemon/log/log.h"
#include "daemon/reload.h"
#include "daemon/roll.h"
#include "daemon/worker.h"

/** "upgrade/NAME/previous" */
#define STORED_NAME_MAX (NAME_LENGTH_MAX + 24)

static const char *stored_name(char buf[STORED_NAME_MAX], const char *name, enum release_role role) {
        static const char *const roles[_RELEASE_ROLE_N] = {
                [RELEASE_NEXT] = "next", [RELEASE_PREVIOUS] = "previous", [RELEASE_FILE] = "file",
        };

        snprintf(buf, STORED_NAME_MAX, "upgrade/%s/%s", name, roles[role]);
        return buf;
}

struct release *release_free(struct release *release) {
        if (!release)
                return NULL;
        config_free(release->config);
        free(release);
        return NULL;
}

/* ---- making one ---------------------------------------------------------------------------------- */

static int print_with(const struct config *base, const struct worker_definition *definition, char **ret, size_t *ret_size) {
        _cleanup_(freep) struct worker_definition **workers = calloc(base->n_workers + 1, sizeof *workers);
        _cleanup_(freep) char *text = NULL;
        struct config copy = *base;
        size_t size, i = 0;
        FILE *out;

        if (!workers)
                return -ENOMEM;
        memcpy(workers, base->workers, base->n_workers * sizeof *workers);
        while (i < base->n_workers && strcmp(workers[i]->name, definition->name) != 0)
                i++;
        workers[i] = (void *)(uintptr_t)definition;
        copy.workers = workers;
        copy.n_workers = MAX(base->n_workers, i + 1);
        out = open_memstream(&text, &size);
        if (!out)
                return -ENOMEM;
        config_print(&copy, out);
        if (fclose(out) != 0)
                return -ENOMEM;
        *ret = TAKE(text);
        *ret_size = size;
        return 0;
}

/** A configuration, but with that definition of a worker. */
static int merge(const struct config *base, const struct worker_definition *definition, struct config **ret,
                 struct error *error) {
        _cleanup_(config_errors_done) struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(freep) char *text = NULL;
        size_t size;
        int r = print_with(base, definition, &text, &size);

        if (r >= 0)
                r = config_parse(text, size, base->path, ret, &errors);
        if (r >= 0)
                return 0;
        if (errors.n > 0) /* its lines are those of a text that nobody has seen */
                return error_set(error, -EINVAL, "worker '%s' does not fit what is in force: %s", definition->name,
                                 strstr(errors.errors[0].text, ": ") ?: errors.errors[0].text);
        return error_errno(error, r, "worker '%s'", definition->name);
}

static int release_of_config(struct release **ret, struct config **config, const char *name) {
        const struct worker_definition *definition = config_worker(*config, name);
        struct release *release = definition ? malloc(sizeof *release) : NULL;

        if (!release)
                return definition ? -ENOMEM : -EPROTO;
        *release = (struct release){ .config = TAKE(*config), .definition = definition };
        *ret = release;
        return 0;
}

int release_new(struct release **ret, struct gang *gang, const struct worker_definition *definition, struct error *error) {
        _cleanup_(config_freep) struct config *config = NULL;
        int r = merge(gang->config, definition, &config, error);

        if (r < 0)
                return r;
        r = release_of_config(ret, &config, definition->name);
        return r < 0 ? error_errno(error, r, "worker '%s'", definition->name) : 0;
}

int release_of_file(struct release **ret, struct gang *gang, const char *name, struct config_errors *errors) {
        _cleanup_(config_freep) struct config *config = NULL;
        const struct worker_definition *definition;
        struct error error = ERROR_NULL;
        int r = config_load(gang->config_path, &config, errors);

        if (r < 0)
                return r;
        definition = config_worker(config, name);
        if (!definition) {
                config_errors_add(errors, gang->config_path, 0, "there is no worker '%s' any more", name);
                return -EINVAL;
        }
        r = release_new(ret, gang, definition, &error);
        if (r < 0)
                config_errors_add(errors, gang->config_path, definition->line, "%s", error.text);
        return r;
}

/** That its program is there, and whatever else it names. */
static int verify(const struct release *release, struct error *error) {
        _cleanup_(config_errors_done) struct config_errors errors = CONFIG_ERRORS_NULL;
        struct worker_definition *definition = (void *)(uintptr_t)release->definition;
        struct config only = { .path = release->config->path, .workers = &definition, .n_workers = 1 };
        int r = config_verify(&only, &errors);

        if (r < 0 && errors.n > 0)
                return error_set(error, r, "%s", strstr(errors.errors[0].text, "worker '") ?: errors.errors[0].text);
        return r < 0 ? error_errno(error, r, "worker '%s'", definition->name) : 0;
}

int release_of_exec(struct release **ret, struct gang *gang, const struct worker *worker, char *const *exec,
                    struct error *error) {
        _cleanup_(release_freep) struct release *release = NULL;
        struct worker_definition definition = *worker->definition;
        int r;

        definition.exec = (void *)(uintptr_t)exec;
        r = release_new(&release, gang, &definition, error);
        if (r >= 0)
                r = verify(release, error);
        if (r < 0)
                return r;
        *ret = TAKE(release);
        return 0;
}

int release_of_previous(struct release **ret, struct gang *gang, const struct worker *worker, struct error *error) {
        struct worker_definition definition;

        if (!worker->previous)
                return error_set(error, -EINVAL, "worker '%s' was not upgraded: there is nothing to go back to",
                                 worker->name);
        definition = *worker->previous->definition;
        if (!fault_is("grants-come-back"))
                definition.allow = worker->definition->allow; /* nothing is given to whom it was taken from since */
        return release_new(ret, gang, &definition, error);
}

/* ---- keeping it ---------------------------------------------------------------------------------- */

int release_store(struct gang *gang, const char *name, enum release_role role, const struct release *release) {
        char stored[STORED_NAME_MAX];
        _cleanup_(closep) int fd = fd_memfd_sealed("ganger-release", release->config->text, release->config->text_size);

        if (fd < 0)
                return fd;
        return fault_is("forget-release") ? 0 : keeper_link_store(&gang->link, stored_name(stored, name, role), fd);
}

void release_drop(struct gang *gang, const char *name, enum release_role role) {
        char stored[STORED_NAME_MAX];

        keeper_link_drop(&gang->link, stored_name(stored, name, role));
}

int release_take(struct release **ret, struct gang *gang, const char *name, enum release_role role) {
        _cleanup_(config_errors_done) struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(config_freep) struct config *config = NULL;
        char stored[STORED_NAME_MAX];
        _cleanup_(closep) int fd = keeper_link_take(&gang->link, stored_name(stored, name, role));
        void *text;
        size_t size;
        int r;

        if (fd < 0)
                return fd;
        r = fd_map_sealed(fd, CONFIG_SIZE_MAX, &text, &size);
        if (r < 0)
                return r;
        r = text ? config_parse(text, size, gang->config_path, &config, &errors) : -EPROTO;
        if (text)
                munmap(text, size);
        return r < 0 ? r : release_of_config(ret, &config, name);
}

void releases_restore(struct gang *gang) {
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                (void)release_take(&worker->previous, gang, worker->name, RELEASE_PREVIOUS);
                (void)release_take(&worker->file, gang, worker->name, RELEASE_FILE);
        }
}

void releases_forget(struct worker *worker) {
        if (worker->previous)
                release_drop(worker->gang, worker->name, RELEASE_PREVIOUS);
        if (worker->file)
                release_drop(worker->gang, worker->name, RELEASE_FILE);
        worker->previous = release_free(worker->previous);
        worker->file = release_free(worker->file);
}

/** Have `definition` in that role from now on. */
static int keep(struct worker *worker, enum release_role role, struct release **at,
                const struct worker_definition *definition, struct error *error) {
        _cleanup_(release_freep) struct release *release = NULL;
        int r;

        if (*at && worker_definition_equal((*at)->definition, definition))
                return 0;
        r = release_new(&release, worker->gang, definition, error);
        if (r < 0)
                return r;
        r = release_store(worker->gang, worker->name, role, release);
        if (r < 0)
                return error_errno(error, r, "worker '%s': keeping what was in force", worker->name);
        release_free(*at);
        *at = TAKE(release);
        return 0;
}

/* ---- coming into force --------------------------------------------------------------------------- */

int release_put_into_force(struct gang *gang, struct worker *worker, const struct release *release, bool from_file,
                           struct error *error) {
        _cleanup_(config_errors_done) struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(config_freep) struct config *config = NULL;
        const struct worker_definition *file = from_file ? release->definition : worker->file ? worker->file->definition :
                                               worker->definition;
        bool differs = !worker_definition_equal(release->definition, file);
        int r = 0;

        if (!worker_definition_equal(worker->definition, release->definition))
                r = keep(worker, RELEASE_PREVIOUS, &worker->previous, worker->definition, error);
        if (r >= 0 && differs)
                r = keep(worker, RELEASE_FILE, &worker->file, file, error);
        if (r >= 0)
                r = merge(gang->config, release->definition, &config, error);
        if (r < 0)
                return r;
        fault_point("before-release");
        r = reload_config(gang, &config, &errors);
        if (r < 0)
                return error_set(error, r, "%s", errors.n > 0 ? errors.errors[0].text : strerror(-r));
        fault_point("after-release");
        if (!differs && worker->file) {
                release_drop(gang, worker->name, RELEASE_FILE);
                worker->file = release_free(worker->file);
        }
        return 0;
}

void release_refuse(struct worker *worker, const struct release *release) {
        struct error error = ERROR_NULL;

        if (worker_definition_equal(worker->definition, release->definition))
                return;
        if (keep(worker, RELEASE_FILE, &worker->file, release->definition, &error) < 0)
                log_warning("%s; a reload will put it into force", error.text);
}

/** The file says of a worker what it said when something else was put or left in force; or what a roll is about to try. */
static bool is_kept(const struct worker *worker, const struct worker_definition *file) {
        const struct roll *roll = roll_is_active(worker) ? worker->roll : NULL;

        if (roll && roll->next && roll->request.from_file && worker_definition_equal(file, roll->next->definition))
                return true;
        return worker->file && worker_definition_equal(file, worker->file->definition);
}

bool release_differs_from_file(const struct worker *worker) {
        return worker->file;
}

int releases_keep(struct gang *gang, struct config **config, struct config_errors *errors) {
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);
                const struct worker_definition *definition = config_worker(*config, worker->name);
                struct worker_definition kept;
                struct error error = ERROR_NULL;
                struct config *merged;

                worker->file_kept = definition && is_kept(worker, definition) && !fault_is("reload-all");
                if (!worker->file_kept)
                        continue;
                kept = *worker->definition;
                kept.allow = definition->allow; /* who may do what is what the file says, always */
                if (merge(*config, &kept, &merged, &error) < 0) {
                        config_errors_add(errors, (*config)->path, definition->line, "%s", error.text);
                        return -EINVAL;
                }
                config_free(*config);
                *config = merged;
        }
        return 0;
}

void releases_settle(struct gang *gang) {
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (!worker->file || worker->file_kept)
                        continue;
                release_drop(gang, worker->name, RELEASE_FILE);
                worker->file = release_free(worker->file);
        }
}
