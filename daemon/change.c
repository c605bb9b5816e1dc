/* SPDX-License-Identifier: MIT */
/*
 * Start, stop, restart and scale, as people ask for them
 *
 * First every target is found, so that an unknown name changes nothing, with all who require it or are required; then all
 * are begun; then each is watched until it is settled. Whoever asked is told from the loop, never from within the call.
 */

#include "daemon/change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/group.h"
#include "daemon/hold.h"
#include "daemon/order.h"
#include "daemon/worker.h"

static int on_done(sd_event_source *source, void *userdata) {
        struct change *change = userdata;

        if (change->fn)
                change->fn(change, change->userdata);
        change_cancel(change);
        return 0;
}

struct change *change_cancel(struct change *change) {
        if (!change)
                return NULL;
        for (size_t i = 0; i < change->n; i++)
                instance_unwatch(&change->targets[i].watcher);
        sd_event_source_disable_unref(change->done);
        sd_event_source_disable_unref(change->look);
        free(change);
        return NULL;
}

/* ---- settling ---------------------------------------------------------------------------------- */

static void target_settle(struct change_target *target, bool ok, const char *why) {
        struct change *change = target->change;

        target->settled = true;
        target->ok = ok;
        target->state = target->instance ? instance_shown_state(target->instance) : instance_state_name(INSTANCE_DOWN);
        if (!ok)
                snprintf(target->message, sizeof target->message, "%s", why);
        instance_unwatch(&target->watcher);
        if (--change->n_left == 0)
                sd_event_source_set_enabled(change->done, SD_EVENT_ONESHOT);
}

static const char *why_not(const struct instance *instance) {
        return *instance->reason ? instance->reason : instance_state_name(instance->state);
}

/* Did the process that was asked for end well, as a worker that is not restarted may? */
static bool ended_well(const struct instance *instance) {
        return instance->state == INSTANCE_DOWN && !instance->stopped && instance->last_valid &&
               (instance->last_status == 0 ||
                exit_set_has(&instance_definition(instance)->success_exit_status, instance->last_status));
}

static void target_check_up(struct change_target *target) {
        const struct instance *instance = target->instance;

        switch (instance->state) {
        case INSTANCE_READY:
                target_settle(target, true, NULL);
                break;
        case INSTANCE_DOWN:
        case INSTANCE_BACKOFF:
        case INSTANCE_FAILED:
                target_settle(target, ended_well(instance), why_not(instance));
                break;
        case INSTANCE_WAITING:
                if (instance->stuck)
                        target_settle(target, false, why_not(instance));
                break;
        case INSTANCE_STARTING:
        case INSTANCE_DRAINING:
        case INSTANCE_STOPPING:
        case _INSTANCE_STATE_N:
                break;
        }
}

/* Look whether the instance is where it was to go. */
static void target_check(struct change_target *target) {
        const struct instance *instance = target->instance;

        switch (target->kind) {
        case CHANGE_STOP:
        case CHANGE_WAIT_STOPPED:
                if (!instance_state_has_process(instance->state))
                        target_settle(target, true, NULL);
                break;
        case CHANGE_WAIT_READY:
                if (instance->state == INSTANCE_READY || instance->state == INSTANCE_FAILED || instance_remains(instance))
                        target_settle(target, instance->state != INSTANCE_FAILED, why_not(instance));
                break;
        case CHANGE_START:
                target_check_up(target);
                break;
        case CHANGE_RESTART:
                if (instance->generation > target->generation)
                        target_check_up(target);
                break;
        case CHANGE_DRAIN:
                /* Who looked at the flag just before it was set may have taken one more. */
                if (!instance_state_has_process(instance->state) ||
                    (target->change->looked && !hold_is_busy(instance)))
                        target_settle(target, true, NULL);
                break;
        case CHANGE_RESET:
        case CHANGE_SIGNAL:
        case CHANGE_RESUME:
                target_settle(target, true, NULL);
                break;
        }
}

void change_look(struct change *change) {
        for (size_t i = 0; i < change->n; i++)
                if (!change->targets[i].settled)
                        target_check(&change->targets[i]);
}

void change_settle_rest(struct change *change) {
        for (size_t i = 0; i < change->n; i++)
                if (!change->targets[i].settled)
                        target_settle(&change->targets[i], true, NULL);
}

static void on_state(struct instance_watcher *watcher, struct instance *instance, int state) {
        struct change_target *target = list_entry(watcher, struct change_target, watcher);

        if (state >= 0) {
                target_check(target);
                return;
        }
        target->instance = NULL;
        target_settle(target, target->kind == CHANGE_STOP || target->kind == CHANGE_WAIT_STOPPED, "is no longer defined");
}

/* ---- targets ----------------------------------------------------------------------------------- */

static int change_new(struct change **ret, struct gang *gang, size_t n, change_fn fn, void *userdata) {
        struct change *change = calloc(1, sizeof *change + n * sizeof *change->targets);
        int r;

        if (!change)
                return -ENOMEM;
        change->gang = gang;
        change->fn = fn;
        change->userdata = userdata;
        r = sd_event_add_defer(gang->event, &change->done, on_done, change);
        if (r >= 0)
                r = sd_event_source_set_enabled(change->done, SD_EVENT_OFF);
        if (r < 0) {
                change_cancel(change);
                return r;
        }
        *ret = change;
        return 0;
}

static void change_add(struct change *change, struct instance *instance, enum change_kind kind) {
        struct change_target *target = &change->targets[change->n++];

        if (kind == CHANGE_START || kind == CHANGE_RESTART || kind == CHANGE_RESET)
                group_forgive(change->gang, instance->worker->group);
        target->change = change;
        target->instance = instance;
        target->kind = kind;
        /* Without a process, the generation is that of the next one. */
        target->generation = instance->generation - !instance_state_has_process(instance->state);
        target->watcher.fn = on_state;
        snprintf(target->key, sizeof target->key, "%s", instance->key);
        instance_watch(instance, &target->watcher);
        change->n_left++;
}

static void change_add_worker(struct change *change, struct worker *worker, enum change_kind kind) {
        size_t n = kind == CHANGE_STOP || kind == CHANGE_WAIT_STOPPED ? worker->n_instances : worker_count_target(worker);

        for (size_t i = 0; i < n; i++)
                change_add(change, worker->instances[i], kind);
}

/* What is on its way out of the configuration, or past the wanted number, can be stopped only. */
static struct worker *target_worker(struct gang *gang, const char *name) {
        struct worker *worker = worker_find(gang, name);

        return worker && !worker->removed ? worker : NULL;
}

static struct instance *target_instance(struct gang *gang, const char *name, enum change_kind kind) {
        struct instance *instance = instance_find(gang, name);

        if (!instance || (kind != CHANGE_STOP && instance->number >= worker_count_target(instance->worker)))
                return NULL;
        return instance;
}

/* ---- who else is concerned ----------------------------------------------------------------------- */

static bool ends_processes(enum change_kind kind) {
        return kind == CHANGE_STOP || kind == CHANGE_RESTART;
}

/** With a worker that starts, those that it requires start; with one that ends, those end that require it. */
static void pick(struct worker *worker, void *userdata) {
        const struct change_request *request = userdata;

        if (worker->picked)
                return;
        worker->picked = true;
        if (request->kind == CHANGE_START)
                order_for_each_required(worker, pick, userdata);
        else if (ends_processes(request->kind))
                order_for_each_requiring(worker, pick, userdata);
}

static void pick_group(struct gang *gang, const struct group *group, const struct change_request *request) {
        list_for_each(it, &gang->workers)
                if (group_has(group, list_entry(it, struct worker, link)))
                        pick(list_entry(it, struct worker, link), (void *)(uintptr_t)request);
}

static void unpick_all(struct gang *gang) {
        list_for_each(it, &gang->workers)
                list_entry(it, struct worker, link)->picked = false;
}

/** Pick all workers that are concerned, or find the name that is unknown. */
static int request_pick(struct gang *gang, const struct change_request *request, const char **ret_name) {
        for (size_t i = 0; i < request->n_names && !request->all; i++) {
                struct worker *worker = target_worker(gang, request->names[i]);

                struct group *group = worker ? NULL : group_find(gang, request->names[i]);

                if (!worker && !group && !target_instance(gang, request->names[i], request->kind)) {
                        *ret_name = request->names[i];
                        return -ENOENT;
                }
                if (worker)
                        pick(worker, (void *)(uintptr_t)request);
                if (group)
                        pick_group(gang, group, request);
        }
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (request->all)
                        worker->picked = !request->permits || request->permits(request->permits_userdata, worker);
        }
        return 0;
}

static size_t request_count(struct gang *gang, const struct change_request *request) {
        size_t n = request->n_names;

        list_for_each(it, &gang->workers) {
                const struct worker *worker = list_entry(it, struct worker, link);

                if (worker->picked)
                        n += worker->n_instances;
        }
        return n;
}

/** Two that conflict, both to be started; NULL: there are none. */
static void note_conflict(struct worker *worker, void *userdata) {
        const struct worker **found = userdata;

        if (worker->picked)
                *found = worker;
}

static int check_conflicts(struct gang *gang, const struct change_request *request, struct error *error) {
        list_for_each(it, &gang->workers) {
                const struct worker *worker = list_entry(it, struct worker, link), *other = NULL;

                if (!worker->picked || request->kind != CHANGE_START || request->all)
                        continue;
                order_for_each_conflict(worker, note_conflict, &other);
                if (other)
                        return error_set(error, -EINVAL, "workers '%s' and '%s' conflict", worker->name, other->name);
        }
        return 0;
}

/** Of all, those that have nothing to hold back are left out; of those that are named, there must be none. */
static int check_drain(struct gang *gang, const struct change_request *request, struct error *error) {
        int r = 0;

        if (request->kind != CHANGE_DRAIN)
                return 0;
        for (size_t i = 0; i < request->n_names && !request->all && r >= 0; i++) {
                const struct instance *instance = target_worker(gang, request->names[i]) ? NULL :
                                                  target_instance(gang, request->names[i], request->kind);

                if (instance)
                        r = hold_check(instance_definition(instance), error);
        }
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);
                struct error ignored = ERROR_NULL;

                if (worker->picked && request->all)
                        worker->picked = hold_check(worker->definition, &ignored) >= 0;
                else if (worker->picked && r >= 0)
                        r = hold_check(worker->definition, error);
        }
        return r;
}

/* What people want of a worker as a whole is kept. */
static void set_stopped(struct worker *worker, enum change_kind kind) {
        bool stopped = kind == CHANGE_STOP;

        if ((kind != CHANGE_STOP && kind != CHANGE_START && kind != CHANGE_RESTART) || worker->stopped == stopped)
                return;
        worker->stopped = stopped;
        worker_save(worker);
}

static void stop_for_another(struct worker *worker, void *userdata) {
        (void)userdata;
        set_stopped(worker, CHANGE_STOP);
        for (size_t i = worker->n_instances; i > 0; i--)
                instance_stop(worker->instances[i - 1], false);
}

static void change_take(struct change *change, struct worker *worker, const struct change_request *request) {
        worker->picked = false;
        worker->fresh = request->kind == CHANGE_START;
        worker->ending = ends_processes(request->kind);
        if (!worker->removed)
                set_stopped(worker, request->kind);
        if (request->kind == CHANGE_DRAIN || request->kind == CHANGE_RESUME)
                worker_drain(worker, request->kind == CHANGE_DRAIN);
        change_add_worker(change, worker, request->kind);
        if (request->kind == CHANGE_START && !request->all)
                order_for_each_conflict(worker, stop_for_another, NULL);
}

/** What was named comes first, and then who else is concerned. */
static void change_fill(struct change *change, const struct change_request *request) {
        struct gang *gang = change->gang;

        for (size_t i = 0; i < request->n_names && !request->all; i++) {
                struct worker *worker = target_worker(gang, request->names[i]);

                if (!worker && group_find(gang, request->names[i]))
                        continue; /* its workers are picked */
                if (!worker)
                        change_add(change, target_instance(gang, request->names[i], request->kind), request->kind);
                else if (worker->picked)
                        change_take(change, worker, request);
        }
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (worker->picked)
                        change_take(change, worker, request);
        }
}

/* A process that was started since then is what was asked for already: wait for it only. */
static bool is_new_enough(const struct instance *instance, uint64_t before_usec) {
        uint64_t started = instance->pid > 0 ? instance->started_usec : instance->since_usec;

        return instance_state_has_process(instance->state) && before_usec > 0 && started >= before_usec &&
               instance->state != INSTANCE_DRAINING && instance->state != INSTANCE_STOPPING;
}

static void target_signal(struct change_target *target, int signal) {
        struct instance *instance = target->instance;

        if (instance->pid > 0)
                keeper_link_signal(&target->change->gang->link, instance->key, signal, false);
        else
                target_settle(target, false, "it has no process");
}

static void target_begin(struct change_target *target, const struct change_request *request) {
        switch (request->kind) {
        case CHANGE_START:
                instance_start(target->instance, true);
                break;
        case CHANGE_STOP:
                instance_stop(target->instance, true);
                break;
        case CHANGE_RESTART:
                if (is_new_enough(target->instance, request->before_usec))
                        target->kind = CHANGE_START;
                else
                        instance_restart(target->instance);
                break;
        case CHANGE_RESET:
                instance_reset(target->instance);
                break;
        case CHANGE_SIGNAL:
                target_signal(target, request->signal);
                break;
        case CHANGE_DRAIN:
        case CHANGE_RESUME:
                /* Of a worker that was named, all are, by now. */
                if (target->instance->worker->drained != (request->kind == CHANGE_DRAIN) || target->instance->drained)
                        instance_drain(target->instance, request->kind == CHANGE_DRAIN);
                break;
        case CHANGE_WAIT_READY:
        case CHANGE_WAIT_STOPPED:
                break;
        }
}

/* Some are settled by what was begun; the others now, or later. */
static void change_check(struct change *change, bool no_wait) {
        for (size_t i = 0; i < change->n; i++) {
                struct change_target *target = &change->targets[i];

                if (!target->settled)
                        target_check(target);
                if (!target->settled && no_wait)
                        target_settle(target, true, NULL);
        }
        if (change->n == 0)
                sd_event_source_set_enabled(change->done, SD_EVENT_ONESHOT);
}

int change_begin(struct gang *gang, const struct change_request *request, change_fn fn, void *userdata,
                 struct change **ret, const char **ret_name, struct error *error) {
        struct change *change;
        int r;

        if (gang->stopping && (request->kind == CHANGE_START || request->kind == CHANGE_RESTART))
                return error_set(error, -EBUSY, "the daemon is stopping");
        r = request_pick(gang, request, ret_name);
        if (r < 0)
                error_set(error, r, "there is no worker, group or instance '%s'", *ret_name);
        else
                r = check_conflicts(gang, request, error);
        if (r >= 0)
                r = check_drain(gang, request, error);
        if (r >= 0) {
                r = change_new(&change, gang, request_count(gang, request), fn, userdata);
                if (r < 0)
                        error_errno(error, r, "beginning a change");
        }
        if (r < 0) {
                unpick_all(gang);
                return r;
        }
        change_fill(change, request);
        /* What stops goes in the reverse order of what starts. */
        for (size_t i = 0; i < change->n; i++) {
                size_t at = request->kind == CHANGE_STOP ? change->n - 1 - i : i;

                if (!change->targets[at].settled)
                        target_begin(&change->targets[at], request);
        }
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                worker->fresh = worker->ending = false;
        }
        change_check(change, request->no_wait);
        if (request->kind == CHANGE_DRAIN)
                hold_watch(change);
        if (ret)
                *ret = change;
        return 0;
}

/* A pipe among these rings; NULL: none is. */
static const char *find_pipe(struct gang *gang, char *const *rings) {
        for (; *rings; rings++) {
                const struct gang_object *ring = gang_object_find(&gang->objects, *rings);

                if (ring && ring->geometry.kind == OBJECT_PIPE)
                        return ring->name;
        }
        return NULL;
}

/* Each end of a pipe is one process's. */
static int check_pipes(struct gang *gang, const struct worker *worker, unsigned int wanted, struct error *error) {
        const char *pipe = find_pipe(gang, worker->definition->receive) ?: find_pipe(gang, worker->definition->send);

        if (!pipe || wanted <= 1)
                return 0;
        return error_set(error, -EINVAL, "worker '%s' has an end of pipe '%s': of it there can be one instance",
                         worker->name, pipe);
}

int change_scale(struct gang *gang, const char *name, unsigned int wanted, bool automatic, bool no_wait, change_fn fn,
                 void *userdata, struct change **ret, struct error *error) {
        struct worker *worker = worker_find(gang, name);
        struct change *change;
        unsigned int before, target;
        int r;

        if (gang->stopping)
                return error_set(error, -EBUSY, "the daemon is stopping");
        if (!worker || worker->removed)
                return error_set(error, -ENOENT, "there is no worker '%s'", name);
        if (automatic)
                wanted = worker_count_defined(worker->definition, worker->wanted);
        if (wanted > CONFIG_INSTANCES_MAX - worker->definition->standby)
                return error_set(error, -ERANGE, "%u instances: more than %u", wanted,
                                 CONFIG_INSTANCES_MAX - worker->definition->standby);
        r = check_pipes(gang, worker, wanted, error);
        if (r < 0)
                return r;
        before = worker_count_target(worker);
        target = wanted + worker->definition->standby;
        r = change_new(&change, gang, MAX((size_t)target, worker->n_instances), fn, userdata);
        if (r < 0)
                return error_errno(error, r, "scaling '%s'", name);
        r = worker_scale(worker, wanted, !automatic);
        if (r < 0) {
                change_cancel(change);
                return error_errno(error, r, "scaling '%s'", name);
        }
        /* Asked again, after the manager that was asked first has died: what that one began is waited for. */
        for (size_t i = 0; i < MIN(before, target); i++)
                if (worker->instances[i]->state == INSTANCE_STARTING)
                        change_add(change, worker->instances[i], CHANGE_START);
        for (size_t i = MIN(before, target); i < worker->n_instances; i++)
                change_add(change, worker->instances[i],
                           i < target && !worker->stopped ? CHANGE_START : CHANGE_STOP);
        change_check(change, no_wait);
        if (ret)
                *ret = change;
        return 0;
}
