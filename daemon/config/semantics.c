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
#include "shm/broadcast.h"
#include "shm/pipe.h"

/** The memory of one ring; the limit of one that was meant has been passed long before. */
#define RING_SIZE_MAX (UINT64_C(1) << 36)
/** A heap whose size is not given holds so many of the longest messages. */
#define HEAP_LONGEST 16

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
static unsigned int line_of(const struct checker *c, const char *name) {
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
        else if (w->instances > 1)
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

/* ---- order --------------------------------------------------------------------------------------- */

/** The nearest name of definitions of one kind, which begin with it. */
static const char *nearest_name(const char *name, void *const *definitions, size_t n) {
        size_t best = strlen(name) / 3 + 1;
        const char *found = NULL;

        for (size_t i = 0; i < n; i++) {
                const char *other = *(const char *const *)definitions[i];
                size_t d = text_distance(name, other);

                if (d < best || (d == best && !found)) {
                        best = d;
                        found = other;
                }
        }
        return found;
}

static void check_workers(const struct checker *c, const struct worker_definition *w, const char *key, char *const *names) {
        for (; *names; names++) {
                const char *nearest;

                if (strcmp(*names, w->name) == 0)
                        complain(c, key, "it is itself");
                else if (!config_worker(c->config, *names)) {
                        nearest = nearest_name(*names, (void *const *)c->config->workers, c->config->n_workers);
                        if (nearest && strcmp(nearest, w->name) != 0)
                                complain(c, key, "there is no worker '%s'; did you mean '%s'?", *names, nearest);
                        else
                                complain(c, key, "there is no worker '%s'", *names);
                }
        }
}

/** How far the search for cycles is with a worker. */
enum visit { NOT_VISITED, ON_PATH, VISITED };

struct search {
        const struct checker *c;
        enum visit *visits;             /* of config->workers */
        const struct worker_definition **path;
        size_t length;
};

static void complain_cycle(const struct search *s, const struct worker_definition *again) {
        char text[512] = "";
        size_t at = 0, used = 0;

        while (s->path[at] != again)
                at++;
        for (size_t i = at; i < s->length && used < sizeof text; i++)
                used += (size_t)snprintf(text + used, sizeof text - used, "%s after ", s->path[i]->name);
        config_errors_add(s->c->errors, s->c->config->path, again->line, "worker '%s': nobody can start first: %s%s",
                          again->name, text, again->name);
}

static void search_from(struct search *s, size_t i);

static void search_list(struct search *s, char *const *names) {
        const struct config *config = s->c->config;

        for (; *names; names++)
                for (size_t i = 0; i < config->n_workers; i++) {
                        if (strcmp(config->workers[i]->name, *names) != 0)
                                continue;
                        if (s->visits[i] == ON_PATH && config->workers[i] != s->path[s->length - 1])
                                complain_cycle(s, config->workers[i]);
                        else if (s->visits[i] == NOT_VISITED)
                                search_from(s, i);
                        break;
                }
}

static void search_from(struct search *s, size_t i) {
        const struct worker_definition *w = s->c->config->workers[i];

        s->visits[i] = ON_PATH;
        s->path[s->length++] = w;
        search_list(s, w->after);
        search_list(s, w->requires);
        s->length--;
        s->visits[i] = VISITED;
}

/** As deep as there are workers, which are bounded. */
static int check_cycles(const struct checker *c) {
        size_t n = c->config->n_workers;
        _cleanup_(freep) enum visit *visits = calloc(n + 1, sizeof *visits);
        _cleanup_(freep) const struct worker_definition **path = calloc(n + 1, sizeof *path);
        struct search s = { .c = c, .visits = visits, .path = path };

        if (!visits || !path)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (visits[i] == NOT_VISITED)
                        search_from(&s, i);
        return 0;
}

/* ---- groups ------------------------------------------------------------------------------------ */

static void check_group_name(const struct checker *c, const char *name) {
        const char *nearest;

        if (!name || config_group(c->config, name))
                return;
        nearest = nearest_name(name, (void *const *)c->config->groups, c->config->n_groups);
        if (nearest)
                complain(c, "group", "there is no group '%s'; did you mean '%s'?", name, nearest);
        else
                complain(c, "group", "there is no group '%s'", name);
}

/** A group that is in itself, told once for each: of groups there are few. */
static void check_group(const struct checker *c, const struct group_definition *g) {
        const struct group_definition *around = g;

        check_group_name(c, g->group);
        for (size_t i = 0; i < c->config->n_groups && around && around->group; i++) {
                around = config_group(c->config, around->group);
                if (around != g)
                        continue;
                complain(c, "group", strcmp(g->group, g->name) == 0 ? "it is itself" : "'%s' is in this one", g->group);
                return;
        }
}

/* ---- what ends by itself ----------------------------------------------------------------------- */

static void check_kind_of_run(const struct checker *c, struct worker_definition *w) {
        static const char *const needs_every[] = { "overlap", "jitter" };
        bool every = w->every_usec != USEC_INFINITY;

        for (size_t i = 0; i < ARRAY_SIZE(needs_every); i++)
                if (was_written(c, needs_every[i]) && !every && !was_written(c, "every"))
                        complain(c, needs_every[i], "only with every = TIME");
        if (every && w->jitter_usec >= w->every_usec)
                complain(c, "jitter", "it is not less than every");
        if (w->type != WORKER_ONESHOT && !every)
                return;
        if (!was_written(c, "restart"))
                w->restart = RESTART_NEVER;
        else if (w->restart == RESTART_ALWAYS)
                complain(c, "restart", "not always with %s: it is to end",
                         w->type == WORKER_ONESHOT ? "type = oneshot" : "every");
        if (w->type != WORKER_ONESHOT)
                return;
        if (was_written(c, "ready"))
                complain(c, "ready", "not with type = oneshot: it is ready when it has ended well");
        if (w->io != WORKER_IO_NONE)
                complain(c, "io", "not with type = oneshot: it serves messages for as long as it runs");
        if (!was_written(c, "ready-timeout"))
                w->ready_timeout_usec = config_key_find(CONFIG_WORKER, "ready-timeout")->max;
}

/* An address goes with its kind of probe. */
static void check_address(const struct checker *c, const char *key, const char *of, enum probe_kind kind,
                          const char *address) {
        struct probe_address parsed;

        if (kind == PROBE_NONE && address && !is_doubtful(c, of))
                complain(c, key, "only with %s = tcp, unix or http", of);
        else if (kind != PROBE_NONE && !address && !was_written(c, key))
                complain(c, of, "%s is missing", key);
        else if (kind != PROBE_NONE && address && probe_address_parse(kind, address, &parsed) < 0)
                complain(c, key, "'%s' is not an address for %s = %s", address, of, probe_words[kind]);
}

static void check_probes(const struct checker *c, const struct worker_definition *w) {
        check_address(c, "ready-address", "ready", ready_probe(w->ready), w->ready_address);
        check_address(c, "health-address", "health", w->health, w->health_address);
        if (w->ready == WORKER_READY_LOG && !w->ready_log && !was_written(c, "ready-log"))
                complain(c, "ready", "ready-log is missing");
        if (w->ready != WORKER_READY_LOG && w->ready_log && !is_doubtful(c, "ready"))
                complain(c, "ready-log", "only with ready = log");
}

/* What a program says of itself. */
static void check_ready(const struct checker *c, const struct worker_definition *w) {
        const struct {
                const char *key;
                bool is_set;
        } main_process_only[] = {
                { "ready-fd", w->ready_fd >= 0 },
                { "watchdog", w->watchdog_usec != USEC_INFINITY },
                { "fd-store-max", w->fd_store_max > 0 },
        };

        size_t n_before = count_worker_sockets(c, w) + w->fd_store_max;

        if (w->ready == WORKER_READY_FD && !was_written(c, "ready-fd"))
                complain(c, "ready", "ready-fd is missing");
        if (w->ready != WORKER_READY_FD && w->ready_fd >= 0 && !is_doubtful(c, "ready"))
                complain(c, "ready-fd", "only with ready = fd");
        if (w->ready_fd >= 0 && (size_t)w->ready_fd < 3 + n_before)
                complain(c, "ready-fd", "the descriptors from 3 to %zu are for its sockets and what is stored", 2 + n_before);
        for (size_t i = 0; i < ARRAY_SIZE(main_process_only) && w->io != WORKER_IO_NONE; i++)
                if (main_process_only[i].is_set)
                        complain(c, main_process_only[i].key, "not with io = %s, where the bridge is the main process",
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
        if (w->ready == WORKER_READY_LIBRARY && w->io == WORKER_IO_NONE && !was_written(c, "io") && !has_objects(c))
                complain(c, "ready", "a program without rings, services and locks cannot join the library; use notify");
        check_ready(c, w);
        check_probes(c, w);
        check_kind_of_run(c, w);
        if (w->restart_delay_max_usec < w->restart_delay_usec) {
                if (was_written(c, "restart-delay-max"))
                        complain(c, "restart-delay-max", "it is less than restart-delay");
                w->restart_delay_max_usec = w->restart_delay_usec;
        }
}

/* ---- objects ----------------------------------------------------------------------------------- */

/* "queue", or "pipe or broadcast" */
static const char *kinds_of(const struct config_key *key, char *buf, size_t size) {
        const char *words[_OBJECT_KIND_N + 1] = { NULL };
        size_t n = 0;

        for (int kind = RING_KIND_FIRST; kind < _OBJECT_KIND_N; kind++)
                if (key->kinds >> kind & 1)
                        words[n++] = ring_kind_words[kind - RING_KIND_FIRST];
        words_join(words, buf, size);
        return buf;
}

/* Something is written that means nothing. @return false: it cannot be told what the object is to be. */
static bool check_keys(const struct checker *c, const struct object_definition *o) {
        bool good = true;
        char kinds[64];

        config_for_each_key(key, o->section) {
                if (object_definition_takes(o, key) || !was_written(c, key->name))
                        continue;
                if (!config_key_fits(key, o->kind)) {
                        complain(c, key->name, "a %s has no such key; only with kind = %s",
                                 ring_kind_words[o->kind - RING_KIND_FIRST], kinds_of(key, kinds, sizeof kinds));
                        good = false;
                } else if (o->kind == OBJECT_SERVICE && !is_doubtful(c, "idempotent"))
                        complain(c, key->name, "only with idempotent = yes: else a call is tried once");
                else if (o->kind == OBJECT_BROADCAST && !is_doubtful(c, "policy"))
                        complain(c, key->name, "only with another policy: to a lossy broadcast any number can subscribe");
        }
        return good;
}

static void check_size(const struct checker *c, const struct object_definition *o, const char *size_key,
                       uint32_t size_each) {
        char size[SIZE_FORMAT_MAX], most[SIZE_FORMAT_MAX];
        uint64_t bytes = (uint64_t)o->slots * size_each;

        if (bytes > RING_SIZE_MAX)
                config_errors_add(c->errors, c->config->path, line_of(c, "slots"),
                                  "%s '%s': slots times %s is %s; the most is %s",
                                  config_section_names[o->section], c->section->name ?: "", size_key,
                                  size_format(size, sizeof size, bytes), size_format(most, sizeof most, RING_SIZE_MAX));
}

/* Where nothing is said of the longest message, it is no longer than the ring allows. */
static void check_message_max(const struct checker *c, struct object_definition *o, uint32_t most, const char *what) {
        char size[SIZE_FORMAT_MAX], limit[SIZE_FORMAT_MAX];

        if (o->message_max <= most)
                return;
        if (was_written(c, "message-max"))
                complain(c, "message-max", "%s is too long for %s; the most is %s",
                         size_format(size, sizeof size, o->message_max), what, size_format(limit, sizeof limit, most));
        o->message_max = most;
}

/* What a slot does not hold goes into the heap. */
static void check_heap(const struct checker *c, struct object_definition *o) {
        char size[SIZE_FORMAT_MAX];

        if (o->message_max <= o->slot_size) {
                if (o->heap_size > 0 && !is_doubtful(c, "message-max") && !is_doubtful(c, "slot-size"))
                        complain(c, "heap-size", "only with a message-max above slot-size: a slot holds every message");
                o->heap_size = 0;
        } else if (!was_written(c, "heap-size") || is_doubtful(c, "heap-size")) {
                o->heap_size = HEAP_LONGEST * o->message_max;
        } else if (o->heap_size < o->message_max) {
                complain(c, "heap-size", "it does not hold a message of %s (message-max)",
                         size_format(size, sizeof size, o->message_max));
                o->heap_size = o->message_max;
        }
}

/* Of slot-size and message-max, one that is not given follows the other. */
static void check_queue(const struct checker *c, struct object_definition *o) {
        char size[SIZE_FORMAT_MAX];

        if (!was_written(c, "message-max") || is_doubtful(c, "message-max"))
                o->message_max = o->slot_size;
        check_message_max(c, o, QUEUE_MESSAGE_MAX, "a queue");
        if (!was_written(c, "slot-size"))
                o->slot_size = MIN(o->slot_size, o->message_max);
        if (o->message_max < o->slot_size) {
                if (!is_doubtful(c, "slot-size"))
                        complain(c, "message-max", "it is less than slot-size, %s: a slot would never be full",
                                 size_format(size, sizeof size, o->slot_size));
                o->message_max = o->slot_size;
        }
        check_heap(c, o);
}

static void check_object(const struct checker *c, struct object_definition *o) {
        struct geometry g;

        if (!check_keys(c, o))
                return;
        switch (o->kind) {
        case OBJECT_QUEUE:
                check_queue(c, o);
                check_size(c, o, "slot-size", o->slot_size);
                break;
        case OBJECT_SERVICE:
                check_size(c, o, "message-max", o->message_max);
                break;
        case OBJECT_PIPE:
                check_message_max(c, o, pipe_message_max(o->capacity), "this capacity");
                break;
        case OBJECT_BROADCAST:
                check_message_max(c, o, broadcast_message_limit(o->capacity), "this capacity");
                break;
        default:
                break;
        }
        g = object_definition_geometry(o);
        /* What the kind itself thinks of it; its limits were told with their keys before. */
        if (geometry_check(&g) < 0)
                config_errors_add(c->errors, c->config->path, c->section->line, "%s '%s': these numbers do not go together",
                                  config_section_names[o->section], c->section->name ?: "");
}

/* ---- names ------------------------------------------------------------------------------------- */

static bool same_namespace(const struct outline_section *x, const struct outline_section *y) {
        return (x->kind < CONFIG_WORKER) == (y->kind < CONFIG_WORKER);
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
        size_t objects = 0, listens = 0, workers = 0, groups = 0;
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
