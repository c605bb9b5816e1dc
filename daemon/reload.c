/* SPDX-License-Identifier: MIT */
/*
 * Putting a new configuration into force: all of it or nothing
 *
 * Everything that can be refused comes first: the file, the geometry of objects, the memory of new ones, new sockets. Then
 * the new text is stored with the keeper: that is the step at which the configuration changes. A manager that dies
 * after it leaves the rest to its successor, which finds workers to start, to stop and to restart by comparing what
 * is with what is defined.
 */

#include "daemon/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "daemon/demand.h"
#include "daemon/gang.h"
#include "daemon/group.h"
#include "daemon/instance.h"
#include "daemon/log/log.h"
#include "daemon/successor.h"
#include "daemon/release.h"
#include "daemon/roll.h"
#include "daemon/shortage.h"
#include "daemon/stall.h"
#include "daemon/scaling.h"
#include "daemon/standby.h"
#include "daemon/worker.h"

static int add_object(struct gang *gang, const struct object_definition *object, struct error *error) {
        struct geometry geometry = object_definition_geometry(object);

        return gang_object_add(&gang->objects, object->name, &geometry, error);
}

/* Who has been removed, and who is yet to be, has none. */
static void define_objects(struct gang *gang) {
        list_for_each(it, &gang->objects.list)
                list_entry(it, struct gang_object, link)->definition = NULL;
        for (size_t i = 0; i < gang->config->n_objects; i++) {
                struct gang_object *object = gang_object_find(&gang->objects, gang->config->objects[i]->name);

                if (object)
                        object->definition = gang->config->objects[i];
        }
}

int reload_store(struct gang *gang) {
        _cleanup_(closep) int fd = fd_memfd_sealed("ganger-config", gang->config->text, gang->config->text_size);

        return fd < 0 ? fd : keeper_link_store_lasting(&gang->link, "config", fd);
}

int reload_populate(struct gang *gang, struct error *error) {
        const struct config *config = gang->config;
        struct worker *worker;
        int r;

        for (size_t i = 0; i < config->n_objects; i++) {
                r = add_object(gang, config->objects[i], error);
                if (r < 0)
                        return r;
        }
        define_objects(gang);
        for (size_t i = 0; i < config->n_listens; i++) {
                r = gang_sockets_add(&gang->sockets, config->listens[i], error);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < config->n_workers; i++) {
                r = worker_new(&worker, gang, config->workers[i]);
                if (r >= 0)
                        r = worker_grow(worker, worker_count_target(worker));
                if (r >= 0)
                        standby_init(worker);
                if (r < 0)
                        return error_errno(error, r, "worker '%s'", config->workers[i]->name);
        }
        r = groups_apply(gang);
        return r < 0 ? error_errno(error, r, "groups") : 0;
}

/* ---- what can be refused ----------------------------------------------------------------------- */

/* What is in an object must fit what it is to become, and whoever has it must be one of ours. */
static int refuse_changed_objects(struct gang *gang, const struct config *config, const struct config_diff *diff,
                                  struct config_errors *errors) {
        int ret = 0;

        for (size_t i = 0; i < diff->n; i++) {
                const struct object_definition *definition = diff->changes[i].new_object;
                struct gang_object *object;
                struct geometry geometry;
                struct error error = ERROR_NULL;

                if (!definition || diff->changes[i].kind != CONFIG_CHANGED || !config_change_moves(&diff->changes[i]))
                        continue;
                object = gang_object_find(&gang->objects, definition->name);
                geometry = object_definition_geometry(definition);
                if (!object || successor_check(object, &geometry, &error) >= 0)
                        continue;
                config_errors_add(errors, config->path, definition->line, "%s '%s': its %s cannot be changed: %s",
                                  config_section_name(definition->section), definition->name,
                                  config_change_key(&diff->changes[i]), error.text);
                ret = -EINVAL;
        }
        return ret;
}

/* Only what was said before a socket was bound counts for it. */
static int refuse_changed_listens(const struct config *config, const struct config_diff *diff,
                                  struct config_errors *errors) {
        int r = 0;

        for (size_t i = 0; i < diff->n; i++) {
                const struct listen_definition *from = diff->changes[i].old_listen, *to = diff->changes[i].new_listen;

                if (!from || !to || from->reuse_port == to->reuse_port)
                        continue;
                config_errors_add(errors, config->path, to->line,
                                  "listen '%s': exists, and its reuse-port cannot be changed; restart the daemon", to->name);
                r = -EINVAL;
        }
        return r;
}

static void remove_objects(struct gang *gang, const struct config_diff *diff, enum config_change_kind kind) {
        for (size_t i = 0; i < diff->n; i++) {
                const struct config_change *change = &diff->changes[i];
                bool is_object = change->new_object || change->old_object;
                struct gang_object *object = is_object && change->kind == kind
                                                     ? gang_object_find(&gang->objects, change->name) : NULL;

                if (object)
                        gang_object_remove(object);
        }
}

static int add_objects(struct gang *gang, const struct config *config, const struct config_diff *diff,
                       struct config_errors *errors) {
        for (size_t i = 0; i < diff->n; i++) {
                const struct config_change *change = &diff->changes[i];
                struct error error = ERROR_NULL;

                if (!change->new_object || change->kind != CONFIG_ADDED)
                        continue;
                if (add_object(gang, change->new_object, &error) < 0) {
                        config_errors_add(errors, config->path, change->new_object->line, "%s", error.text);
                        remove_objects(gang, diff, CONFIG_ADDED);
                        return -EINVAL;
                }
        }
        return 0;
}

static void abandon(struct gang *gang, const struct config_diff *diff) {
        gang_sockets_abandon(&gang->sockets);
        remove_objects(gang, diff, CONFIG_ADDED);
}

static int add_sockets(struct gang *gang, const struct config *config, struct config_errors *errors) {
        for (size_t i = 0; i < config->n_listens; i++) {
                struct error error = ERROR_NULL;

                if (gang_sockets_add(&gang->sockets, config->listens[i], &error) < 0) {
                        config_errors_add(errors, config->path, config->listens[i]->line, "%s", error.text);
                        return -EINVAL;
                }
        }
        return 0;
}

/* Whatever can fail for want of memory, of an address, or of anything else. */
static int prepare(struct gang *gang, const struct config *config, const struct config_diff *diff,
                   struct config_errors *errors) {
        int r = add_objects(gang, config, diff, errors);

        if (r < 0)
                return r;
        r = add_sockets(gang, config, errors);
        if (r < 0)
                abandon(gang, diff);
        return r;
}

/* ---- what cannot ------------------------------------------------------------------------------- */

static int retire(struct gang *gang) {
        struct config **retired = reallocarray(gang->retired, gang->n_retired + 1, sizeof *retired);

        if (!retired)
                return -ENOMEM;
        gang->retired = retired;
        retired[gang->n_retired++] = gang->config;
        return 0;
}

/* A roll may have brought its process before the definition came into force. */
static bool runs_by_definition(const struct instance *instance) {
        return (instance->state == INSTANCE_STARTING || instance->state == INSTANCE_READY) &&
               instance->definition == worker_definition_hash(instance->worker->definition) && !fault_is("restart-rolled");
}

/* Processes of an earlier definition, and those that failed by it. What people have stopped stays so. */
static void restart_instances(struct worker *worker) {
        for (size_t i = 0; i < worker->n_instances && i < worker_count_target(worker); i++) {
                struct instance *instance = worker->instances[i];

                if (instance->wanted && instance->state != INSTANCE_DOWN && !runs_by_definition(instance))
                        instance_restart(instance);
        }
}

/* It waits for nobody any more. */
static void start_due(struct worker *worker) {
        for (size_t i = 0; i < worker->n_instances; i++)
                if (instance_is_due(worker->instances[i]))
                        instance_start(worker->instances[i], false);
}

static void apply_worker(struct gang *gang, const struct worker_definition *definition, bool restart) {
        struct worker *worker = worker_find(gang, definition->name);
        const struct worker_definition *before;
        bool anew, rested;
        int r = 0;

        if (!worker)
                return; /* there was no memory for it */
        anew = worker->fresh || worker->removed;
        rested = !worker->fresh && worker->definition->start != WORKER_START_BOOT;
        before = worker->definition;
        worker->definition = definition;
        worker->removed = false;
        placement_apply(worker);
        list_unlink(&worker->link);
        list_append(&gang->workers, &worker->link); /* in the order of definition */
        if (restart)
                restart_instances(worker);
        if (anew)
                r = worker_scale(worker, definition->instances, false);
        else if (definition->instances != before->instances || definition->instances_max != before->instances_max)
                r = worker_scale(worker, worker_count_defined(definition, worker->wanted), false);
        else if (definition->standby != before->standby)
                r = worker_scale(worker, worker->wanted, worker->scaled);
        if (r >= 0 && rested)
                start_due(worker);
        schedule_arm(worker);
        worker_log_reload(worker);
        if (r < 0)
                log_error("worker '%s': %s", definition->name, strerror(-r));
}

/* All that are new, before any is started: one that comes after others must find them. */
static void make_workers(struct gang *gang, const struct config *config) {
        for (size_t i = 0; i < config->n_workers; i++) {
                const struct worker_definition *definition = config->workers[i];
                struct worker *worker;
                int r = worker_find(gang, definition->name) ? 0 : worker_new(&worker, gang, definition);

                if (r < 0)
                        log_error("worker '%s': %s", definition->name, strerror(-r));
        }
}

static bool must_restart(const struct config_diff *diff, const struct worker_definition *definition) {
        for (size_t i = 0; i < diff->n; i++)
                if (diff->changes[i].new_worker == definition)
                        return diff->changes[i].restart;
        return false;
}

static void forget_looks(struct worker *worker) {
        demand_forget(worker);
        scaling_forget(worker);
        worker->unscalable = false;
}

static void apply(struct gang *gang, const struct config_diff *diff) {
        const struct config *config = gang->config;
        int r;

        define_objects(gang);
        list_for_each(it, &gang->workers)
                forget_looks(list_entry(it, struct worker, link));
        for (size_t i = 0; i < diff->n; i++) {
                struct worker *changed = diff->changes[i].old_worker ? worker_find(gang, diff->changes[i].name) : NULL;

                if (changed)
                        stall_forget(changed);
        }
        for (size_t i = 0; i < diff->n; i++) {
                struct worker *worker = diff->changes[i].old_worker && diff->changes[i].kind == CONFIG_REMOVED
                                                ? worker_find(gang, diff->changes[i].name) : NULL;

                if (worker)
                        worker_remove(worker);
        }
        successors_plan(gang, config);
        make_workers(gang, config);
        r = groups_apply(gang);
        if (r < 0)
                log_error("groups: %s", strerror(-r));
        for (size_t i = 0; i < config->n_workers; i++)
                apply_worker(gang, config->workers[i], must_restart(diff, config->workers[i]));
        remove_objects(gang, diff, CONFIG_REMOVED);
        successors_begin(gang);
        gang_sockets_apply(&gang->sockets, config);
        gang_touch(gang);
}

/* ---- all of it --------------------------------------------------------------------------------- */

static int print_diff(const struct config_diff *diff, char **ret) {
        _cleanup_(freep) char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return -ENOMEM;
        config_diff_print(diff, out);
        if (fclose(out) != 0)
                return -ENOMEM;
        *ret = TAKE(text);
        return 0;
}

static int put_into_force(struct gang *gang, struct config **config, const struct config_diff *diff) {
        int r = retire(gang);

        if (r < 0) {
                abandon(gang, diff);
                return r;
        }
        gang->config = TAKE(*config);
        fault_point("before-config");
        r = fault_is("forget-config") ? 0 : reload_store(gang);
        if (r < 0) {
                *config = gang->config;
                gang->config = gang->retired[--gang->n_retired];
                abandon(gang, diff);
                return r;
        }
        fault_point("after-config");
        shortage_foresee(gang->config);
        apply(gang, diff);
        fault_point("after-reload");
        return 0;
}

int reload_config(struct gang *gang, struct config **config, struct config_errors *errors) {
        _cleanup_(config_diff_done) struct config_diff diff = { 0 };
        int r = config_diff(gang->config, *config, &diff);

        if (r >= 0)
                r = prepare(gang, *config, &diff, errors);
        return r < 0 ? r : put_into_force(gang, config, &diff);
}

/* What a roll goes from, or to, is no longer what it was. */
static void outdate_rolls(struct gang *gang, const struct config_diff *diff) {
        for (size_t i = 0; i < diff->n; i++) {
                struct worker *worker = diff->changes[i].new_worker ? worker_find(gang, diff->changes[i].name) : NULL;

                if (worker)
                        roll_outdate(worker);
        }
}

int reload(struct gang *gang, bool dry_run, char **changes, struct config_errors *errors) {
        _cleanup_(config_freep) struct config *config = NULL;
        _cleanup_(config_diff_done) struct config_diff diff = { 0 };
        _cleanup_(freep) char *text = NULL;
        int r;

        if (gang->stopping)
                return -EBUSY;
        r = config_load(gang->config_path, &config, errors);
        if (r >= 0)
                r = releases_keep(gang, &config, errors);
        if (r < 0)
                return r;
        r = config_diff(gang->config, config, &diff);
        if (r < 0)
                return r;
        r = print_diff(&diff, &text);
        if (r < 0)
                return r;
        r = refuse_changed_objects(gang, config, &diff, errors);
        if (r < 0)
                return r;
        r = refuse_changed_listens(config, &diff, errors);
        if (r < 0)
                return r;
        if (dry_run) {
                *changes = TAKE(text);
                return 0;
        }
        r = prepare(gang, config, &diff, errors);
        if (r < 0)
                return r;
        outdate_rolls(gang, &diff);
        r = put_into_force(gang, &config, &diff);
        if (r < 0)
                return r;
        releases_settle(gang);
        events_add(&gang->events, "", &(struct event){ .kind = EVENT_RELOAD }, "%zu changes", diff.n);
        *changes = TAKE(text);
        return 0;
}
