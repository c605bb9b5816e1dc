/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_LOG_SINK_H
#define GANGER_DAEMON_LOG_SINK_H

/*
 * Where log lines go
 *
 * A sink never blocks and never fails the daemon. What it cannot take is dropped and counted, and the
 * first line that gets through again is preceded by one that says how many were lost.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/log/record.h"

/** The socket of journald's native protocol. */
#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

struct log_file;
struct log_sink;

/** What a sink can do. Add one as a file sink-NAME.c and a row of log_sinks. */
struct log_sink_type {
        const char *name;
        /** @return 0 or -errno: this sink is of no use here. */
        int (*open)(struct log_sink *sink);
        /** @return 0; -errno: the line, or the rest of it, was lost. Never blocks. */
        int (*write)(struct log_sink *sink, const struct log_record *record);
        void (*close)(struct log_sink *sink);
};

struct log_sink {
        const struct log_sink_type *type;
        /* Set before opening; the defaults are in LOG_SINK_NULL. */
        int target_fd;                  /* of `stderr`: the descriptor, which stays the caller's */
        const char *journal_path;       /* of `journal` */
        struct log_file *file;          /* of `file`; stays the caller's */
        /* The sink's own. */
        int fd;
        bool is_socket;
        bool guarded;                   /* may block: ask poll(2) before each write */
        bool with_priority;             /* begin each line with <N>, which journald reads */
        bool torn;                      /* the last write stopped within a line */
        uint64_t dropped;               /* lines lost and not yet told of */
        uint64_t dropped_total;
};

extern const struct log_sink_type log_sink_none, log_sink_stderr, log_sink_journal, log_sink_file;

/** All types, NULL at the end. */
extern const struct log_sink_type *const log_sinks[];

#define LOG_SINK_NULL_INITIALIZER                                                               \
        { .type = &log_sink_none, .target_fd = 2, .fd = -1, .journal_path = LOG_JOURNAL_SOCKET }
#define LOG_SINK_NULL ((struct log_sink)LOG_SINK_NULL_INITIALIZER)

/**
 * The type that fits where we are: `journal` if our stderr is a stream of journald ($JOURNAL_STREAM), or
 * if nobody can read our stderr (closed, /dev/null) and there is a journal; else `stderr`: who connected
 * it to a terminal, a file or a pipe wants to read it there.
 */
const struct log_sink_type *log_sink_choose(int stderr_fd, const char *journal_path);

/** Open a sink as a type. If that is not possible it falls back to `stderr`, then to `none`. */
void log_sink_open(struct log_sink *sink, const struct log_sink_type *type);

/** Open one that is `none` as a type. @return 0; -errno: that is not possible, and it is still `none`. */
int log_sink_try(struct log_sink *sink, const struct log_sink_type *type);

/** Close it, after a last attempt to tell of lines lost. A closed sink is a `none`. */
void log_sink_close(struct log_sink *sink);

/** Write a line, or count it as dropped. */
void log_sink_write(struct log_sink *sink, const struct log_record *record);

/** Whether a descriptor is the one that $JOURNAL_STREAM names. */
bool log_fd_is_journal_stream(int fd);

#endif
