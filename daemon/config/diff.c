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
_Static_assert(offsetof(struct object_definition, name) == 0 && offsetof(struct listen_definition, name) == 0 && offsetof(struct worker_definition, name) == 0 &&
               offsetof(struct group_definition, name) == 0 && offsetof(struct daemon_definition, name) == 0,
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

static void add_object(struct config_diff *d, enum config_change_kind kind, const void *from, const void *to) {
        d->changes[d->n++] = (struct config_change){
                .kind = kind, .name = name_of(to ?: from), .old_object = from, .new_object = to,
        };
}

static void add_worker(struct config_diff *d, enum config_change_kind kind, const void *from, const void *to) {
        d->changes[d->n++] = (struct config_change){
                .kind = kind,
                .name = name_of(to ?: from),
                .old_worker = from,
                .new_worker = to,
                .restart = kind == CONFIG_CHANGED &&
                           worker_definition_hash(from) != worker_definition_hash(to),
        };
}

static void add_listen(struct config_diff *d, enum config_change_kind kind, const void *from, const void *to) {
        d->changes[d->n++] = (struct config_change){
                .kind = kind, .name = name_of(to ?: from), .old_listen = from, .new_listen = to,
        };
}

static void add_group(struct config_diff *d, enum config_change_kind kind, const void *from, const void *to) {
        d->changes[d->n++] = (struct config_change){
                .kind = kind, .name = name_of(to ?: from), .old_group = from, .new_group = to,
        };
}

static void add_daemon(struct config_diff *d, enum config_change_kind kind, const void *from, const void *to) {
        d->changes[d->n++] = (struct config_change){
                .kind = kind, .name = name_of(to ?: from), .old_daemon = from, .new_daemon = to,
        };
}

/** The definitions of one kind on both sides, and what the kind knows of them. */
struct sides {
        void *const *from, *const *to;
        size_t n_from, n_to;
        bool (*is_equal)(const void *from, const void *to);
        void (*add)(struct config_diff *d, enum config_change_kind kind, const void *from, const void *to);
};

static bool is_equal_object(const void *from, const void *to) {
        return object_definition_equal(from, to);
}

static bool is_equal_listen(const void *from, const void *to) {
        return listen_definition_equal(from, to);
}

static bool is_equal_group(const void *from, const void *to) {
        return group_definition_equal(from, to);
}

static bool is_equal_daemon(const void *from, const void *to) {
        return daemon_definition_equal(from, to);
}

/* A worker is another one, too, if the sockets that it is given are. */
static bool is_equal_worker(const void *from, const void *to) {
        return worker_definition_equal(from, to) && worker_definition_hash(from) == worker_definition_hash(to);
}

static int diff_sides(struct config_diff *d, const struct sides *s) {
        _cleanup_(index_done) struct index old = { 0 }, new = { 0 };

        if (index_init(&old, s->from, s->n_from) < 0 || index_init(&new, s->to, s->n_to) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_from; i++)
                if (!index_find(&new, name_of(s->from[i])))
                        s->add(d, CONFIG_REMOVED, s->from[i], NULL);
        for (size_t i = 0; i < s->n_to; i++) {
                const void *before = index_find(&old, name_of(s->to[i]));

                if (!before)
                        s->add(d, CONFIG_ADDED, NULL, s->to[i]);
                else if (!s->is_equal(before, s->to[i]))
                        s->add(d, CONFIG_CHANGED, before, s->to[i]);
        }
        return 0;
}

#define SIDES(from, to, kind, of_is_equal, of_add) \
        (&(const struct sides){ (void *const *)(from)->kind, (void *const *)(to)->kind, (from)->n_##kind, (to)->n_##kind, \
                                of_is_equal, of_add })

static int diff_all(struct config_diff *d, const struct config *from, const struct config *to) {
        int r;

        r = diff_sides(d, SIDES(from, to, objects, is_equal_object, add_object));
        if (r >= 0)
                r = diff_sides(d, SIDES(from, to, listens, is_equal_listen, add_listen));
        if (r >= 0)
                r = diff_sides(d, SIDES(from, to, workers, is_equal_worker, add_worker));
        if (r >= 0)
                r = diff_sides(d, SIDES(from, to, groups, is_equal_group, add_group));
        return r < 0 ? r : diff_sides(d, SIDES(from, to, daemons, is_equal_daemon, add_daemon));
}

int config_diff(const struct config *from, const struct config *to, struct config_diff *ret) {
        static const struct config nothing = { 0 };
        _cleanup_(config_diff_done) struct config_diff diff = { 0 };

        from = from ?: &nothing;
        diff.changes = calloc(from->n_objects + to->n_objects + from->n_listens + to->n_listens + from->n_workers +
                              to->n_workers + from->n_groups + to->n_groups + from->n_daemons + to->n_daemons + 1,
                              sizeof *diff.changes);
        if (!diff.changes || diff_all(&diff, from, to) < 0)
                return -ENOMEM;
        *ret = TAKE_GENERIC(diff, ((struct config_diff){ 0 }));
        return 0;
}

static const char *first_key(enum config_section section, const void *from, const void *to) {
        config_for_each_key(key, section)
                if (!key_equal(key, from, to))
                        return key->name;
        return "kind";
}

const char *config_change_key(const struct config_change *change) {
        const struct object_definition *from = change->old_object, *to = change->new_object;

        if (change->new_listen)
                return first_key(CONFIG_LISTEN, change->old_listen, change->new_listen);
        return from->section == to->section ? first_key(to->section, from, to) : "kind";
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

        if (c->new_group)
                print_keys(CONFIG_GROUP, c->old_group, c->new_group, out);
        else if (c->new_daemon)
                print_keys(CONFIG_DAEMON, c->old_daemon, c->new_daemon, out);
        else if (c->new_listen)
                print_keys(CONFIG_LISTEN, c->old_listen, c->new_listen, out);
        else if (c->new_worker && worker_definition_equal(c->old_worker, c->new_worker))
                fputs(": its sockets", out);
        else if (c->new_worker)
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
        if (c->old_daemon || c->new_daemon)
                return CONFIG_DAEMON;
        if (object)
                return object->section;
        return c->new_listen || c->old_listen ? CONFIG_LISTEN : CONFIG_WORKER;
}

bool config_change_moves(const struct config_change *c) {
        if (c->old_object->section != c->new_object->section)
                return true;
        config_for_each_key(key, c->new_object->section)
                if (key->effect != CONFIG_EFFECT_LIVE && !key_equal(key, c->old_object, c->new_object))
                        return true;
        return false;
}

void config_diff_print(const struct config_diff *diff, FILE *out) {
        static const char *const words[] = {
                [CONFIG_ADDED] = "added", [CONFIG_REMOVED] = "removed", [CONFIG_CHANGED] = "changed",
        };

        for (size_t i = 0; i < diff->n; i++) {
                const struct config_change *c = &diff->changes[i];

                fprintf(out, "%-8s %s%s%s", words[c->kind], config_section_names[section_of(c)],
                        *c->name ? " " : "", c->name);
                if (c->kind == CONFIG_CHANGED)
                        print_change(c, out);
                if (c->restart)
                        fputs(" (its processes are replaced)", out);
                else if (c->kind == CONFIG_CHANGED && c->new_object && config_change_moves(c))
                        fputs(" (what is in it stays; who has it is restarted)", out);
                fputc('\n', out);
        }
}
