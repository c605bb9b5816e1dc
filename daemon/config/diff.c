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
        const char *(*name)(const void *definition);
};

static const char *ring_name(const void *definition) {
        return ((const struct ring_definition *)definition)->name;
}

static const char *worker_name(const void *definition) {
        return ((const struct worker_definition *)definition)->name;
}

static int compare_rings(const void *a, const void *b) {
        return strcmp(ring_name(*(void *const *)a), ring_name(*(void *const *)b));
}

static int compare_workers(const void *a, const void *b) {
        return strcmp(worker_name(*(void *const *)a), worker_name(*(void *const *)b));
}

static void index_done(struct index *i) {
        free(i->sorted);
}

static int index_init(struct index *i, enum config_section kind, void *const *definitions, size_t n) {
        i->name = kind == CONFIG_RING ? ring_name : worker_name;
        i->n = n;
        i->sorted = calloc(n + 1, sizeof *i->sorted);
        if (!i->sorted)
                return -ENOMEM;
        for (size_t k = 0; k < n; k++)
                i->sorted[k] = definitions[k];
        qsort(i->sorted, n, sizeof *i->sorted, kind == CONFIG_RING ? compare_rings : compare_workers);
        return 0;
}

static void *index_find(const struct index *i, const char *name) {
        size_t low = 0, high = i->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int r = strcmp(name, i->name(i->sorted[middle]));

                if (r == 0)
                        return i->sorted[middle];
                if (r < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

static void add_ring(struct config_diff *d, enum config_change_kind kind, const struct ring_definition *from,
                     const struct ring_definition *to) {
        d->changes[d->n++] = (struct config_change){
                .kind = kind, .name = (to ?: from)->name, .old_ring = from, .new_ring = to,
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

static int diff_rings(struct config_diff *d, const struct config *from, const struct config *to) {
        _cleanup_(index_done) struct index old = { 0 }, new = { 0 };

        if (index_init(&old, CONFIG_RING, (void *const *)from->rings, from->n_rings) < 0 ||
            index_init(&new, CONFIG_RING, (void *const *)to->rings, to->n_rings) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < from->n_rings; i++)
                if (!index_find(&new, from->rings[i]->name))
                        add_ring(d, CONFIG_REMOVED, from->rings[i], NULL);
        for (size_t i = 0; i < to->n_rings; i++) {
                struct ring_definition *before = index_find(&old, to->rings[i]->name);

                if (!before)
                        add_ring(d, CONFIG_ADDED, NULL, to->rings[i]);
                else if (!ring_definition_equal(before, to->rings[i]))
                        add_ring(d, CONFIG_CHANGED, before, to->rings[i]);
        }
        return 0;
}

static int diff_workers(struct config_diff *d, const struct config *from, const struct config *to) {
        _cleanup_(index_done) struct index old = { 0 }, new = { 0 };

        if (index_init(&old, CONFIG_WORKER, (void *const *)from->workers, from->n_workers) < 0 ||
            index_init(&new, CONFIG_WORKER, (void *const *)to->workers, to->n_workers) < 0)
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

int config_diff(const struct config *from, const struct config *to, struct config_diff *ret) {
        static const struct config nothing = { 0 };
        _cleanup_(config_diff_done) struct config_diff diff = { 0 };

        from = from ?: &nothing;
        diff.changes = calloc(from->n_rings + to->n_rings + from->n_workers + to->n_workers + 1,
                              sizeof *diff.changes);
        if (!diff.changes || diff_rings(&diff, from, to) < 0 || diff_workers(&diff, from, to) < 0)
                return -ENOMEM;
        *ret = TAKE_GENERIC(diff, ((struct config_diff){ 0 }));
        return 0;
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

void config_diff_print(const struct config_diff *diff, FILE *out) {
        static const char *const words[] = {
                [CONFIG_ADDED] = "added", [CONFIG_REMOVED] = "removed", [CONFIG_CHANGED] = "changed",
        };

        for (size_t i = 0; i < diff->n; i++) {
                const struct config_change *c = &diff->changes[i];
                enum config_section section = c->old_ring || c->new_ring ? CONFIG_RING : CONFIG_WORKER;

                fprintf(out, "%-8s %s %s", words[c->kind], config_section_names[section], c->name);
                if (c->kind == CONFIG_CHANGED && section == CONFIG_RING)
                        print_keys(section, c->old_ring, c->new_ring, out);
                else if (c->kind == CONFIG_CHANGED)
                        print_keys(section, c->old_worker, c->new_worker, out);
                fputc('\n', out);
        }
}
