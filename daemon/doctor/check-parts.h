/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DOCTOR_CHECK_PARTS_H
#define GANGER_DOCTOR_CHECK_PARTS_H

/*
 * What the files of the checks share with each other, and with nobody else
 */

#include "base/text.h"
#include "daemon/doctor/check.h"

/** One process that is being compared. */
struct check_subject {
        const struct checks *checks;
        const struct process_look *look;
        const struct process_status *status; /* NULL: not told */
        uint64_t started_usec;
        int cgroup_fd;                  /* -1: none */
};

struct check_row;

/** Fills in what is wanted and what is found; a text that is left empty is not known. */
typedef enum check_verdict check_fn(const struct check_subject *s, const struct check_row *row, struct check_text *t);

struct check_row {
        const char *key;
        check_fn *check;
        int argument;                   /* which of them it is */
};

/** Add to a text of CHECK_TEXT_MAX. */
void check_append(char *text, const char *format, ...) _printf_(2, 3);

/** As the definition has it. @return whether it has it. */
bool check_want(const struct check_subject *s, const struct check_row *row, struct check_text *t);

/** Where both texts are made in the same way. */
enum check_verdict check_compare(const struct check_text *t);

/** Where what is found is judged by more than its text. */
enum check_verdict check_judge(const struct check_text *t, bool ok);

/* ---- check-place.c ------------------------------------------------------------------------------- */

check_fn check_limit, check_nice, check_oom_score, check_io_class, check_io_priority, check_cpus,
        check_cpu_policy, check_cpu_priority, check_numa, check_numa_nodes, check_timer_slack, check_cgroup,
        check_devices;

#endif
