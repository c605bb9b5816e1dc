/* SPDX-License-Identifier: MIT */

/*
 * report: what is known of the dead
 */

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "base/exit-status.h"
#include "base/text.h"
#include "base/time.h"
#include "daemon/control/calls.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/report.h"
#include "daemon/worker.h"

/** A report in the answer, with what has to be made for it. */
struct row {
        Ganger__V1__Report message;
        Ganger__V1__ReportLease leases[LEASES_MAX], *lease_pointers[LEASES_MAX];
        Ganger__V1__ReportEnd ends[REPORT_ENDS_MAX], *end_pointers[REPORT_ENDS_MAX];
        char *lines[REPORT_LINES_MAX];
        char signal[SIGNAL_FORMAT_MAX];
};

static void fill_leases(struct row *row, const struct report *report) {
        for (size_t i = 0; i < report->n_leases; i++) {
                const struct held_lease *lease = &report->leases[i];
                Ganger__V1__ReportLease *m = row->lease_pointers[i] = &row->leases[i];

                ganger__v1__report_lease__init(m);
                m->object = (char *)lease->object;
                m->id = lease->id;
                m->deliveries = lease->deliveries;
                m->outcome = (char *)lease_outcome_name(lease->outcome);
        }
        row->message.leases = row->lease_pointers;
        row->message.n_leases = report->n_leases;
        row->message.leased = report->n_leased;
}

static int fill_ends(struct call *call, struct row *row, const struct report *report) {
        for (size_t i = 0; i < report->n_ends; i++) {
                const struct report_end *end = &report->ends[i];
                Ganger__V1__ReportEnd *m = row->end_pointers[i] = &row->ends[i];

                ganger__v1__report_end__init(m);
                m->ended_usec = end->realtime_usec;
                m->ran_usec = end->ran_usec;
                m->status = end->status;
                m->cause = (char *)report_cause_name(end->cause);
                m->exit = arena_text(&call->arena, end->words);
                if (!m->exit)
                        return -ENOMEM;
        }
        row->message.ends = row->end_pointers;
        row->message.n_ends = report->n_ends;
        return 0;
}

static int fill_output(struct call *call, struct row *row, const struct report *report) {
        Ganger__V1__Report *m = &row->message;

        for (size_t at = 0; at < report->output_size; at += strlen(report->output + at) + 1) {
                row->lines[m->n_output] = arena_text(&call->arena, report->output + at);
                if (!row->lines[m->n_output++])
                        return -ENOMEM;
        }
        m->output = row->lines;
        return 0;
}

/* The last end, in all the ways in which somebody may want it. */
static void fill_last(struct row *row, const struct report *report) {
        const struct report_end *last = &report->ends[report->n_ends - 1];
        Ganger__V1__Report *m = &row->message;
        bool started = last->cause != REPORT_NOT_STARTED;

        m->exit = m->ends[m->n_ends - 1]->exit;
        m->cause = (char *)report_cause_name(last->cause);
        m->status = last->status;
        if (started && WIFEXITED(last->status) && exit_status_name(WEXITSTATUS(last->status)))
                m->status_name = (char *)exit_status_name(WEXITSTATUS(last->status));
        if (started && WIFSIGNALED(last->status))
                m->signal = signal_format(row->signal, sizeof row->signal, WTERMSIG(last->status));
        m->ended_usec = last->realtime_usec;
        m->ran_usec = last->ran_usec;
}

static void fill_usage(Ganger__V1__Report *m, const struct report_usage *usage) {
        m->user_usec = usage->user_usec;
        m->system_usec = usage->system_usec;
        m->max_rss_kib = usage->max_rss_kib;
        m->minor_faults = usage->minor_faults;
        m->major_faults = usage->major_faults;
        m->voluntary_switches = usage->voluntary_switches;
        m->involuntary_switches = usage->involuntary_switches;
}

static int fill(struct call *call, const struct instance *instance, Ganger__V1__Report **ret) {
        struct row *row = arena_alloc(&call->arena, 1, sizeof *row);
        const struct report *report = instance->report;
        const struct crash_loop *loop = &instance->history.loop;
        Ganger__V1__Report *m;
        int r;

        if (!row)
                return -ENOMEM;
        m = *ret = &row->message;
        ganger__v1__report__init(m);
        m->key = (char *)instance->key;
        m->state = (char *)instance_shown_state(instance);
        m->reason = arena_text(&call->arena, instance->reason);
        m->core = arena_text(&call->arena, report->core);
        if (!m->reason || !m->core)
                return -ENOMEM;
        r = fill_ends(call, row, report);
        if (r >= 0)
                r = fill_output(call, row, report);
        if (r < 0)
                return r;
        fill_last(row, report);
        fill_usage(m, &report->usage);
        if (report->leases_generation == report->generation)
                fill_leases(row, report);
        m->pid = report->pid;
        m->started_usec = report->started_usec;
        m->ready_usec = report->ready_usec;
        m->restarts = instance->history.restarts;
        m->failures = instance->history.failures;
        if (crash_loop_holds(loop, instance->pid > 0 ? now_usec() - instance->started_usec : 0))
                m->crash_loop = loop->n;
        return 0;
}

/* A manager that died before it knew of an end has left one without. */
static bool has_ended(const struct instance *instance) {
        return instance && instance->report && instance->report->n_ends > 0;
}

int call_report(struct call *call) {
        const char *name = call->request->report->name;
        Ganger__V1__ReportReply report = GANGER__V1__REPORT_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        const struct worker *worker = worker_find(call->gang, name);
        struct instance *one = worker ? NULL : instance_find(call->gang, name);
        size_t n = worker ? worker->n_instances : 1;
        int r;

        r = call_permit_worker(call, name, worker ? worker : one ? one->worker : call_worker_of(call, name));
        if (r < 0)
                return r;
        if (!worker && !one)
                return call_unknown(call, name);
        report.reports = arena_alloc(&call->arena, n, sizeof *report.reports);
        if (!report.reports)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < n; i++) {
                const struct instance *instance = worker ? worker->instances[i] : one;

                if (has_ended(instance))
                        r = fill(call, instance, &report.reports[report.n_reports++]);
        }
        if (r < 0)
                return r;
        reply.result_case = GANGER__V1__REPLY__RESULT_REPORT;
        reply.report = &report;
        return call_reply(call, &reply, NULL, 0);
}
