/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_REPORT_H
#define GANGER_DAEMON_REPORT_H

/*
 * Crash reports: what is known of the last process of an instance that has ended, and the ends before
 *
 * Kept in the state memory in up to three records of its own (the ends, what it held, its last lines), so that a report
 * survives the manager. All of it is bounded: so many ends, leases and lines, and so many reports; the oldest goes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/text.h"
#include "daemon/lease-look.h"
#include "keeper.pb-c.h"
#include "state.pb-c.h"

struct gang;
struct instance;

/** Instances that have one. With the records of instances themselves, that is a fraction of STATE_RECORDS_MAX. */
#define REPORTS_MAX 2048
/** Ends that are remembered of each. */
#define REPORT_ENDS_MAX 8
/** How an end is told; what is longer is cut. */
#define REPORT_WORDS_MAX (EXIT_STATUS_FORMAT_MAX + 32)
/** The last lines of output: so many, so long each, and so much together. */
#define REPORT_LINES_MAX 20
#define REPORT_LINE_MAX 160
#define REPORT_OUTPUT_MAX 640
/** The path of a core file, or where it went. */
#define REPORT_CORE_MAX 160

/** Why it ended, as far as we know. These numbers are in the state memory: never reuse one. */
enum report_cause {
        REPORT_BY_ITSELF = 0,           /* or by somebody that we do not know */
        REPORT_ASKED = 1,               /* it was to end: stop, restart, reload, scale */
        REPORT_NOT_READY = 2,           /* killed, as it was not ready in time */
        REPORT_NO_MEMORY = 3,           /* killed by the kernel: its cgroup was out of memory */
        REPORT_NOT_STARTED = 4,         /* there was no process */
        REPORT_CONDEMNED = 5,           /* ended for a failure: its watchdog, or its health */
        _REPORT_CAUSE_N,
};

/** "", "asked to end", …: for people, and in control.proto. */
const char *report_cause_name(enum report_cause cause);

struct report_end {
        uint64_t realtime_usec;
        uint64_t ran_usec;
        int status;                     /* as waitpid(2) gives it; of one that was not started it means nothing */
        enum report_cause cause;
        char words[REPORT_WORDS_MAX];
};

struct report_usage {
        uint64_t user_usec, system_usec, max_rss_kib;
        uint64_t minor_faults, major_faults, voluntary_switches, involuntary_switches;
};

enum report_part { REPORT_ENDS, REPORT_LEASES, REPORT_OUTPUT, _REPORT_PART_N };

struct report {
        struct list link;               /* gang->reports, the oldest last end first */
        struct instance *owner;
        uint32_t slots[_REPORT_PART_N]; /* in the state memory */
        uint64_t generation;            /* of the process whose end is the last one */
        pid_t pid;
        uint64_t started_usec, ready_usec; /* CLOCK_REALTIME; 0: it was not */
        struct report_usage usage;
        struct report_end ends[REPORT_ENDS_MAX]; /* the oldest first */
        size_t n_ends;
        uint64_t leases_generation;     /* of the process that held these */
        struct held_lease leases[LEASES_MAX]; /* the first of them */
        size_t n_leases;
        uint32_t n_leased;              /* all of them */
        char core[REPORT_CORE_MAX];     /* "": none was dumped */
        char output[REPORT_OUTPUT_MAX]; /* lines, each terminated */
        size_t output_size;
};

/** The process of an instance has ended: write down what it holds. Before anything is recovered. */
void report_held(struct instance *instance);

/** … and how it ended, and what became of what it held. After it is recovered, before that is acknowledged. */
void report_ended(struct instance *instance, const Ganger__Keeper__Exited *message, enum report_cause cause);

/** Is the end of this process in the report already, by a manager that has died since? */
bool report_has_end(const struct instance *instance);

/** It could not be started. */
void report_not_started(struct instance *instance, const char *why);

/** … and its last lines. When they have been read, which nothing waits for. @param pid  that has ended. */
void report_output(struct instance *instance, pid_t pid);

/** Take-over: a part that the predecessor recorded. @return 0; -EPROTO: it is none; -ENOMEM. */
int report_restore(struct instance *instance, const Ganger__State__ReportState *record, uint32_t slot);

/** Forget it, also in the state memory. Takes NULL. @return NULL. */
struct report *report_free(struct report *report);

#endif
