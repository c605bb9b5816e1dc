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

/** The memory of one ring; the limit of one that was meant has been passed long before. */
#define RING_SIZE_MAX (UINT64_C(1) << 36)

struct checker {
        const struct config *config;
        const struct outline *outline;
        const struct outline_section *section;
        struct config_errors *errors;
};

static size_t key_number(const struct checker *c, const char *name) {
        return (size_t)(config_key_find(c->section->kind, name) - config_keys);
}

/* Was something written for this key, be it right or wrong? */
static bool was_written(const struct checker *c, const char *name) {
        size_t number = key_number(c, name);

        return c->section->lines[number] > 0 || c->section->meant[number];
}

/* The line of a key, or that of the section. */
static unsigned int line_of(const struct checker *c, const char *name) {
        unsigned int line = c->section->lines[key_number(c, name)];

        return line > 0 ? line : c->section->line;
}

static void _printf_(3, 4) complain(const struct checker *c, const char *key, const char *format, ...) {
        char message[512];
        va_list ap;

        va_start(ap, format);
        vsnprintf(message, sizeof message, format, ap);
        va_end(ap);
        config_errors_add(c->errors, c->config->path, line_of(c, key), "%s '%s': %s: %s",
                          config_section_names[c->section->kind], c->section->name ?: "", key, message);
}

static bool ring_exists(const struct checker *c, const char *name) {
        for (size_t i = 0; i < c->outline->n; i++)
                if (c->outline->sections[i].kind == CONFIG_RING && c->outline->sections[i].name &&
                    strcmp(c->outline->sections[i].name, name) == 0)
                        return true;
        return false;
}

/* Only for a message: the nearest name of a ring. */
static const char *nearest_ring(const struct checker *c, const char *name) {
        size_t best = strlen(name) / 3 + 1;
        const char *found = NULL;

        for (size_t i = 0; i < c->config->n_rings; i++) {
                size_t d = text_distance(name, c->config->rings[i]->name);

                if (d < best || (d == best && !found)) {
                        best = d;
                        found = c->config->rings[i]->name;
                }
        }
        return found;
}

static void check_rings(const struct checker *c, const char *key, char *const *names) {
        for (; *names; names++) {
                const char *nearest;

                if (ring_exists(c, *names))
                        continue;
                nearest = nearest_ring(c, *names);
                if (nearest)
                        complain(c, key, "there is no ring '%s'; did you mean '%s'?", *names, nearest);
                else
                        complain(c, key, "there is no ring '%s'", *names);
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

static void check_io(const struct checker *c, const struct worker_definition *w) {
        if (w->io_fds[0] >= 0 && w->io != WORKER_IO_LINES && w->io != WORKER_IO_FRAMES)
                complain(c, "io-fds", "only with io = lines or frames");
        if (w->io == WORKER_IO_NONE)
                return;
        if (lacks_ring(c, w))
                complain(c, "io", "a ring to receive from is missing; add receive = RING");
        if (length(w->receive) > 1)
                complain(c, "receive", "one ring at most with io = %s", worker_io_name(w->io));
        if (length(w->send) > 1)
                complain(c, "send", "one ring at most with io = %s", worker_io_name(w->io));
        if (w->ready == WORKER_READY_NOTIFY)
                complain(c, "ready", "with io = %s the bridge tells that it is ready: leave this out",
                         worker_io_name(w->io));
}

static void check_worker(const struct checker *c, struct worker_definition *w) {
        if (!w->exec[0] && !was_written(c, "exec"))
                config_errors_add(c->errors, c->config->path, c->section->line,
                                  "worker '%s': exec is missing", c->section->name ?: "");
        check_rings(c, "receive", w->receive);
        check_rings(c, "send", w->send);
        check_io(c, w);
        if (w->io != WORKER_IO_NONE && !was_written(c, "ready"))
                w->ready = WORKER_READY_LIBRARY;
        if (w->ready == WORKER_READY_LIBRARY && w->io == WORKER_IO_NONE && !w->receive[0] && !w->send[0] &&
            !was_written(c, "io") && !was_written(c, "receive") && !was_written(c, "send"))
                complain(c, "ready", "a program without rings cannot join the library; use notify");
        if (w->restart_delay_max_usec < w->restart_delay_usec) {
                if (was_written(c, "restart-delay-max"))
                        complain(c, "restart-delay-max", "it is less than restart-delay");
                w->restart_delay_max_usec = w->restart_delay_usec;
        }
}

static void check_ring(const struct checker *c, const struct ring_definition *r) {
        char size[SIZE_FORMAT_MAX], most[SIZE_FORMAT_MAX];
        uint64_t bytes = (uint64_t)r->slots * r->slot_size;

        if (bytes > RING_SIZE_MAX)
                config_errors_add(c->errors, c->config->path, line_of(c, "slots"),
                                  "ring '%s': slots times slot-size is %s; the most is %s",
                                  c->section->name ?: "", size_format(size, sizeof size, bytes),
                                  size_format(most, sizeof most, RING_SIZE_MAX));
}

static int compare_sections(const void *a, const void *b) {
        const struct outline_section *x = *(struct outline_section *const *)a,
                                     *y = *(struct outline_section *const *)b;
        int r = (x->kind > y->kind) - (x->kind < y->kind);

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

                if (!first || !s->name || !first->name || s->kind != first->kind ||
                    strcmp(s->name, first->name) != 0)
                        first = s;
                else
                        config_errors_add(c->errors, c->config->path, s->line,
                                          "%s '%s': it is defined already, in line %u",
                                          config_section_names[s->kind], s->name, first->line);
        }
        return 0;
}

int config_check_semantics(struct config *config, const struct outline *outline,
                           struct config_errors *errors) {
        struct checker c = { .config = config, .outline = outline, .errors = errors };
        size_t rings = 0, workers = 0;

        for (size_t i = 0; i < outline->n; i++) {
                c.section = &outline->sections[i];
                if (c.section->kind == CONFIG_RING)
                        check_ring(&c, config->rings[rings++]);
                else
                        check_worker(&c, config->workers[workers++]);
        }
        return check_names(&c);
}
