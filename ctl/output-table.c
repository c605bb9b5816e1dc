/* SPDX-License-Identifier: MIT */

/*
 * Output for people: tables and lines
 *
 * What comes from workers is cleaned before it goes to a terminal, so that it cannot move the cursor or
 * change titles there; in a pipe a log line and a message stay as they are.
 */

#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/time.h"
#include "ctl/output-table.h"
#include "ctl/table.h"

/** A time span without the digits nobody reads: whole seconds from ten of them on. */
static const char *span(char *buf, size_t size, uint64_t from_usec, uint64_t to_usec) {
        uint64_t usec = to_usec > from_usec ? to_usec - from_usec : 0;

        if (usec >= 10 * USEC_PER_SEC)
                usec -= usec % USEC_PER_SEC;
        else
                usec -= usec % USEC_PER_MSEC;
        return usec_format(buf, size, usec);
}

static void put_time(struct output *o, uint64_t realtime_usec) {
        time_t seconds = (time_t)(realtime_usec / USEC_PER_SEC);
        char text[32];
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(text, sizeof text, "%b %d %H:%M:%S", &tm) == 0)
                return;
        fprintf(o->file, "%s.%03u ", text, (unsigned int)(realtime_usec % USEC_PER_SEC / USEC_PER_MSEC));
}

/** The state of an instance, and what is added to it. */
#define STATE_MAX 64

/* ---- status ------------------------------------------------------------------------------------ */

/** Why an instance is as it is; once it is ready, how its last process ended. */
static const char *reason_of(const Ganger__V1__Instance *i) {
        return *i->reason && strcmp(i->state, "ready") != 0 && strcmp(i->state, "standby") != 0 ? i->reason : i->last_exit;
}

/** "ready (drained)" */
static const char *state_of(char *buf, size_t size, const Ganger__V1__Instance *i) {
        snprintf(buf, size, "%s%s", i->state, i->drained ? " (drained)" : "");
        return buf;
}

static void add_instance(struct table *t, const Ganger__V1__Instance *i, uint64_t now) {
        char uptime[USEC_FORMAT_MAX] = "", state[STATE_MAX];

        if (i->pid > 0)
                span(uptime, sizeof uptime, i->started_usec, now);
        table_add(t, (const char *[]){ i->key, state_of(state, sizeof state, i), i->pid > 0 ? NUMBER(i->pid) : NULL, uptime,
                                       NUMBER(i->restarts), reason_of(i) });
}

static void status_compact(struct output *o, const Ganger__V1__StatusReply *reply) {
        static const struct column columns[] = {
                { .title = "NAME" }, { .title = "STATE", .state = true }, { .title = "PID", .right = true },
                { .title = "UPTIME", .right = true }, { .title = "RESTARTS", .right = true },
                { .title = "LAST EXIT, REASON", .shrinks = true },
        };
        struct table t;

        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t w = 0; w < reply->n_workers; w++) {
                const Ganger__V1__Worker *worker = reply->workers[w];

                for (size_t i = 0; i < worker->n_instances; i++)
                        add_instance(&t, worker->instances[i], reply->now_usec);
                if (worker->n_instances == 0)
                        table_add(&t, (const char *[]){ worker->name, "down", NULL, NULL, NULL,
                                                        worker->stopped ? "stopped by hand" : "no instances wanted" });
        }
        table_print(&t, o);
        table_done(&t);
}

static void detail(struct output *o, const char *label, const char *text) {
        if (!text || !*text)
                return;
        fprintf(o->file, "%12s: ", label);
        put(o, text);
        putc('\n', o->file);
}

static void liveness_details(struct output *o, const Ganger__V1__Instance *i, uint64_t now) {
        char text[128], time[USEC_FORMAT_MAX], left[USEC_FORMAT_MAX];

        detail(o, "activity", i->activity);
        detail(o, "error", i->error);
        if (i->watchdog_due_usec > now) {
                snprintf(text, sizeof text, "each %s, due in %s", usec_format(time, sizeof time, i->watchdog_usec),
                         span(left, sizeof left, now, i->watchdog_due_usec));
                detail(o, "watchdog", text);
        }
        if (i->stored_fds > 0)
                detail(o, "stored fds", NUMBER(i->stored_fds));
}

static void instance_details(struct output *o, const Ganger__V1__Instance *i, uint64_t now) {
        char text[512], time[USEC_FORMAT_MAX];

        putc('\n', o->file);
        put(o, i->key);
        fputs(": ", o->file);
        print_state(o, i->state, state_of(text, sizeof text, i));
        fprintf(o->file, " for %s\n", span(time, sizeof time, i->since_usec, now));
        if (i->pid > 0) {
                snprintf(text, sizeof text, "%" PRId32 ", up %s", i->pid, span(time, sizeof time, i->started_usec, now));
                detail(o, "pid", text);
        }
        detail(o, "version", i->version);
        detail(o, "says", i->status_text);
        liveness_details(o, i, now);
        detail(o, "reason", i->reason);
        if (i->due_usec > now)
                detail(o, "due in", span(time, sizeof time, now, i->due_usec));
        detail(o, "last exit", i->last_exit);
        detail(o, "restarts", NUMBER(i->restarts));
        if (i->crash_loop > 0) {
                snprintf(text, sizeof text, "%" PRIu32 " failures in a row, in %s", i->crash_loop,
                         span(time, sizeof time, i->crash_loop_usec, now));
                detail(o, "crash loop", text);
        }
        for (size_t l = 0; l < i->n_log; l++)
                detail(o, l == 0 ? "output" : "", *i->log[l] ? i->log[l] : " ");
}

static void schedule_details(struct output *o, const Ganger__V1__Worker *w, uint64_t now) {
        char text[128], time[USEC_FORMAT_MAX], left[USEC_FORMAT_MAX];

        if (w->every_usec == 0)
                return;
        usec_format(time, sizeof time, w->every_usec);
        if (w->next_run_usec > now)
                snprintf(text, sizeof text, "%s, next in %s", time, span(left, sizeof left, now, w->next_run_usec));
        else
                snprintf(text, sizeof text, "%s%s", time, w->next_run_usec > 0 ? ", due now" : "");
        detail(o, "every", text);
}

/** "3 of 2..8, held by hand, 1 standby"; "": there is nothing about them that the instances do not tell. */
static const char *scale_of(char *buf, size_t size, const Ganger__V1__Worker *w) {
        char range[64] = "", standby[32] = "";

        if (w->instances_max > w->instances_min)
                snprintf(range, sizeof range, "%" PRIu32 " of %" PRIu32 "..%" PRIu32 "%s", w->wanted, w->instances_min,
                         w->instances_max, w->scaled ? ", held by hand" : "");
        if (w->standby > 0)
                snprintf(standby, sizeof standby, "%s%" PRIu32 " standby", *range ? ", " : "", w->standby);
        snprintf(buf, size, "%s%s", range, standby);
        return buf;
}

/** Below the table: those whose number follows what waits for them. */
static void put_scales(struct output *o, const Ganger__V1__StatusReply *reply) {
        char text[128];
        bool first = true;

        for (size_t i = 0; i < reply->n_workers; i++) {
                const Ganger__V1__Worker *w = reply->workers[i];

                if (w->instances_max <= w->instances_min)
                        continue;
                fputs(first ? "\ninstances: " : "instances: ", o->file);
                put(o, w->name);
                fprintf(o->file, ": %s\n", scale_of(text, sizeof text, w));
                first = false;
        }
}

static void worker_details(struct output *o, const Ganger__V1__Worker *w, uint64_t now) {
        char text[128];

        put(o, w->name);
        snprintf(text, sizeof text, ": %" PRIu32 " of %" PRIu32 " ready%s%s\n", w->ready, w->wanted,
                 w->stopped ? ", stopped by hand" : "", w->scaled ? ", scaled by hand" : "");
        fputs(text, o->file);
        detail(o, "instances", scale_of(text, sizeof text, w));
        for (size_t i = 0; i < w->n_exec; i++) {
                if (i == 0)
                        fprintf(o->file, "%12s: ", "exec");
                put(o, w->exec[i]);
                putc(i + 1 < w->n_exec ? ' ' : '\n', o->file);
        }
        detail(o, "io", w->io);
        detail(o, "receive", w->receive);
        detail(o, "send", w->send);
        detail(o, "listen", w->listen);
        if (strcmp(w->start, "boot") != 0)
                detail(o, "start", w->start);
        schedule_details(o, w, now);
        detail(o, "restart", w->restart);
        if (w->roll)
                detail(o, "rolling", w->roll->text);
        detail(o, "note", w->differs);
        detail(o, "warning", w->warning);
        for (size_t i = 0; i < w->n_instances; i++)
                instance_details(o, w->instances[i], now);
}

/** What became of whom the instances above do not tell. */
static void put_failed_groups(struct output *o, const Ganger__V1__StatusReply *reply) {
        bool first = true;

        for (size_t i = 0; i < reply->n_groups; i++) {
                if (!*reply->groups[i]->failed)
                        continue;
                fputs(first ? "\nfailed: " : "failed: ", o->file);
                put(o, reply->groups[i]->failed);
                putc('\n', o->file);
                first = false;
        }
}

static void table_status(struct output *o, const Ganger__V1__StatusReply *reply, bool details) {
        if (!details)
                status_compact(o, reply);
        if (!details)
                put_scales(o, reply);
        for (size_t i = 0; details && i < reply->n_workers; i++) {
                if (i > 0)
                        putc('\n', o->file);
                worker_details(o, reply->workers[i], reply->now_usec);
        }
        put_failed_groups(o, reply);
        for (size_t i = 0; i < reply->n_quarantined; i++)
                put_quarantined(o, i == 0, reply->quarantined[i]->kind, reply->quarantined[i]->name,
                                reply->quarantined[i]->damage);
}

static void table_changes(struct output *o, const Ganger__V1__ChangeReply *reply) {
        for (size_t i = 0; i < reply->n_changes; i++) {
                const Ganger__V1__Change *c = reply->changes[i];

                put(o, c->key);
                putc(' ', o->file);
                print_state(o, c->state, c->state);
                if (*c->message) {
                        fputs(": ", o->file);
                        put(o, c->message);
                }
                putc('\n', o->file);
        }
}

static void table_rolls(struct output *o, const Ganger__V1__RollReply *reply) {
        for (size_t i = 0; i < reply->n_rolls; i++) {
                put(o, reply->rolls[i]->worker);
                fputs(": ", o->file);
                put(o, reply->rolls[i]->text);
                putc('\n', o->file);
        }
}

static void table_activity(struct output *o, const struct activity *activities, size_t n) {
        for (size_t i = 0; i < n; i++) {
                print_state(o, activities[i].state, activities[i].state);
                putc('\n', o->file);
        }
}

static void table_tree(struct output *o, const struct tree_line *line) {
        const char *separator = "";

        fprintf(o->file, "%*s", 2 * (int)line->depth, "");
        if (*line->what) {
                put(o, line->what);
                separator = " ";
        }
        if (*line->state) {
                fputs(separator, o->file);
                print_state(o, line->state, line->state);
                separator = " ";
        }
        if (line->pid > 0)
                fprintf(o->file, "%s%d ", separator, (int)line->pid);
        put(o, line->command);
        putc('\n', o->file);
}

/* ---- what streams ------------------------------------------------------------------------------ */

/* As journalctl has them. */
static const char *level_color(const struct output *o, int priority) {
        if (!o->color)
                return "";
        if (priority <= LOG_WARNING)
                return priority <= LOG_ERR ? "\033[31m" : "\033[33m";
        return priority == LOG_DEBUG ? "\033[2m" : "";
}

static void table_log(struct output *o, const Ganger__V1__LogLine *line) {
        const char *color = level_color(o, line->priority);

        if (line->dropped > 0)
                fprintf(o->file, "(%" PRIu64 " lines of %s left out)\n", line->dropped, line->key);
        put_time(o, line->realtime_usec);
        put(o, line->key);
        fprintf(o->file, "[%" PRId32 "]: ", line->pid);
        fputs(color, o->file);
        put(o, line->text);
        fputs(*color ? "\033[0m\n" : "\n", o->file);
}

static void table_event(struct output *o, const Ganger__V1__Event *event) {
        put_time(o, event->realtime_usec);
        put(o, event->kind);
        if (*event->key) {
                putc(' ', o->file);
                put(o, event->key);
        }
        fputs(": ", o->file);
        put(o, event->text);
        putc('\n', o->file);
}

/* ---- messages ---------------------------------------------------------------------------------- */

/** The beginning of a message, with a mark if there is more of it. */
static char *beginning(const Ganger__V1__MessageInfo *m) {
        _cleanup_(freep) char *clean = utf8_clean((const char *)m->data.data, m->data.len);
        char *text;

        if (!clean || asprintf(&text, "%s%s", clean, m->size > m->data.len ? "…" : "") < 0)
                return NULL;
        return text;
}

static void print_messages(struct output *o, Ganger__V1__MessageInfo *const *messages, size_t n) {
        static const struct column columns[] = {
                { .title = "ID", .right = true }, { .title = "STATE", .state = true },
                { .title = "DELIVERIES", .right = true }, { .title = "SIZE", .right = true },
                { .title = "HOLDER, REASON", .shrinks = true }, { .title = "DATA", .shrinks = true },
        };
        struct table t;

        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t i = 0; i < n; i++) {
                _cleanup_(freep) char *data = beginning(messages[i]);
                const Ganger__V1__MessageInfo *m = messages[i];

                table_add(&t, (const char *[]){ NUMBER(m->id), m->state, NUMBER(m->deliveries), NUMBER(m->size),
                                                *m->holder ? m->holder : m->reason, data });
        }
        table_print(&t, o);
        table_done(&t);
}

static void table_peek(struct output *o, const Ganger__V1__PeekReply *reply) {
        print_messages(o, reply->messages, reply->n_messages);
}

static void table_dead(struct output *o, const Ganger__V1__DeadReply *reply, Ganger__V1__DeadAction action) {
        if (action == GANGER__V1__DEAD_ACTION__DEAD_LIST) {
                print_messages(o, reply->messages, reply->n_messages);
                return;
        }
        fprintf(o->file, "%zu %s, %" PRIu32 " left\n", reply->n_messages,
                action == GANGER__V1__DEAD_ACTION__DEAD_RETRY ? "retried" : "dropped", reply->left);
}

static void table_called(struct output *o, const char *service, const void *data, size_t size) {
        if (size > 0)
                fwrite(data, 1, size, o->file);
}

static void table_sent(struct output *o, const char *ring, uint64_t count) {
}

static void table_received(struct output *o, const struct received *m) {
        if (m->executed)
                return; /* what the command prints is the output */
        if (m->size > 0)
                fwrite(m->data, 1, m->size, o->file);
        putc('\n', o->file);
}

/* ---- the daemon -------------------------------------------------------------------------------- */

static void table_reload(struct output *o, const Ganger__V1__ReloadReply *reply) {
        for (size_t i = 0; i < reply->n_changes; i++) {
                put(o, reply->changes[i]);
                putc('\n', o->file);
        }
}

static void table_daemon_upgrade(struct output *o, const Ganger__V1__DaemonUpgradeReply *reply) {
        fputs("gangerd ", o->file);
        put(o, reply->version);
        fputs(" has taken over\n", o->file);
}

static void table_reset(struct output *o, const char *name, const Ganger__V1__ResetReply *reply) {
        put(o, name);
        fputs(": ", o->file);
        put(o, reply->text);
        putc('\n', o->file);
}

static void table_verdict(struct output *o, const struct verdict *v) {
        if (*v->text) {
                fputs(v->text, o->file);
                if (v->text[strlen(v->text) - 1] != '\n')
                        putc('\n', o->file);
        } else if (v->valid)
                fprintf(o->file, "%s: valid\n", v->file);
}

static void table_imported(struct output *o, const char *file, const char *configuration, size_t n_left) {
        fputs(configuration, o->file);
}

static void table_version(struct output *o, const char *own, const Ganger__V1__VersionReply *reply) {
        char time[USEC_FORMAT_MAX];

        fprintf(o->file, "gangerctl %s\n", own);
        if (!reply)
                return;
        fprintf(o->file, "gangerd   ");
        put(o, reply->version);
        fprintf(o->file, ", up %s, keeper pid %" PRId32 ", manager pid %" PRId32 " (number %" PRIu32 ")\n",
                span(time, sizeof time, reply->started_usec, reply->now_usec), reply->keeper_pid,
                reply->manager_pid, reply->manager_incarnation);
        fputs("config    ", o->file);
        put(o, reply->config);
        putc('\n', o->file);
}

static void table_demo(struct output *o, const struct demo_result *r) {
        fprintf(o->file,
                "%" PRIu64 " readings of files, %" PRIu64 " lines, %" PRIu64 " words (%" PRIu64 " different) in %.1f s; other programs count %" PRIu64
                " words\n",
                r->files, r->lines, r->words, r->distinct, r->seconds, r->words_expected);
        fprintf(o->file,
                "killed %" PRIu64 " instances and the manager %" PRIu64 " times; %" PRIu64 " messages redelivered, %" PRIu64
                " dead letters; seed %" PRIu64 "\n",
                r->kills, r->manager_kills, r->redelivered, r->dead, r->seed);
        if (r->samples > 0)
                fprintf(o->file, "from death to redelivery: p50 %.2f ms, p99 %.2f ms (%zu times)\n",
                        (double)r->redelivery_p50_usec / 1000, (double)r->redelivery_p99_usec / 1000, r->samples);
        fprintf(o->file, "lost %" PRIu64 ", duplicated %" PRIu64 "\n", r->lost, r->duplicated);
}

static void table_done_with(struct output *o, const char *what) {
}

const struct output_ops output_table = {
        .name = "table",
        .status = table_status,
        .changes = table_changes,
        .rolls = table_rolls,
        .activity = table_activity,
        .tree = table_tree,
        .log = table_log,
        .event = table_event,
        .rings = table_rings,
        .report = table_report,
        .locks = table_locks,
        .sockets = table_sockets,
        .doctor = table_doctor,
        .security = table_security,
        .called = table_called,
        .peek = table_peek,
        .dead = table_dead,
        .sent = table_sent,
        .received = table_received,
        .reload = table_reload,
        .daemon_upgrade = table_daemon_upgrade,
        .reset = table_reset,
        .verdict = table_verdict,
        .imported = table_imported,
        .version = table_version,
        .demo = table_demo,
        .done = table_done_with,
};
