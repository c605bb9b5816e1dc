/* SPDX-License-Identifier: MIT */
/*
 * Crash reports
 *
 * In the order in which an end is handled: what the process held is written down before it is recovered, since nobody
 * could tell afterwards; how it ended, and what became of what it held, before the exit is acknowledged; its last lines
 * once they have been read. A manager that dies in between leaves what it had, and the next one, which handles the same
 * exit again, completes it: it knows by the generation that it is the same. (Only lines that a manager has read, and
 * died before it wrote them down, are missing.)
 *
 * Invariant: gang->reports is in the order of the last ends; after a take-over, of those since then.
 */

#include "daemon/report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/exit-status.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/core-file.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/worker.h"

const char *report_cause_name(enum report_cause cause) {
        static const char *const names[_REPORT_CAUSE_N] = {
                [REPORT_BY_ITSELF] = "", [REPORT_ASKED] = "asked to end", [REPORT_NOT_READY] = "not ready in time",
                [REPORT_NO_MEMORY] = "out of memory", [REPORT_NOT_STARTED] = "could not be started", [REPORT_CONDEMNED] = "found not to be well",
        };

        return (unsigned int)cause < _REPORT_CAUSE_N ? names[cause] : "?";
}

/* ---- being ------------------------------------------------------------------------------------- */

struct report *report_free(struct report *report) {
        struct gang *gang;

        if (!report)
                return NULL;
        gang = instance_gang(report->owner);
        for (size_t i = 0; i < _REPORT_PART_N; i++)
                state_erase(&gang->state, &report->slots[i]);
        report->owner->report = NULL;
        list_unlink(&report->link);
        gang->n_reports--;
        free(report);
        return NULL;
}

/* That of an instance, made if it has none; the newest from now on. @return NULL: no memory, so none is written. */
static struct report *report_of(struct instance *instance) {
        struct gang *gang = instance_gang(instance);
        struct report *report = instance->report;

        if (!report) {
                report = calloc(1, sizeof *report);
                if (!report)
                        return NULL;
                report->owner = instance;
                for (size_t i = 0; i < _REPORT_PART_N; i++)
                        report->slots[i] = STATE_SLOT_NONE;
                instance->report = report;
                if (++gang->n_reports > REPORTS_MAX)
                        report_free(list_entry(list_first(&gang->reports), struct report, link));
        } else
                list_unlink(&report->link);
        list_append(&gang->reports, &report->link);
        return report;
}

/* ---- writing it down --------------------------------------------------------------------------- */

static int save_part(struct report *report, enum report_part part, Ganger__State__ReportState *record) {
        record->key = report->owner->key;
        record->part = part;
        return state_write_message(&instance_gang(report->owner)->state, &report->slots[part], STATE_REPORT, &record->base);
}

static void save_failed(const struct report *report, int r) {
        if (r < 0)
                log_error("%s: cannot write its report: %s", report->owner->key, strerror(-r));
}

static void save_ends(struct report *report) {
        Ganger__State__ReportState record = GANGER__STATE__REPORT_STATE__INIT;
        Ganger__State__UsageState usage = GANGER__STATE__USAGE_STATE__INIT;
        Ganger__State__EndState ends[REPORT_ENDS_MAX], *pointers[REPORT_ENDS_MAX];
        int r;

        usage.user_usec = report->usage.user_usec;
        usage.system_usec = report->usage.system_usec;
        usage.max_rss_kib = report->usage.max_rss_kib;
        usage.minor_faults = report->usage.minor_faults;
        usage.major_faults = report->usage.major_faults;
        usage.voluntary_switches = report->usage.voluntary_switches;
        usage.involuntary_switches = report->usage.involuntary_switches;
        for (size_t i = 0; i < report->n_ends; i++) {
                ganger__state__end_state__init(&ends[i]);
                ends[i].realtime_usec = report->ends[i].realtime_usec;
                ends[i].ran_usec = report->ends[i].ran_usec;
                ends[i].status = report->ends[i].status;
                ends[i].cause = report->ends[i].cause;
                ends[i].words = report->ends[i].words;
                pointers[i] = &ends[i];
        }
        record.generation = report->generation;
        record.pid = report->pid;
        record.started_usec = report->started_usec;
        record.ready_usec = report->ready_usec;
        record.usage = &usage;
        record.ends = pointers;
        record.n_ends = report->n_ends;
        /* If it is too long, the oldest goes. */
        while ((r = save_part(report, REPORT_ENDS, &record)) == -EMSGSIZE && record.n_ends > 1) {
                record.ends++;
                record.n_ends--;
        }
        save_failed(report, r);
}

static void save_leases(struct report *report) {
        Ganger__State__ReportState record = GANGER__STATE__REPORT_STATE__INIT;
        Ganger__State__LeaseState leases[LEASES_MAX], *pointers[LEASES_MAX];

        for (size_t i = 0; i < report->n_leases; i++) {
                ganger__state__lease_state__init(&leases[i]);
                leases[i].object = report->leases[i].object;
                leases[i].id = report->leases[i].id;
                leases[i].deliveries = report->leases[i].deliveries;
                leases[i].outcome = report->leases[i].outcome;
                pointers[i] = &leases[i];
        }
        record.generation = report->leases_generation;
        record.leases = pointers;
        record.n_leases = report->n_leases;
        record.leased = report->n_leased;
        save_failed(report, save_part(report, REPORT_LEASES, &record));
}

static void save_output(struct report *report) {
        Ganger__State__ReportState record = GANGER__STATE__REPORT_STATE__INIT;
        char *lines[REPORT_LINES_MAX];

        for (size_t at = 0; at < report->output_size; at += strlen(report->output + at) + 1)
                lines[record.n_output++] = report->output + at;
        record.output = lines;
        record.core = report->core;
        record.generation = report->generation;
        save_failed(report, save_part(report, REPORT_OUTPUT, &record));
}

/* ---- an end ------------------------------------------------------------------------------------ */

void report_held(struct instance *instance) {
        struct held_lease leases[LEASES_MAX];
        struct report *report = instance->report;
        uint32_t n;

        /* The manager before may have recovered some of it already: then its list is the better one. */
        if (report && report->leases_generation == instance->generation)
                return;
        n = leases_find(&instance->membership, leases);
        if (n == 0 && (!report || report->n_leased == 0))
                return;
        report = report_of(instance);
        if (!report)
                return;
        report->leases_generation = instance->generation;
        report->n_leased = n;
        report->n_leases = MIN(n, (uint32_t)LEASES_MAX);
        memcpy(report->leases, leases, report->n_leases * sizeof *leases);
        if (!fault_is("forget-leases"))
                save_leases(report);
}

/* The next end; or, if a manager has died amid the handling of it, that end again. */
static struct report_end *next_end(struct report *report) {
        bool again = report->n_ends > 0 && report->generation == report->owner->generation && !fault_is("end-twice");

        if (!again && report->n_ends == REPORT_ENDS_MAX)
                memmove(report->ends, report->ends + 1, --report->n_ends * sizeof *report->ends);
        report->n_ends += !again;
        report->generation = report->owner->generation;
        return &report->ends[report->n_ends - 1];
}

/* The clock of the records is for intervals; what people want to know is the hour. */
static uint64_t realtime_of(uint64_t usec) {
        return usec ? now_realtime_usec() - (now_usec() - usec) : 0;
}

/* "exit status 75 (TEMPFAIL)" */
static void end_words(struct report_end *end) {
        const char *name = WIFEXITED(end->status) && end->status != 0 ? exit_status_name(WEXITSTATUS(end->status)) : NULL;
        char text[EXIT_STATUS_FORMAT_MAX];

        exit_status_format(text, sizeof text, end->status);
        snprintf(end->words, sizeof end->words, "%s%s%s%s", text, name ? " (" : "", name ?: "", name ? ")" : "");
}

static void find_core(struct report *report, int status) {
        const struct worker_definition *definition = instance_definition(report->owner);
        _cleanup_(freep) char *directory = NULL;

        report->core[0] = '\0';
        if (!WIFSIGNALED(status) || !WCOREDUMP(status) ||
            worker_definition_directory_outside(definition, &directory) < 0)
                return;
        core_file_tell(report->core, sizeof report->core,
                       &(struct core_process){ .pid = report->pid, .own_pids = definition->isolation.private_pids,
                                               .signal = WTERMSIG(status), .directory = directory });
}

bool report_has_end(const struct instance *instance) {
        return instance->report && instance->report->n_ends > 0 && instance->report->generation == instance->generation;
}

void report_ended(struct instance *instance, const Ganger__Keeper__Exited *message, enum report_cause cause) {
        struct report *report = report_of(instance);
        struct report_end *end;

        if (!report)
                return;
        if (report->leases_generation == instance->generation && report->n_leased > 0) {
                leases_settle(&instance_gang(instance)->objects, report->leases, report->n_leases);
                save_leases(report);
        }
        end = next_end(report);
        *end = (struct report_end){
                .realtime_usec = realtime_of(message->exited_usec),
                .ran_usec = message->exited_usec - message->started_usec,
                .status = message->status,
                .cause = cause,
        };
        end_words(end);
        report->pid = message->pid;
        report->started_usec = realtime_of(message->started_usec);
        report->ready_usec = realtime_of(instance->ready_usec);
        report->usage = (struct report_usage){
                message->user_usec, message->system_usec, message->max_rss_kib, message->minor_faults, message->major_faults,
                message->voluntary_switches, message->involuntary_switches,
        };
        report->output_size = 0;
        find_core(report, message->status);
        save_ends(report);
}

void report_not_started(struct instance *instance, const char *why) {
        struct report *report = report_of(instance);
        struct report_end *end;

        if (!report)
                return;
        end = next_end(report);
        *end = (struct report_end){ .realtime_usec = now_realtime_usec(), .cause = REPORT_NOT_STARTED };
        snprintf(end->words, sizeof end->words, "%s", why);
        report->pid = 0;
        report->started_usec = report->ready_usec = 0;
        report->usage = (struct report_usage){ 0 };
        report->core[0] = '\0';
        report->output_size = 0;
        save_ends(report);
        save_output(report);
}

/* The last lines of one process that fit; a long one is cut. */
void report_output(struct instance *instance, pid_t pid) {
        struct report *report = instance->report;
        size_t n = REPORT_LINES_MAX, size = 0;
        const struct log_tail_line *line;

        if (!report || report->pid != pid)
                return;
        /* How many of the last lines fit? */
        for (; n > 0; n--) {
                size = 0;
                for (line = log_tail_last(&instance->tail, n); line; line = log_tail_next(&instance->tail, line))
                        size += line->pid == pid ? MIN(line->size, (size_t)REPORT_LINE_MAX) + 1 : 0;
                if (size <= sizeof report->output)
                        break;
        }
        report->output_size = 0;
        line = n > 0 ? log_tail_last(&instance->tail, n) : NULL;
        for (; line; line = log_tail_next(&instance->tail, line))
                if (line->pid == pid)
                        report->output_size += (size_t)snprintf(report->output + report->output_size, REPORT_LINE_MAX + 1,
                                                                "%.*s", REPORT_LINE_MAX, line->text) + 1;
        save_output(report);
}

/* ---- take-over --------------------------------------------------------------------------------- */

static void restore_ends(struct report *report, const Ganger__State__ReportState *record) {
        const Ganger__State__UsageState *usage = record->usage;

        report->generation = record->generation;
        report->pid = record->pid;
        report->started_usec = record->started_usec;
        report->ready_usec = record->ready_usec;
        if (usage)
                report->usage = (struct report_usage){
                        usage->user_usec, usage->system_usec, usage->max_rss_kib, usage->minor_faults,
                        usage->major_faults, usage->voluntary_switches, usage->involuntary_switches,
                };
        report->n_ends = MIN(record->n_ends, (size_t)REPORT_ENDS_MAX);
        for (size_t i = 0; i < report->n_ends; i++) {
                const Ganger__State__EndState *end = record->ends[i];

                report->ends[i] = (struct report_end){ end->realtime_usec, end->ran_usec, end->status,
                                                       (enum report_cause)end->cause, "" };
                snprintf(report->ends[i].words, sizeof report->ends[i].words, "%s", end->words);
        }
}

static void restore_leases(struct report *report, const Ganger__State__ReportState *record) {
        report->leases_generation = record->generation;
        report->n_leased = record->leased;
        report->n_leases = MIN(record->n_leases, (size_t)LEASES_MAX);
        for (size_t i = 0; i < report->n_leases; i++) {
                const Ganger__State__LeaseState *lease = record->leases[i];

                report->leases[i] = (struct held_lease){ .id = lease->id, .deliveries = lease->deliveries,
                                                    .outcome = (enum lease_outcome)lease->outcome };
                snprintf(report->leases[i].object, sizeof report->leases[i].object, "%s", lease->object);
        }
}

static void restore_output(struct report *report, const Ganger__State__ReportState *record) {
        snprintf(report->core, sizeof report->core, "%s", record->core);
        report->output_size = 0;
        for (size_t i = 0; i < record->n_output && i < REPORT_LINES_MAX; i++) {
                size_t size = strlen(record->output[i]) + 1;

                if (size > sizeof report->output - report->output_size)
                        break;
                memcpy(report->output + report->output_size, record->output[i], size);
                report->output_size += size;
        }
}

int report_restore(struct instance *instance, const Ganger__State__ReportState *record, uint32_t slot) {
        static void (*const parts[_REPORT_PART_N])(struct report *, const Ganger__State__ReportState *) = {
                [REPORT_ENDS] = restore_ends, [REPORT_LEASES] = restore_leases, [REPORT_OUTPUT] = restore_output,
        };
        struct report *report;

        if (record->part >= _REPORT_PART_N)
                return -EPROTO;
        report = report_of(instance);
        if (!report)
                return -ENOMEM;
        if (report->slots[record->part] != STATE_SLOT_NONE)
                return -EPROTO;
        report->slots[record->part] = slot;
        parts[record->part](report, record);
        return 0;
}
