/* SPDX-License-Identifier: MIT */

/*
 * Names that nobody has
 *
 * Says which is unknown, and what may have been meant, of what the peer may see.
 */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "daemon/config/config.h"
#include "daemon/control/calls.h"
#include "daemon/gang.h"
#include "daemon/worker.h"

/** What is echoed of a name that was typed. */
#define TYPED_MAX 128

/** Candidates, NULL at the end. @return NULL: no memory, so no suggestion. */
static const char **worker_names(struct call *call) {
        const char **names = arena_alloc(&call->arena, call->gang->workers_by_name.n + 1, sizeof *names);
        size_t n = 0;

        if (!names)
                return NULL;
        list_for_each(it, &call->gang->workers) {
                if (n < call->gang->workers_by_name.n && call_may_worker(call, list_entry(it, struct worker, link)))
                        names[n++] = list_entry(it, struct worker, link)->name;
        }
        return names;
}

/* What was looked for. */
enum looked_for { RINGS, LOCKS, OBJECTS };

static bool is_such(const struct gang_object *object, enum looked_for what) {
        return what == OBJECTS || (object_class_of(object->geometry.kind) == CLASS_LOCK) == (what == LOCKS);
}

static const char **object_names(struct call *call, enum looked_for what) {
        const char **names;
        size_t n = 0;

        list_for_each(it, &call->gang->objects.list)
                n++;
        names = arena_alloc(&call->arena, n + 1, sizeof *names);
        if (!names)
                return NULL;
        n = 0;
        list_for_each(it, &call->gang->objects.list) {
                const struct gang_object *object = list_entry(it, struct gang_object, link);

                if (!object->removed && is_such(object, what) && call_shows_object(call, object))
                        names[n++] = object->name;
        }
        return names;
}

static int unknown(struct call *call, const char *kind, const char *name, const char *const *candidates) {
        const char *nearest = NULL;

        /* Longer words than names can be are like none; comparing them would only take time. */
        if (candidates && strlen(name) <= NAME_LENGTH_MAX)
                nearest = text_nearest(name, candidates);
        call->unknown = name;
        if (nearest)
                return error_set(&call->error, -ENOENT, "%s: no %s '%.*s'; did you mean '%s'?", call->name,
                                 kind, TYPED_MAX, name, nearest);
        return error_set(&call->error, -ENOENT, "%s: no %s '%.*s'", call->name, kind, TYPED_MAX, name);
}

struct worker *call_worker_of(struct call *call, const char *name) {
        const char *slash = strchr(name, '/');
        char worker[NAME_LENGTH_MAX + 1];

        if (!slash || (size_t)(slash - name) >= sizeof worker)
                return NULL;
        memcpy(worker, name, (size_t)(slash - name));
        worker[slash - name] = 0;
        return worker_find(call->gang, worker);
}

int call_unknown(struct call *call, const char *name) {
        const struct worker *worker = call_worker_of(call, name);

        if (!worker)
                return unknown(call, "worker or instance", name, worker_names(call));
        call->unknown = name;
        return error_set(&call->error, -ENOENT, "%s: no instance '%.*s'; worker '%s' has %zu", call->name,
                         TYPED_MAX, name, worker->name, worker->n_instances);
}

static int unknown_object(struct call *call, const char *name, enum looked_for what) {
        static const char *const words[] = {
                [RINGS] = "ring or service", [LOCKS] = "lock", [OBJECTS] = "ring, service or lock",
        };
        const struct gang_object *object = gang_object_find(&call->gang->objects, name);

        if (!object)
                return unknown(call, words[what], name, object_names(call, what));
        call->unknown = name;
        return error_set(&call->error, -ENOENT, "%s: '%s' is a %s", call->name, name, object_kind_name(object));
}

int call_unknown_ring(struct call *call, const char *name) {
        return unknown_object(call, name, RINGS);
}

int call_unknown_lock(struct call *call, const char *name) {
        return unknown_object(call, name, LOCKS);
}

int call_unknown_object(struct call *call, const char *name) {
        return unknown_object(call, name, OBJECTS);
}

int call_unknown_listen(struct call *call, const char *name) {
        const struct config *config = call->gang->config;
        const char **names = arena_alloc(&call->arena, config->n_listens + 1, sizeof *names);

        for (size_t i = 0; names && i < config->n_listens; i++)
                names[i] = config->listens[i]->name; /* only who may see all of them comes here */
        return unknown(call, "listen section", name, names);
}
