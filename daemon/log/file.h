/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_LOG_FILE_H
#define GANGER_DAEMON_LOG_FILE_H

/*
 * A log file, which is rotated: NAME, and NAME.1, NAME.2, … of which NAME.1 is the newest
 *
 * Each line is one write(2) of at most LOG_FILE_WRITE_MAX bytes; its head is that of base/log-line.h. A line is in the file
 * as a whole or not at all.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log-line.h"
#include "daemon/log/lines.h"
#include "daemon/log/record.h"

/** A head, a line, and what says that it goes on in the next. */
#define LOG_FILE_WRITE_MAX (LOG_LINE_HEAD_MAX + LOG_LINE_MAX + 8)
/** How often it is looked whether somebody has moved the file, and how soon what failed is tried again. */
#define LOG_FILE_LOOK_USEC USEC_PER_SEC

/** Why something did not work; longer reasons are cut. */
#define LOG_FILE_WHY_MAX 160

struct log_file {
        char *path;                     /* absolute */
        uint64_t size_max;              /* bytes; 0: it is not rotated for its size */
        uint64_t age_max_usec;          /* USEC_INFINITY: nor for its age */
        uint32_t keep;                  /* how many older ones there may be */
        int fd;                         /* -1: not open */
        int directory_fd;
        dev_t device;
        ino_t inode;
        uint64_t size;
        uint64_t first_usec;            /* CLOCK_REALTIME, of its first line; 0: it has none */
        uint64_t looked_usec;
        uint64_t tried_usec;            /* when it could not be opened or rotated; 0: it could */
        bool torn;                      /* the last line is not whole, and could not be taken back */
        bool unrotated;                 /* it should have been rotated; `why` says why not */
        int code;                       /* -errno: the last line was not written; `why` says why not */
        char why[LOG_FILE_WHY_MAX];
};

#define LOG_FILE_NULL ((struct log_file){ .age_max_usec = UINT64_MAX, .fd = -1, .directory_fd = -1 })

void log_file_done(struct log_file *f);

/** Have it at another path; nothing is opened before a line is written. @return 0, -ENOMEM. */
int log_file_set_path(struct log_file *f, const char *path);

/** Look again whether the file is where it should be, and try again what failed. */
void log_file_look_again(struct log_file *f);

/** Close it; the next line opens it again. */
void log_file_close(struct log_file *f);

/**
 * Open NAME and those before it, to read.
 * @param fds    the oldest first; at most `max`, of which the newest are taken. Up to the first gap.
 * @param ret_n  how many: none, if there is no file.
 * @return 0, or -errno and `e` says why.
 */
int log_files_open(const char *path, int *fds, size_t max, size_t *ret_n, struct error *e);

/** Write a line. @return 0; -errno: it is not in the file, and `f->why` says why. */
int log_file_write(struct log_file *f, const struct log_record *record);

#endif
