/* SPDX-License-Identifier: MIT */

/*
 * What must hold of order and groups: who is named is there, and nothing waits for itself
 */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "daemon/config/checker.h"

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

void check_workers(const struct checker *c, const struct worker_definition *w, const char *key, char *const *names) {
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

/* As deep as there are workers, which are bounded. */
int check_cycles(const struct checker *c) {
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

void check_group_name(const struct checker *c, const char *name) {
        const char *nearest;

        if (!name || config_group(c->config, name))
                return;
        nearest = nearest_name(name, (void *const *)c->config->groups, c->config->n_groups);
        if (nearest)
                complain(c, "group", "there is no group '%s'; did you mean '%s'?", name, nearest);
        else
                complain(c, "group", "there is no group '%s'", name);
}

/* Told once for each that is in itself: of groups there are few. */
void check_group(const struct checker *c, const struct group_definition *g) {
        const struct group_definition *around = g;

        check_end_actions(c, &g->end_actions);
        check_group_name(c, g->group);
        for (size_t i = 0; i < c->config->n_groups && around && around->group; i++) {
                around = config_group(c->config, around->group);
                if (around != g)
                        continue;
                complain(c, "group", strcmp(g->group, g->name) == 0 ? "it is itself" : "'%s' is in this one", g->group);
                return;
        }
}
