/* SPDX-License-Identifier: MIT */

/*
 * How often processes of a worker have ended, by reason
 */

#include "daemon/end-counts.h"

#include <sys/wait.h>

#include "base/cleanup.h"

static const char *const names[_END_REASON_N] = {
        [END_SUCCESS] = "success", [END_ASKED] = "asked", [END_EXIT_CODE] = "exit-code", [END_SIGNAL] = "signal",
        [END_CORE_DUMP] = "core-dump", [END_TIMEOUT] = "timeout", [END_CONDEMNED] = "condemned",
        [END_OOM_KILL] = "oom-kill", [END_NOT_STARTED] = "not-started",
};

const char *end_reason_name(enum end_reason reason) {
        return (unsigned int)reason < _END_REASON_N ? names[reason] : "?";
}

/** It has ended, and nobody wanted it to. */
static enum end_reason reason_of_status(int status) {
        if (WIFSIGNALED(status))
                return WCOREDUMP(status) ? END_CORE_DUMP : END_SIGNAL;
        return WEXITSTATUS(status) == 0 ? END_SUCCESS : END_EXIT_CODE;
}

void end_counts_add(struct end_counts *counts, enum report_cause cause, int status) {
        static const enum end_reason reasons[_REPORT_CAUSE_N] = {
                [REPORT_ASKED] = END_ASKED, [REPORT_NOT_READY] = END_TIMEOUT, [REPORT_NO_MEMORY] = END_OOM_KILL,
                [REPORT_NOT_STARTED] = END_NOT_STARTED, [REPORT_CONDEMNED] = END_CONDEMNED,
        };

        counts->n[cause == REPORT_BY_ITSELF ? reason_of_status(status) : reasons[cause]]++;
}

void end_counts_restore(struct end_counts *counts, const uint64_t *ends, size_t n) {
        for (size_t i = 0; i < MIN(n, (size_t)_END_REASON_N); i++)
                counts->n[i] = ends[i];
}
