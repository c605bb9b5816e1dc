/* SPDX-License-Identifier: MIT */

/*
 * Tables of rings, services, locks and sockets
 */

#include <stdlib.h>

#include "base/text.h"
#include "ctl/output-table.h"
#include "ctl/table.h"

void put_quarantined(struct output *o, bool first, const char *kind, const char *name, const char *damage) {
        fprintf(o->file, "%squarantined: %s '", first ? "\n" : "", kind);
        put(o, name);
        fputs("': ", o->file);
        put(o, damage);
        putc('\n', o->file);
}

/* ---- rings and services ------------------------------------------------------------------------ */

/** The longest of it: two sizes, a policy, a process, and words. */
#define USED_MAX 160

/** Of a ring with records of any size: how full it is, and who is slow. Of a queue with a heap: how full that is. */
static const char *used(char *buf, const Ganger__V1__Ring *r) {
        char size[SIZE_FORMAT_MAX], capacity[SIZE_FORMAT_MAX];
        const Ganger__V1__Subscriber *slowest = NULL;
        int n;

        if (r->heap > 0) {
                snprintf(buf, USED_MAX, "heap: %s of %s", size_format(size, sizeof size, r->heap_used),
                         size_format(capacity, sizeof capacity, r->heap));
                return buf;
        }
        if (r->capacity == 0)
                return NULL;
        for (size_t i = 0; i < r->n_subscribers; i++)
                if (!slowest || r->subscribers[i]->behind > slowest->behind)
                        slowest = r->subscribers[i];
        n = snprintf(buf, USED_MAX, "%s of %s%s%s", size_format(size, sizeof size, r->used),
                     size_format(capacity, sizeof capacity, r->capacity), *r->policy ? ", " : "", r->policy);
        if (slowest && n > 0 && n < USED_MAX)
                snprintf(buf + n, USED_MAX - (size_t)n, ", %s is %s behind", slowest->process,
                         size_format(size, sizeof size, slowest->behind));
        return buf;
}

static void add_ring(struct table *t, const Ganger__V1__Ring *r) {
        bool is_queue = strcmp(r->kind, "queue") == 0, is_pipe = strcmp(r->kind, "pipe") == 0;
        bool slotted = r->capacity == 0;
        char size[SIZE_FORMAT_MAX], text[USED_MAX];

        table_add(t, (const char *[]){ r->name, r->kind, slotted ? NUMBER(r->ready) : NULL,
                                       slotted ? NUMBER(r->leased) : NULL, is_queue ? NUMBER(r->dead) : NULL,
                                       slotted ? NUMBER(r->slots) : NULL, size_format(size, sizeof size, r->slot_size),
                                       is_pipe ? NULL : NUMBER(r->accepted), slotted ? NUMBER(r->redelivered) : NULL, NUMBER(r->senders),
                                       NUMBER(r->receivers), used(text, r) });
}

void table_rings(struct output *o, const Ganger__V1__RingsReply *reply) {
        static const struct column columns[] = {
                { .title = "NAME" }, { .title = "KIND" }, { .title = "READY", .right = true },
                { .title = "LEASED", .right = true }, { .title = "DEAD", .right = true },
                { .title = "SLOTS", .right = true }, { .title = "SLOT SIZE", .right = true },
                { .title = "ACCEPTED", .right = true }, { .title = "REDELIVERED", .right = true },
                { .title = "SENDERS", .right = true }, { .title = "RECEIVERS", .right = true },
                { .title = "USED", .shrinks = true },
        };
        size_t n = ARRAY_SIZE(columns) - 1; /* the last is for pipes, broadcasts and heaps only */
        struct table t;

        for (size_t i = 0; i < reply->n_rings; i++)
                if (reply->rings[i]->capacity > 0 || reply->rings[i]->heap > 0)
                        n = ARRAY_SIZE(columns);
        table_init(&t, columns, n);
        for (size_t i = 0; i < reply->n_rings; i++)
                add_ring(&t, reply->rings[i]);
        table_print(&t, o);
        table_done(&t);
        for (size_t i = 0, shown = 0; i < reply->n_rings; i++) {
                const Ganger__V1__Ring *m = reply->rings[i];

                if (*m->damage)
                        put_quarantined(o, shown++ == 0, m->kind, m->name, m->damage);
        }
}

/* ---- locks ------------------------------------------------------------------------------------- */

/** "a/0[4711], b/0: 2 permits". @return free it; NULL: nobody, or no memory. */
static char *users(Ganger__V1__LockUser *const *users, size_t n, bool conditions) {
        _cleanup_(freep) char *text = NULL;
        size_t size;
        FILE *f = n > 0 ? open_memstream(&text, &size) : NULL;

        if (!f)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                fprintf(f, "%s%s", i > 0 ? ", " : "", users[i]->process);
                if (users[i]->thread != 0)
                        fprintf(f, "[%" PRId32 "]", users[i]->thread);
                if (users[i]->permits > 1)
                        fprintf(f, " (%" PRIu32 " permits)", users[i]->permits);
                if (conditions)
                        fprintf(f, " (condition %" PRIu32 ")", users[i]->condition);
        }
        return fclose(f) == 0 ? TAKE(text) : NULL;
}

/** Those who wait for a permit, then those who wait for a condition. */
static char *waiting(const Ganger__V1__Lock *l) {
        _cleanup_(freep) char *waiters = users(l->waiters, l->n_waiters, false);
        _cleanup_(freep) char *sleepers = users(l->sleepers, l->n_sleepers, true);
        char *text;

        if (!waiters || !sleepers)
                return waiters ? TAKE(waiters) : TAKE(sleepers);
        return asprintf(&text, "%s, %s", waiters, sleepers) < 0 ? NULL : text;
}

/** What a lock is worth besides: its state, or the values of counters. */
static char *value(const Ganger__V1__Lock *l) {
        _cleanup_(freep) char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        fputs(l->state, f);
        for (size_t i = 0; i < l->n_values; i++)
                fprintf(f, "%s%" PRId64, i > 0 ? " " : "", l->values[i]);
        return fclose(f) == 0 ? TAKE(text) : NULL;
}

static void add_lock(struct table *t, const Ganger__V1__Lock *l) {
        _cleanup_(freep) char *holders = users(l->holders, l->n_holders, false), *waiters = waiting(l), *what = value(l);
        char free_permits[2 * NUMBER_MAX];

        snprintf(free_permits, sizeof free_permits, "%" PRIu32 " of %" PRIu32, l->free, l->permits);
        table_add(t, (const char *[]){ l->name, l->kind, l->permits > 0 ? free_permits : NULL, holders, waiters, what });
}

void table_locks(struct output *o, const Ganger__V1__LocksReply *reply) {
        static const struct column columns[] = {
                { .title = "NAME" }, { .title = "KIND" }, { .title = "FREE", .right = true },
                { .title = "HOLDERS", .shrinks = true }, { .title = "WAITING", .shrinks = true },
                { .title = "VALUE", .shrinks = true },
        };
        struct table t;

        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t i = 0; i < reply->n_locks; i++)
                add_lock(&t, reply->locks[i]);
        table_print(&t, o);
        table_done(&t);
        for (size_t i = 0, shown = 0; i < reply->n_locks; i++) {
                const Ganger__V1__Lock *m = reply->locks[i];

                if (*m->damage)
                        put_quarantined(o, shown++ == 0, m->kind, m->name, m->damage);
        }
        for (size_t i = 0; i < reply->n_deadlocks; i++) {
                fputs(i == 0 && reply->n_locks > 0 ? "\ndeadlock: " : "deadlock: ", o->file);
                put(o, reply->deadlocks[i]->text);
                putc('\n', o->file);
        }
}

/* ---- sockets ----------------------------------------------------------------------------------- */

/** "web, admin". @return free it; NULL: none, or no memory. */
static char *names(char *const *words, size_t n) {
        _cleanup_(freep) char *text = NULL;
        size_t size;
        FILE *f = n > 0 ? open_memstream(&text, &size) : NULL;

        if (!f)
                return NULL;
        for (size_t i = 0; i < n; i++)
                fprintf(f, "%s%s", i > 0 ? ", " : "", words[i]);
        return fclose(f) == 0 ? TAKE(text) : NULL;
}

void table_sockets(struct output *o, const Ganger__V1__SocketsReply *reply) {
        static const struct column columns[] = {
                { .title = "NAME" }, { .title = "TYPE" }, { .title = "ADDRESS" }, { .title = "CONNECTIONS", .right = true },
                { .title = "WAITING", .right = true }, { .title = "BACKLOG", .right = true },
                { .title = "WORKERS", .shrinks = true },
        };
        struct table t;

        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t i = 0; i < reply->n_sockets; i++) {
                const Ganger__V1__Socket *s = reply->sockets[i];
                _cleanup_(freep) char *workers = names(s->workers, s->n_workers);
                bool connects = s->backlog > 0;

                table_add(&t, (const char *[]){ s->name, s->type, s->address, connects ? NUMBER(s->connections) : NULL,
                                                connects ? NUMBER(s->waiting) : NULL, connects ? NUMBER(s->backlog) : NULL,
                                                workers });
        }
        table_print(&t, o);
        table_done(&t);
}
