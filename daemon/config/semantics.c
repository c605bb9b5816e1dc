/* SPDX-License-Identifier: MIT */

/*
 * What must hold between keys and between sections
 *
 * Looks at nothing but the configuration: a text that was good stays good.
 */

#include "daemon/config/semantics.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "daemon/config/checker.h"
#include "daemon/config/definition.h"
#include "daemon/config/values.h"

/** Of an object that is a pipe: who has its two ends. */
struct ends {
        const struct outline_section *receiver, *sender;
};

/** What a worker does with objects of one class. */
enum use {
        USE_RINGS,
        USE_SERVICES,
        USE_LOCKS,
        USE_SOCKETS,
};

static enum use use_of(enum config_section section) {
        switch (section) {
        case CONFIG_RING:
                return USE_RINGS;
        case CONFIG_SERVICE:
                return USE_SERVICES;
        case CONFIG_LISTEN:
                return USE_SOCKETS;
        default:
                return USE_LOCKS;
        }
}

static size_t key_number(const struct checker *c, const char *name) {
        return (size_t)(config_key_find(c->section->kind, name) - config_keys);
}

bool was_written(const struct checker *c, const char *name) {
        size_t number = key_number(c, name);

        return c->section->lines[number] > 0 || c->section->meant[number];
}

bool is_doubtful(const struct checker *c, const char *name) {
        return c->section->meant[key_number(c, name)];
}

/* The line of a key, or that of the section. */
unsigned int line_of(const struct checker *c, const char *name) {
        unsigned int line = c->section->lines[key_number(c, name)];

        return line > 0 ? line : c->section->line;
}

void complain(const struct checker *c, const char *key, const char *format, ...) {
        char message[512];
        va_list ap;

        va_start(ap, format);
        vsnprintf(message, sizeof message, format, ap);
        va_end(ap);
        config_errors_add(c->errors, c->config->path, line_of(c, key), "%s '%s': %s: %s",
                          config_section_names[c->section->kind], c->section->name ?: "", key, message);
}

/* The section that defines an object; NULL: there is none. */
static const struct outline_section *find_section(const struct checker *c, const char *name) {
        for (size_t i = 0; i < c->outline->n; i++)
                if (c->outline->sections[i].kind < CONFIG_WORKER && c->outline->sections[i].name &&
                    strcmp(c->outline->sections[i].name, name) == 0)
                        return &c->outline->sections[i];
        return NULL;
}

/* Only for a message: the nearest name of an object that would do. */
static const char *nearest_object(const struct checker *c, const char *name, enum use use) {
        size_t best = strlen(name) / 3 + 1;
        const char *found = NULL;

        for (size_t i = 0; i < c->outline->n; i++) {
                const struct outline_section *section = &c->outline->sections[i];
                size_t d;

                if (section->kind >= CONFIG_WORKER || use_of(section->kind) != use || !section->name)
                        continue;
                d = text_distance(name, section->name);
                if (d < best || (d == best && !found)) {
                        best = d;
                        found = section->name;
                }
        }
        return found;
}

static void check_objects(const struct checker *c, const char *key, char *const *names, enum use use) {
        static const char *const words[] = {
                [USE_RINGS] = "ring", [USE_SERVICES] = "service", [USE_LOCKS] = "lock", [USE_SOCKETS] = "listen section",
        };
        static const char *const keys[] = {
                [USE_RINGS] = "'receive' or 'send'", [USE_SERVICES] = "'call' or 'serve'", [USE_LOCKS] = "'use'",
                [USE_SOCKETS] = "'listen'",
        };

        for (; *names; names++) {
                const struct outline_section *section = find_section(c, *names);
                const char *nearest;

                if (section && use_of(section->kind) != use)
                        complain(c, key, "'%s' is %s: name it in %s", *names, config_section_articles[section->kind],
                                 keys[use_of(section->kind)]);
                if (section)
                        continue;
                nearest = nearest_object(c, *names, use);
                if (nearest)
                        complain(c, key, "there is no %s '%s'; did you mean '%s'?", words[use], *names, nearest);
                else
                        complain(c, key, "there is no %s '%s'", words[use], *names);
        }
}

/* ---- workers ----------------------------------------------------------------------------------- */

/* One end of a pipe: one process. */
static void check_end(const struct checker *c, const struct worker_definition *w, const char *key, const char *pipe,
                      const char *role, const struct outline_section **end) {
        if (*end)
                complain(c, key, "ring '%s' is a pipe, and its %s is worker '%s' already", pipe, role,
                         (*end)->name ?: "");
        else if (w->instances_max > 1)
                complain(c, "instances", "ring '%s' is a pipe, which can have one %s only", pipe, role);
        if (!*end)
                *end = c->section;
}

static void check_pipes(const struct checker *c, const struct worker_definition *w, const char *key,
                        char *const *names, bool receives) {
        for (; *names; names++)
                for (size_t i = 0; i < c->config->n_objects; i++) {
                        const struct object_definition *o = c->config->objects[i];

                        if (o->kind != OBJECT_PIPE || strcmp(o->name, *names) != 0)
                                continue;
                        check_end(c, w, key, o->name, receives ? "receiver" : "sender",
                                  receives ? &c->ends[i].receiver : &c->ends[i].sender);
                        break;
                }
}

static size_t length(char *const *list) {
        size_t n = 0;

        while (list[n])
                n++;
        return n;
}

/** With lines or frames, a worker that only sends is a source. */
static bool lacks_ring(const struct checker *c, const struct worker_definition *w) {
        bool receives = w->receive[0] || was_written(c, "receive"), sends = w->send[0] || was_written(c, "send");

        return !receives && (w->io == WORKER_IO_EXEC || !sends);
}

/* What the bridge cannot do. */
static void check_bridge(const struct checker *c, const struct worker_definition *w, const char *key,
                         char *const *names) {
        if (strcmp(key, "receive") != 0 && strcmp(key, "send") != 0) {
                if (names[0])
                        complain(c, key, "not with io = %s: the program must use libganger", worker_io_name(w->io));
                return;
        }
        if (length(names) > 1)
                complain(c, key, "one ring at most with io = %s", worker_io_name(w->io));
        for (; *names; names++) {
                const struct object_definition *ring = config_object(c->config, *names);

                if (ring && ring->section == CONFIG_RING && ring->kind != OBJECT_QUEUE)
                        complain(c, key, "ring '%s' is a %s, and io = %s needs a queue", *names,
                                 ring_kind_words[ring->kind - RING_KIND_FIRST], worker_io_name(w->io));
        }
}

static void check_io(const struct checker *c, const struct worker_definition *w) {
        if (w->io_fds[0] >= 0 && w->io != WORKER_IO_LINES && w->io != WORKER_IO_FRAMES)
                complain(c, "io-fds", "only with io = lines or frames");
        if (w->io == WORKER_IO_NONE)
                return;
        if (lacks_ring(c, w))
                complain(c, "io", "a ring to receive from is missing; add receive = RING");
        check_bridge(c, w, "receive", w->receive);
        check_bridge(c, w, "send", w->send);
        check_bridge(c, w, "call", w->call);
        check_bridge(c, w, "serve", w->serve);
        check_bridge(c, w, "use", w->use);
        if (w->ready == WORKER_READY_NOTIFY)
                complain(c, "ready", "with io = %s the bridge tells that it is ready: leave this out",
                         worker_io_name(w->io));
}

/* Whether it has any, or was meant to have. */
static bool has_objects(const struct checker *c) {
        static const char *const keys[] = { "receive", "send", "call", "serve", "use" };

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (was_written(c, keys[i]))
                        return true;
        return false;
}

static void check_worker(const struct checker *c, struct worker_definition *w) {
        if (!w->exec[0] && !was_written(c, "exec"))
                config_errors_add(c->errors, c->config->path, c->section->line,
                                  "worker '%s': exec is missing", c->section->name ?: "");
        check_objects(c, "receive", w->receive, USE_RINGS);
        check_objects(c, "send", w->send, USE_RINGS);
        check_objects(c, "call", w->call, USE_SERVICES);
        check_objects(c, "serve", w->serve, USE_SERVICES);
        check_objects(c, "use", w->use, USE_LOCKS);
        check_objects(c, "listen", w->listen, USE_SOCKETS);
        check_pipes(c, w, "receive", w->receive, true);
        check_pipes(c, w, "send", w->send, false);
        check_group_name(c, w->group);
        check_workers(c, w, "after", w->after);
        check_workers(c, w, "requires", w->requires);
        check_workers(c, w, "conflicts", w->conflicts);
        check_io(c, w);
        check_worker_sockets(c, w);
        check_start(c, w);
        if (w->io != WORKER_IO_NONE && !was_written(c, "ready"))
                w->ready = WORKER_READY_LIBRARY;
        if (w->ready == WORKER_READY_LIBRARY && w->io == WORKER_IO_NONE && !was_written(c, "io") && !has_objects(c) &&
            w->heartbeat_usec == USEC_INFINITY && w->standby == 0)
                complain(c, "ready", "a program without rings, services and locks cannot join the library; use notify");
        check_ready(c, w);
        check_probes(c, w);
        check_liveness(c, w);
        check_kind_of_run(c, w);
        check_end_action(c, w);
        check_log(c, w);
        check_standby(c, w);
        check_scaling(c, w);
        check_place(c, w);
        check_dynamic_user(c, w);
        check_isolation(c, w);
        if (w->restart_delay_max_usec < w->restart_delay_usec) {
                if (was_written(c, "restart-delay-max"))
                        complain(c, "restart-delay-max", "it is less than restart-delay");
                w->restart_delay_max_usec = w->restart_delay_usec;
        }
}

/* ---- names ------------------------------------------------------------------------------------- */

static bool same_namespace(const struct outline_section *x, const struct outline_section *y) {
        return (x->kind < CONFIG_WORKER) == (y->kind < CONFIG_WORKER);
}

/* What has no name is there once. */
static void check_daemon(const struct checker *c, size_t before) {
        if (before > 0)
                config_errors_add(c->errors, c->config->path, c->section->line, "daemon: it is there already, in line %u",
                                  c->config->daemons[0]->line);
}

static int compare_sections(const void *a, const void *b) {
        const struct outline_section *x = *(struct outline_section *const *)a,
                                     *y = *(struct outline_section *const *)b;
        int r = (y->kind < CONFIG_WORKER) - (x->kind < CONFIG_WORKER);

        r = r ?: strcmp(x->name ?: "", y->name ?: "");
        return r ?: (x->line > y->line) - (x->line < y->line);
}

/* Sorted by name, those of one name are neighbours. */
static int check_names(const struct checker *c) {
        _cleanup_(freep) const struct outline_section **sorted = calloc(c->outline->n + 1, sizeof *sorted);
        const struct outline_section *first = NULL;

        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < c->outline->n; i++)
                sorted[i] = &c->outline->sections[i];
        qsort(sorted, c->outline->n, sizeof *sorted, compare_sections);
        for (size_t i = 0; i < c->outline->n; i++) {
                const struct outline_section *s = sorted[i];

                if (!first || !s->name || !first->name || !same_namespace(s, first) || strcmp(s->name, first->name) != 0)
                        first = s;
                else if (s->kind == first->kind)
                        config_errors_add(c->errors, c->config->path, s->line,
                                          "%s '%s': it is defined already, in line %u",
                                          config_section_names[s->kind], s->name, first->line);
                else
                        config_errors_add(c->errors, c->config->path, s->line,
                                          "%s '%s': the name is that of %s already, in line %u",
                                          config_section_names[s->kind], s->name, config_section_articles[first->kind],
                                          first->line);
        }
        return 0;
}

int config_check_semantics(struct config *config, const struct outline *outline,
                           struct config_errors *errors) {
        _cleanup_(freep) struct ends *ends = calloc(config->n_objects + 1, sizeof *ends);
        struct checker c = { .config = config, .outline = outline, .ends = ends, .errors = errors };
        size_t objects = 0, listens = 0, workers = 0, groups = 0, daemons = 0;
        int r;

        if (!ends)
                return -ENOMEM;
        for (size_t i = 0; i < outline->n; i++) {
                c.section = &outline->sections[i];
                if (c.section->kind == CONFIG_LISTEN)
                        check_listen(&c, config->listens[listens++]);
                else if (c.section->kind == CONFIG_WORKER)
                        check_worker(&c, config->workers[workers++]);
                else if (c.section->kind == CONFIG_GROUP)
                        check_group(&c, config->groups[groups++]);
                else if (c.section->kind == CONFIG_DAEMON)
                        check_daemon(&c, daemons++);
                else
                        check_object(&c, config->objects[objects++]);
        }
        for (size_t i = 0; i < config->n_workers; i++) {
                const struct worker_definition *w = config->workers[i];

                config->ordered |= w->after[0] || w->requires[0] || w->conflicts[0];
        }
        r = config->ordered ? check_cycles(&c) : 0;
        if (r >= 0)
                r = check_names(&c);
        return r < 0 ? r : check_addresses(&c);
}
