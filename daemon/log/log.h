/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_LOG_LOG_H
#define GANGER_DAEMON_LOG_LOG_H

/*
 * The daemon's log
 *
 * One sink for the process, to which go the lines of all workers and what the daemon has to say
 * itself. Logging never blocks and never fails. Only the top logs: whoever has a caller returns an error.
 */

#include "base/cleanup.h"
#include "daemon/log/record.h"

/** The longest message of the daemon itself; what is longer is cut. */
#define LOG_MESSAGE_MAX 2048

/**
 * Open the log: journal or stderr, whichever fits (see log_sink_choose()).
 * Before that, and after log_close(), everything is dropped in silence. Ignores SIGPIPE from then on.
 */
void log_open(void);
void log_close(void);

/** Where a line goes. */
enum log_where {
        LOG_HERE = 1 << 0,              /* as what the daemon itself says */
        LOG_JOURNAL = 1 << 1,
        LOG_STDERR = 1 << 2,
};

/**
 * Write the line of an instance.
 * @param where  of enum log_where; it is written once, if two are the same place. Where there is no journal its lines are
 *               dropped, and counted, until there is one.
 */
void log_write(const struct log_record *record, unsigned int where);

/** The daemon's own messages: one line, without a full stop. Control characters are replaced. */
void log_error(const char *format, ...) _printf_(1, 2);
void log_warning(const char *format, ...) _printf_(1, 2);
void log_info(const char *format, ...) _printf_(1, 2);

#endif
