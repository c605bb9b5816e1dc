/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_END_COUNTS_H
#define GANGER_DAEMON_END_COUNTS_H

/*
 * How often processes of a worker have ended, by reason
 *
 * For whoever measures: the numbers only grow, for as long as the worker is defined, over deaths of the manager too.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/report.h"

/** By systemd's words for a service's result, where it has one. The numbers are kept in the state memory: add at the end. */
enum end_reason {
        END_SUCCESS = 0,                /* it ended by itself, with exit status 0 */
        END_ASKED = 1,                  /* it was to end */
        END_EXIT_CODE = 2,
        END_SIGNAL = 3,
        END_CORE_DUMP = 4,
        END_TIMEOUT = 5,                /* it was not ready in time */
        END_CONDEMNED = 6,            /* watchdog, health, and what else ends one that fails */
        END_OOM_KILL = 7,
        END_NOT_STARTED = 8,
        _END_REASON_N,
};

struct end_counts {
        uint64_t n[_END_REASON_N];
};

/** "exit-code", …: in control.proto, and for whoever measures. */
const char *end_reason_name(enum end_reason reason);

/** Count an end. @param status  as waitpid(2) gives it. */
void end_counts_add(struct end_counts *counts, enum report_cause cause, int status);

/** What was recorded; what a newer one may have counted is left out. */
void end_counts_restore(struct end_counts *counts, const uint64_t *ends, size_t n);

#endif
