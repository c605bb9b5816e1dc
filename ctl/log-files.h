/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_LOG_FILES_H
#define GANGER_CTL_LOG_FILES_H

/*
 * Log files of workers, read beside the stream of `logs`
 *
 * The daemon keeps the last lines only; what is older is in files, which it opens for us. A line that was read in a file is
 * known again when the stream has it, too.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "ctl/ctl.h"

/** Lines that are remembered of each instance: more than the daemon keeps, and those that come while we read. */
#define LOG_FILES_REMEMBERED 1024

struct log_files {
        struct ctl *ctl;
        char *const *names;             /* of workers or instances; none: all */
        size_t n_names;
        uint64_t since_usec;
        int level_max;
        uint32_t lines;                 /* of each instance; UINT32_MAX: all */
        struct list workers;            /* that have files */
        struct list keys;               /* of whom there are lines */
};

/** Find out which of the workers have files. @return STATUS_DONE, or the exit status after complaining. */
int log_files_find(struct log_files *f);

void log_files_done(struct log_files *f);

/**
 * Print what is in the files: at first the last lines that are wanted, and when it is called again, what has come since.
 * @return STATUS_DONE, or the exit status after complaining.
 */
int log_files_print(struct log_files *f);

/** Whether a line of the stream was printed by log_files_print(). Asked once for each, in their order. */
bool log_files_had(struct log_files *f, const Ganger__V1__LogLine *line);

#endif
