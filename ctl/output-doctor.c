/* SPDX-License-Identifier: MIT */

/*
 * Tables of doctor and security
 */

#include <stdlib.h>

#include "ctl/output-table.h"
#include "ctl/table.h"

/* ---- doctor ---------------------------------------------------------------------------------------- */

static void machine(struct output *o, const Ganger__V1__DoctorReply *reply) {
        static const struct column columns[] = {
                { .title = "MACHINE" }, { .title = "AVAILABLE", .state = true }, { .title = "WHAT", .shrinks = true },
        };
        struct table t;

        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t i = 0; i < reply->n_machine; i++) {
                const Ganger__V1__MachineFact *m = reply->machine[i];

                table_add(&t, (const char *[]){ m->name, m->state, m->value });
        }
        table_print(&t, o);
        table_done(&t);
}

static void summary(struct output *o, const Ganger__V1__DoctorReply *reply) {
        static const struct column columns[] = {
                { .title = "INSTANCE" }, { .title = "STATE", .state = true }, { .title = "PID", .right = true },
                { .title = "ASKED FOR", .right = true }, { .title = "DIFFER", .right = true },
                { .title = "UNKNOWN", .right = true },
        };
        struct table t;

        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t i = 0; i < reply->n_instances; i++) {
                const Ganger__V1__InstanceInForce *m = reply->instances[i];
                bool runs = m->pid > 0;

                table_add(&t, (const char *[]){ m->key, m->state, runs ? NUMBER(m->pid) : NULL,
                                                runs ? NUMBER(m->asked) : NULL, runs ? NUMBER(m->differ) : NULL,
                                                runs ? NUMBER(m->unknown) : NULL });
        }
        if (reply->n_machine > 0 && reply->n_instances > 0)
                putc('\n', o->file);
        table_print(&t, o);
        table_done(&t);
}

/* A line for each: what was wanted, and what is there. */
static void differences(struct output *o, const Ganger__V1__InstanceInForce *m, bool *first) {
        for (size_t i = 0; i < m->n_settings; i++) {
                const Ganger__V1__SettingInForce *s = m->settings[i];

                if (strcmp(s->verdict, "differs") != 0)
                        continue;
                fputs(*first ? "\n" : "", o->file);
                *first = false;
                put(o, m->key);
                fputs(": ", o->file);
                put(o, s->key);
                print_state(o, "differs", " differs");
                fputs(": wanted ", o->file);
                put(o, s->wanted);
                fputs(", in force ", o->file);
                put(o, s->found);
                putc('\n', o->file);
        }
}

static void details(struct output *o, const Ganger__V1__InstanceInForce *m) {
        static const struct column columns[] = {
                { .title = "SETTING" }, { .title = "WANTED", .shrinks = true }, { .title = "IN FORCE", .shrinks = true },
                { .title = "VERDICT", .state = true },
        };
        struct table t;

        put(o, m->key);
        if (m->pid == 0) {
                fprintf(o->file, " is %s: nothing is in force\n", m->state);
                return;
        }
        fprintf(o->file, " (pid %" PRId32 "): %" PRIu32 " asked for, %" PRIu32 " differ, %" PRIu32 " cannot be read back\n",
                m->pid, m->asked, m->differ, m->unknown);
        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t i = 0; i < m->n_settings; i++) {
                const Ganger__V1__SettingInForce *s = m->settings[i];

                if (*s->wanted || *s->found)
                        table_add(&t, (const char *[]){ s->key, s->wanted, s->found, s->verdict });
        }
        table_print(&t, o);
        table_done(&t);
}

void table_doctor(struct output *o, const Ganger__V1__DoctorReply *reply, bool all) {
        bool first = true;

        for (size_t i = 0; i < reply->n_instances && all; i++) {
                fputs(i > 0 ? "\n" : "", o->file);
                details(o, reply->instances[i]);
        }
        if (all)
                return;
        machine(o, reply);
        summary(o, reply);
        for (size_t i = 0; i < reply->n_instances; i++)
                differences(o, reply->instances[i], &first);
}

/* ---- security -------------------------------------------------------------------------------------- */

#define TENTHS_MAX 16

static const char *tenths(char *buf, uint32_t n) {
        snprintf(buf, TENTHS_MAX, "%" PRIu32 ".%" PRIu32, n / 10, n % 10);
        return buf;
}

static const char *hundredths(char *buf, uint32_t n) {
        snprintf(buf, TENTHS_MAX, "%" PRIu32 ".%02" PRIu32, n / 100, n % 100);
        return buf;
}

static void exposures(struct output *o, const Ganger__V1__SecurityReply *reply) {
        static const struct column columns[] = {
                { .title = "WORKER" }, { .title = "EXPOSURE", .right = true }, { .title = "LEVEL", .state = true },
                { .title = "SEEN OF", .shrinks = true },
        };
        struct table t;

        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t i = 0; i < reply->n_workers; i++) {
                const Ganger__V1__Exposure *m = reply->workers[i];
                char text[TENTHS_MAX];

                table_add(&t, (const char *[]){ m->worker, tenths(text, m->exposure), m->level,
                                                *m->key ? m->key : "its definition" });
        }
        table_print(&t, o);
        table_done(&t);
}

static int compare_shares(const void *a, const void *b) {
        const Ganger__V1__ExposureCheck *x = *(Ganger__V1__ExposureCheck *const *)a;
        const Ganger__V1__ExposureCheck *y = *(Ganger__V1__ExposureCheck *const *)b;

        return x->share != y->share ? (x->share < y->share) - (x->share > y->share) : strcmp(x->name, y->name);
}

/* What is missing, that which weighs most first. */
static void exposure(struct output *o, const Ganger__V1__Exposure *m) {
        static const struct column columns[] = {
                { .title = "ADDS", .right = true }, { .title = "WHAT WOULD HELP", .shrinks = true },
                { .title = "WITHOUT IT", .shrinks = true },
        };
        char text[TENTHS_MAX];
        struct table t;

        put(o, m->worker);
        fprintf(o->file, ": exposure %s (%s), as ", tenths(text, m->exposure), m->level);
        if (*m->key)
                fprintf(o->file, "read back of %s (pid %" PRId32 ")\n", m->key, m->pid);
        else
                fputs("its definition says; it does not run\n", o->file);
        qsort(m->checks, m->n_checks, sizeof(*m->checks), compare_shares);
        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t i = 0; i < m->n_checks; i++)
                if (m->checks[i]->badness > 0)
                        table_add(&t, (const char *[]){ hundredths(text, m->checks[i]->share), m->checks[i]->name,
                                                        m->checks[i]->missing });
        table_print(&t, o);
        table_done(&t);
}

void table_security(struct output *o, const Ganger__V1__SecurityReply *reply, bool all) {
        if (!all)
                exposures(o, reply);
        for (size_t i = 0; i < reply->n_workers && all; i++) {
                fputs(i > 0 ? "\n" : "", o->file);
                exposure(o, reply->workers[i]);
        }
}
