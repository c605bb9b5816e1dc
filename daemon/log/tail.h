/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_LOG_TAIL_H
#define GANGER_DAEMON_LOG_TAIL_H

/*
 * The last lines of an instance
 *
 * For `status`, `logs` and crash reports. Bounded in lines and in bytes, whichever comes first; costs
 * nothing before the first line.
 */

#include "base/list.h"
#include "daemon/log/record.h"

#define LOG_TAIL_LINES 100
/** Text and bookkeeping together. */
#define LOG_TAIL_BYTES (32 * 1024)

struct log_tail_line {
        struct list link;
        enum log_stream stream;
        int priority;
        pid_t pid;
        uint64_t realtime_usec;
        uint64_t generation;
        uint64_t dropped;               /* lines lost before this one (not those that were too old to keep) */
        bool continued;
        size_t size;
        char text[];                    /* terminated */
};

struct log_tail {
        struct list lines;              /* of log_tail_line, the oldest first */
        size_t n;
        size_t bytes;
        uint64_t dropped;               /* lines lost since the last one that is here */
};

void log_tail_init(struct log_tail *t);
void log_tail_done(struct log_tail *t);

/** Add a line; the oldest go. For want of memory it is lost, and the next one tells so. */
void log_tail_add(struct log_tail *t, const struct log_record *record);

/** What came before it was known of whom is that process's: the last lines that are nobody's. */
void log_tail_claim(struct log_tail *t, pid_t pid);

/** Which lines somebody wants to see. */
struct log_filter {
        uint64_t since_usec;            /* CLOCK_REALTIME */
        int level_max;                  /* LOG_DEBUG: all */
};

static inline bool log_filter_takes(const struct log_filter *filter, uint64_t realtime_usec, int priority) {
        return realtime_usec >= filter->since_usec && priority <= filter->level_max;
}

/** The first of the last `n` lines that a filter takes; NULL: there is none. Those after it are to be asked about, too. */
const struct log_tail_line *log_tail_last_of(const struct log_tail *t, size_t n, const struct log_filter *filter);

/** The first of the last `n` lines, from where log_tail_next() goes on; NULL: there is none. */
const struct log_tail_line *log_tail_last(const struct log_tail *t, size_t n);
const struct log_tail_line *log_tail_next(const struct log_tail *t, const struct log_tail_line *line);

#endif
