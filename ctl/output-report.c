/* SPDX-License-Identifier: MIT */

/*
 * Crash reports for people
 */

#include <time.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/time.h"
#include "ctl/output-table.h"

static void label(struct output *o, const char *name) {
        fprintf(o->file, "%12s%s", name, *name ? ": " : "  ");
}

static void line(struct output *o, const char *name, const char *text) {
        if (!*text)
                return;
        label(o, name);
        put(o, text);
        putc('\n', o->file);
}

/* "2026-11-26 23:39:53.042" */
static const char *hour(char *buf, size_t size, uint64_t realtime_usec) {
        time_t seconds = (time_t)(realtime_usec / USEC_PER_SEC);
        struct tm tm;
        size_t n;

        n = localtime_r(&seconds, &tm) ? strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm) : 0;
        snprintf(buf + n, size - n, ".%03u", (unsigned int)(realtime_usec % USEC_PER_SEC / USEC_PER_MSEC));
        return buf;
}
#define HOUR_MAX 40

static void times(struct output *o, const Ganger__V1__Report *r) {
        char text[HOUR_MAX], span[USEC_FORMAT_MAX];

        if (r->pid > 0)
                line(o, "started", hour(text, sizeof text, r->started_usec));
        if (r->ready_usec > 0)
                line(o, "ready", hour(text, sizeof text, r->ready_usec));
        label(o, "ended");
        fputs(hour(text, sizeof text, r->ended_usec), o->file);
        if (r->pid > 0)
                fprintf(o->file, ", after %s", usec_format_rough(span, sizeof span, r->ran_usec));
        putc('\n', o->file);
}

static void usage(struct output *o, const Ganger__V1__Report *r) {
        char user[USEC_FORMAT_MAX], system[USEC_FORMAT_MAX], memory[SIZE_FORMAT_MAX];

        if (r->pid == 0)
                return;
        label(o, "used");
        fprintf(o->file, "%s of processor time for itself, %s for the system; %s of memory at most\n",
                usec_format_rough(user, sizeof user, r->user_usec), usec_format_rough(system, sizeof system, r->system_usec),
                size_format(memory, sizeof memory, r->max_rss_kib * 1024));
        label(o, "");
        fprintf(o->file,
                "%" PRIu64 " page faults, %" PRIu64 " of them from disk; %" PRIu64 " context switches, %" PRIu64
                " of them forced\n",
                r->minor_faults + r->major_faults, r->major_faults, r->voluntary_switches + r->involuntary_switches,
                r->involuntary_switches);
}

static void leases(struct output *o, const Ganger__V1__Report *r) {
        for (size_t i = 0; i < r->n_leases; i++) {
                const Ganger__V1__ReportLease *lease = r->leases[i];

                label(o, i == 0 ? "held" : "");
                put(o, lease->object);
                fprintf(o->file, " %" PRIu64 ", delivery %" PRIu32 ": %s\n", lease->id, lease->deliveries, lease->outcome);
        }
        if (r->leased > r->n_leases) {
                label(o, "");
                fprintf(o->file, "and %zu more\n", (size_t)r->leased - r->n_leases);
        }
}

static void ends(struct output *o, const Ganger__V1__Report *r) {
        char text[HOUR_MAX], span[USEC_FORMAT_MAX];

        for (size_t i = 0; i + 1 < r->n_ends; i++) {
                const Ganger__V1__ReportEnd *end = r->ends[i];

                label(o, i == 0 ? "before" : "");
                fprintf(o->file, "%s, after %s: ", hour(text, sizeof text, end->ended_usec),
                        usec_format_rough(span, sizeof span, end->ran_usec));
                put(o, end->exit);
                fprintf(o->file, "%s%s\n", *end->cause ? ", " : "", end->cause);
        }
}

static void report(struct output *o, const Ganger__V1__Report *r) {
        put(o, r->key);
        if (r->pid > 0)
                fprintf(o->file, " (pid %" PRId32 "): ", r->pid);
        else
                fputs(": ", o->file);
        put(o, r->exit);
        fprintf(o->file, "%s%s\n", *r->cause ? ", " : "", r->cause);
        times(o, r);
        usage(o, r);
        line(o, "core file", r->core);
        leases(o, r);
        for (size_t i = 0; i < r->n_output; i++)
                line(o, i == 0 ? "output" : "", *r->output[i] ? r->output[i] : " ");
        line(o, "now", r->state);
        line(o, "reason", r->reason);
        label(o, "restarts");
        fprintf(o->file, "%" PRIu32 "\n", r->restarts);
        if (r->crash_loop > 0) {
                label(o, "crash loop");
                fprintf(o->file, "%" PRIu32 " failures in a row\n", r->crash_loop);
        }
        ends(o, r);
}

void table_report(struct output *o, const char *name, const Ganger__V1__ReportReply *reply) {
        for (size_t i = 0; i < reply->n_reports; i++) {
                if (i > 0)
                        putc('\n', o->file);
                report(o, reply->reports[i]);
        }
        if (reply->n_reports == 0) {
                put(o, name);
                fputs(": no process has ended yet\n", o->file);
        }
}
