/* SPDX-License-Identifier: MIT */
/*
 * Deadlocks among all locks
 *
 * Locks are looked at one after the other while others work, so a first look may see what never was at one time. Hence a
 * second one: between the two, at the end of the first, everything stood that both of them saw, since what is held has a
 * mark that changes with each holding of it. Whatever is not in both counts as free.
 */

#include "daemon/lock-look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/policy/deadlock.h"

/* ---- a look at all of them --------------------------------------------------------------------- */

struct look {
        const struct gang_object **locks;
        struct lock_view *views;
        size_t n;
};

#define LOOK_NULL ((struct look){ 0 })

static void look_done(struct look *l) {
        for (size_t i = 0; i < l->n; i++)
                lock_view_done(&l->views[i]);
        free(l->locks);
        free(l->views);
        *l = LOOK_NULL;
}

static int look_at_all(struct gang_objects *objects, struct look *ret) {
        _cleanup_(look_done) struct look l = LOOK_NULL;
        size_t n = 0;
        int r;

        list_for_each(it, &objects->list)
                n++;
        l.locks = calloc(n + 1, sizeof *l.locks);
        l.views = calloc(n + 1, sizeof *l.views);
        if (!l.locks || !l.views)
                return -ENOMEM;
        list_for_each(it, &objects->list) {
                const struct gang_object *object = list_entry(it, struct gang_object, link);

                if (object_class_of(object->geometry.kind) != CLASS_LOCK)
                        continue;
                r = lock_look(object, &l.views[l.n]);
                if (r < 0)
                        return r;
                l.locks[l.n++] = object;
        }
        *ret = TAKE_GENERIC(l, LOOK_NULL);
        return 0;
}

/* Did the other look see the same? */
static bool is_in(const struct look *other, size_t lock, const struct lock_user *user) {
        if (!other)
                return true;
        for (size_t i = 0; i < other->views[lock].n_users; i++) {
                const struct lock_user *o = &other->views[lock].users[i];

                if (o->use == user->use && o->participant == user->participant && o->mark == user->mark)
                        return true;
        }
        return false;
}

/* ---- threads ----------------------------------------------------------------------------------- */

/* A thread, or a participant whose thread is not known. */
struct actor {
        const struct membership *who;
        uint32_t thread;
        const struct gang_object *lock; /* of a participant; else NULL */
        uint32_t participant;           /* … else 0 */
};

static struct actor actor_of(const struct gang_object *lock, const struct lock_user *user) {
        if (user->thread != 0)
                return (struct actor){ .who = user->who, .thread = user->thread };
        return (struct actor){ .who = user->who, .lock = lock, .participant = user->participant };
}

#define COMPARE(x, y) (((x) > (y)) - ((x) < (y)))

static int compare_actors(const void *a, const void *b) {
        const struct actor *x = a, *y = b;

        return COMPARE((uintptr_t)x->who, (uintptr_t)y->who) ?: COMPARE(x->thread, y->thread) ?:
               COMPARE((uintptr_t)x->lock, (uintptr_t)y->lock) ?: COMPARE(x->participant, y->participant);
}

struct graph {
        struct actor *actors;           /* sorted; each once */
        size_t n_actors;
        struct wait_hold *holds;
        size_t n_holds;
        uint32_t *waits, *free;
};

static void graph_done(struct graph *g) {
        free(g->actors);
        free(g->holds);
        free(g->waits);
        free(g->free);
}

static int graph_collect_actors(struct graph *g, const struct look *l, size_t n_users) {
        size_t n = 0;

        g->actors = calloc(n_users + 1, sizeof *g->actors);
        if (!g->actors)
                return -ENOMEM;
        for (size_t i = 0; i < l->n; i++)
                for (size_t u = 0; u < l->views[i].n_users; u++)
                        g->actors[n++] = actor_of(l->locks[i], &l->views[i].users[u]);
        qsort(g->actors, n, sizeof *g->actors, compare_actors);
        for (size_t i = 0; i < n; i++)
                if (g->n_actors == 0 || compare_actors(&g->actors[g->n_actors - 1], &g->actors[i]) != 0)
                        g->actors[g->n_actors++] = g->actors[i];
        return 0;
}

static uint32_t graph_actor(const struct graph *g, const struct gang_object *lock, const struct lock_user *user) {
        struct actor key = actor_of(lock, user);
        const struct actor *found = bsearch(&key, g->actors, g->n_actors, sizeof key, compare_actors);

        return (uint32_t)(found - g->actors); /* all are there */
}

/* What nobody known holds will be given back: its holder is dead. */
static void graph_add(struct graph *g, const struct look *l, const struct look *other, size_t lock,
                      const struct lock_user *user) {
        uint32_t actor = graph_actor(g, l->locks[lock], user);
        bool stands = user->who && user->use != LOCK_SLEEPS && is_in(other, lock, user);

        if (user->use == LOCK_HOLDS && stands)
                g->holds[g->n_holds++] = (struct wait_hold){ .thread = actor, .lock = (uint32_t)lock };
        else if (user->use == LOCK_HOLDS)
                g->free[lock]++;
        else if (user->use == LOCK_WAITS && stands)
                g->waits[actor] = (uint32_t)lock;
}

/* @param other  a second look, or NULL. */
static int graph_build(struct graph *g, const struct look *l, const struct look *other) {
        size_t n_users = 0;
        int r;

        for (size_t i = 0; i < l->n; i++)
                n_users += l->views[i].n_users;
        r = graph_collect_actors(g, l, n_users);
        if (r < 0)
                return r;
        g->holds = calloc(n_users + 1, sizeof *g->holds);
        g->waits = calloc(g->n_actors + 1, sizeof *g->waits);
        g->free = calloc(l->n + 1, sizeof *g->free);
        if (!g->holds || !g->waits || !g->free)
                return -ENOMEM;
        for (size_t i = 0; i < g->n_actors; i++)
                g->waits[i] = DEADLOCK_NONE;
        for (size_t i = 0; i < l->n; i++) {
                g->free[i] = l->views[i].free + l->views[i].shared;
                for (size_t u = 0; u < l->views[i].n_users; u++)
                        graph_add(g, l, other, i, &l->views[i].users[u]);
        }
        return 0;
}

/* ---- all of it --------------------------------------------------------------------------------- */

static int find(const struct look *l, const struct look *other, struct lock_cycles *ret) {
        _cleanup_(deadlocks_done) struct deadlocks found = DEADLOCKS_NULL;
        _cleanup_(graph_done) struct graph g = { 0 };
        _cleanup_(lock_cycles_done) struct lock_cycles cycles = LOCK_CYCLES_NULL;
        struct wait_graph graph;
        size_t n = 0;
        int r;

        r = graph_build(&g, l, other);
        if (r < 0)
                return r;
        graph = (struct wait_graph){
                .n_threads = g.n_actors, .n_locks = l->n, .holds = g.holds, .n_holds = g.n_holds, .waits = g.waits,
                .free = g.free,
        };
        r = deadlocks_find(&graph, &found);
        if (r < 0)
                return r;
        for (size_t i = 0; i < found.n; i++)
                n += found.lengths[i];
        cycles.steps = calloc(n + 1, sizeof *cycles.steps);
        if (!cycles.steps)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                cycles.steps[i] = (struct lock_step){
                        .who = g.actors[found.steps[i].thread].who,
                        .thread = g.actors[found.steps[i].thread].thread,
                        .lock = l->locks[found.steps[i].lock],
                };
        cycles.lengths = TAKE(found.lengths);
        cycles.n = found.n;
        *ret = TAKE_GENERIC(cycles, LOCK_CYCLES_NULL);
        return 0;
}

int lock_cycles_find(struct gang_objects *objects, struct lock_cycles *ret) {
        _cleanup_(look_done) struct look first = LOOK_NULL, second = LOOK_NULL;
        _cleanup_(lock_cycles_done) struct lock_cycles cycles = LOCK_CYCLES_NULL;
        int r;

        r = look_at_all(objects, &first);
        if (r >= 0)
                r = find(&first, NULL, &cycles);
        if (r >= 0 && cycles.n > 0) {
                lock_cycles_done(&cycles);
                r = look_at_all(objects, &second);
                if (r >= 0)
                        r = find(&first, &second, &cycles);
        }
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(cycles, LOCK_CYCLES_NULL);
        return 0;
}

void lock_cycles_done(struct lock_cycles *c) {
        free(c->steps);
        free(c->lengths);
        *c = LOCK_CYCLES_NULL;
}

static void print_who(FILE *f, const struct lock_step *step) {
        fputs(step->who->name, f);
        if (step->thread != 0)
                fprintf(f, "[%u]", step->thread);
}

char *lock_cycle_text(const struct lock_step *steps, size_t n) {
        _cleanup_(freep) char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                fputs(i > 0 ? "; " : "", f);
                print_who(f, &steps[i]);
                fprintf(f, " waits for %s, which ", steps[i].lock->name);
                print_who(f, &steps[(i + 1) % n]);
                fputs(" holds", f);
        }
        return fclose(f) == 0 ? TAKE(text) : NULL;
}
