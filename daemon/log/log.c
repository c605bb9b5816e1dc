/* SPDX-License-Identifier: MIT */

/*
 * The daemon's log
 *
 * The sink is the one object of the process that is not passed around: a failure must be told from
 * anywhere, also where there is no manager yet.
 */

#include "daemon/log/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "daemon/log/lines.h"
#include "daemon/log/sink.h"

static struct log_sink the_sink = { .type = &log_sink_none, .target_fd = STDERR_FILENO, .fd = -1,
                                    .journal_path = LOG_JOURNAL_SOCKET };

void log_open(void) {
        log_sink_close(&the_sink);
        the_sink = LOG_SINK_NULL;
        log_sink_open(&the_sink, log_sink_choose(the_sink.target_fd, the_sink.journal_path));
}

void log_close(void) {
        log_sink_close(&the_sink);
}

void log_write(const struct log_record *record) {
        log_sink_write(&the_sink, record);
}

static void write_own(void *userdata, const char *text, size_t size, bool continued) {
        const int *priority = userdata;
        struct log_record record = {
                .source = { .pid = getpid() },
                .priority = *priority,
                .realtime_usec = now_realtime_usec(),
                .text = text,
                .size = size,
                .continued = continued,
        };

        log_write(&record);
}

/* Through the splitter, since a message may quote what others wrote. */
static void _printf_(2, 0) log_va(int priority, const char *format, va_list args) {
        struct log_lines lines = LOG_LINES_NULL;
        char text[LOG_MESSAGE_MAX];

        vsnprintf(text, sizeof text, format, args);
        if (log_lines_feed(&lines, text, strlen(text), write_own, &priority) >= 0)
                log_lines_flush(&lines, write_own, &priority);
        log_lines_done(&lines);
}

#define DEFINE_LOG(fn, priority)                        \
        void fn(const char *format, ...) {              \
                va_list args;                           \
                va_start(args, format);                 \
                log_va(priority, format, args);         \
                va_end(args);                           \
        }

DEFINE_LOG(log_error, LOG_ERR)
DEFINE_LOG(log_warning, LOG_WARNING)
DEFINE_LOG(log_info, LOG_INFO)
