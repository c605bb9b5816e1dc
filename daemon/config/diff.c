/* SPDX-License-Identifier: MIT */

/*
 * Differences between two configurations
 *
 * A reload shows them first, and touches what is in them and nothing else.
 */

#include <errno.h>
#include <string.h>

#include "daemon/config/config.h"
#include "daemon/config/keys.h"

/* Definitions of one kind, by name: found in logarithmic time, since both sides may have thousands. */
struct index {
        void **sorted;
        size_t n;
};

/* Every kind of definition begins with it. */
static const char *name_of(const void *definition) {
        return *(const char *const *)definition;
}
_Static_assert(offsetof(struct object_definition, name) == 0 && offsetof(struct worker_definition, name) == 0 &&
               offsetof(struct group_definition, name) == 0,
               "definitions begin with their name");

static int compare_names(const void *a, const void *b) {
        return strcmp(name_of(*(void *const *)a), name_of(*(void *const *)b));
}

static void index_done(struct index *i) {
        free(i->sorted);
}

static int index_init(struct index *i, void *const *definitions, size_t n) {
        i->n = n;
        i->sorted = calloc(n + 1, sizeof *i->sorted);
        if (!i->sorted)
                return -ENOMEM;
        for (size_t k = 0; k < n; k++)
                i->sorted[k] = definitions[k];
        qsort(i->sorted, n, sizeof *i->sorted, compare_names);
        return 0;
}

static void *index_find(const struct index *i, const char *name) {
        size_t low = 0, high = i->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int r = strcmp(name, name_of(i->sorted[middle]));

                if (r == 0)
                        return i->sorted[middle];
                if (r < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

static void add_object(struct config_diff *d, enum config_change_kind kind, const struct object_definition *from,
                       const struct object_definition *to) {
        d->changes[d->n++] = (struct config_change){
                .kind = kind, .name = (to ?: from)->name, .old_object = from, .new_object = to,
        };
}

static void add_worker(struct config_diff *d, enum config_change_kind kind,
                       const struct worker_definition *from, const struct worker_definition *to) {
        d->changes[d->n++] = (struct config_change){
                .kind = kind,
                .name = (to ?: from)->name,
                .old_worker = from,
                .new_worker = to,
                .restart = kind == CONFIG_CHANGED &&
                           worker_definition_hash(from) != worker_definition_hash(to),
        };
}

static int diff_objects(struct config_diff *d, const struct config *from, const struct config *to) {
        _cleanup_(index_done) struct index old = { 0 }, new = { 0 };

        if (index_init(&old, (void *const *)from->objects, from->n_objects) < 0 ||
            index_init(&new, (void *const *)to->objects, to->n_objects) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < from->n_objects; i++)
                if (!index_find(&new, from->objects[i]->name))
                        add_object(d, CONFIG_REMOVED, from->objects[i], NULL);
        for (size_t i = 0; i < to->n_objects; i++) {
                struct object_definition *before = index_find(&old, to->objects[i]->name);

                if (!before)
                        add_object(d, CONFIG_ADDED, NULL, to->objects[i]);
                else if (!object_definition_equal(before, to->objects[i]))
                        add_object(d, CONFIG_CHANGED, before, to->objects[i]);
        }
        return 0;
}

static int diff_workers(struct config_diff *d, const struct config *from, const struct config *to) {
        _cleanup_(index_done) struct index old = { 0 }, new = { 0 };

        if (index_init(&old, (void *const *)from->workers, from->n_workers) < 0 ||
            index_init(&new, (void *const *)to->workers, to->n_workers) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < from->n_workers; i++)
                if (!index_find(&new, from->workers[i]->name))
                        add_worker(d, CONFIG_REMOVED, from->workers[i], NULL);
        for (size_t i = 0; i < to->n_workers; i++) {
                struct worker_definition *before = index_find(&old, to->workers[i]->name);

                if (!before)
                        add_worker(d, CONFIG_ADDED, NULL, to->workers[i]);
                else if (!worker_definition_equal(before, to->workers[i]))
                        add_worker(d, CONFIG_CHANGED, before, to->workers[i]);
        }
        return 0;
}

static void add_group(struct config_diff *d, enum config_change_kind kind, const struct group_definition *from,
                      const struct group_definition *to) {
        d->changes[d->n++] = (struct config_change){
                .kind = kind, .name = (to ?: from)->name, .old_group = from, .new_group = to,
        };
}

static int diff_groups(struct config_diff *d, const struct config *from, const struct config *to) {
        _cleanup_(index_done) struct index old = { 0 }, new = { 0 };

        if (index_init(&old, (void *const *)from->groups, from->n_groups) < 0 ||
            index_init(&new, (void *const *)to->groups, to->n_groups) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < from->n_groups; i++)
                if (!index_find(&new, from->groups[i]->name))
                        add_group(d, CONFIG_REMOVED, from->groups[i], NULL);
        for (size_t i = 0; i < to->n_groups; i++) {
                struct group_definition *before = index_find(&old, to->groups[i]->name);

                if (!before)
                        add_group(d, CONFIG_ADDED, NULL, to->groups[i]);
                else if (!group_definition_equal(before, to->groups[i]))
                        add_group(d, CONFIG_CHANGED, before, to->groups[i]);
        }
        return 0;
}

int config_diff(const struct config *from, const struct config *to, struct config_diff *ret) {
        static const struct config nothing = { 0 };
        _cleanup_(config_diff_done) struct config_diff diff = { 0 };

        from = from ?: &nothing;
        diff.changes = calloc(from->n_objects + to->n_objects + from->n_workers + to->n_workers + from->n_groups +
                                      to->n_groups + 1,
                              sizeof *diff.changes);
        if (!diff.changes || diff_objects(&diff, from, to) < 0 || diff_workers(&diff, from, to) < 0 ||
            diff_groups(&diff, from, to) < 0)
                return -ENOMEM;
        *ret = TAKE_GENERIC(diff, ((struct config_diff){ 0 }));
        return 0;
}

const char *config_change_key(const struct config_change *change) {
        const struct object_definition *from = change->old_object, *to = change->new_object;

        if (from->section == to->section)
                config_for_each_key(key, to->section)
                        if (!key_equal(key, from, to))
                                return key->name;
        return "kind";
}

void config_diff_done(struct config_diff *diff) {
        free(diff->changes);
        *diff = (struct config_diff){ 0 };
}

/* ---- for people -------------------------------------------------------------------------------- */

static void print_value(const struct config_key *key, const void *definition, FILE *out) {
        if (key->type->is_set(key_field_const(key, definition)))
                key->type->write(key, key_field_const(key, definition), out);
        else
                fputs("(none)", out);
}

static void print_keys(enum config_section section, const void *from, const void *to, FILE *out) {
        const char *separator = ": ";

        config_for_each_key(key, section) {
                if (key_equal(key, from, to))
                        continue;
                fprintf(out, "%s%s ", separator, key->name);
                print_value(key, from, out);
                fputs(" -> ", out);
                print_value(key, to, out);
                separator = ", ";
        }
}

static void print_change(const struct config_change *c, FILE *out) {
        const struct object_definition *from = c->old_object, *to = c->new_object;

        if (c->old_group)
                print_keys(CONFIG_GROUP, c->old_group, c->new_group, out);
        else if (!from && !to)
                print_keys(CONFIG_WORKER, c->old_worker, c->new_worker, out);
        else if (from->section == to->section)
                print_keys(to->section, from, to, out);
        else
                fprintf(out, ": it was %s", config_section_articles[from->section]);
}

static enum config_section section_of(const struct config_change *c) {
        const struct object_definition *object = c->new_object ?: c->old_object;

        if (c->old_group || c->new_group)
                return CONFIG_GROUP;
        return object ? object->section : CONFIG_WORKER;
}

void config_diff_print(const struct config_diff *diff, FILE *out) {
        static const char *const words[] = {
                [CONFIG_ADDED] = "added", [CONFIG_REMOVED] = "removed", [CONFIG_CHANGED] = "changed",
        };

        for (size_t i = 0; i < diff->n; i++) {
                const struct config_change *c = &diff->changes[i];

                fprintf(out, "%-8s %s %s", words[c->kind], config_section_names[section_of(c)], c->name);
                if (c->kind == CONFIG_CHANGED)
                        print_change(c, out);
                if (c->restart)
                        fputs(" (its processes are replaced)", out);
                fputc('\n', out);
        }
}
