/* SPDX-License-Identifier: MIT */

/*
 * The daemon's log
 *
 * The sink is the one object of the process that is not passed around: a failure must be told from
 * anywhere, also where there is no manager yet. Those beside it are for workers that want their lines at one place,
 * wherever the daemon logs; they are opened by the first such line.
 */

#include "daemon/log/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/log/lines.h"
#include "daemon/log/sink.h"

static struct log_sink the_sink = LOG_SINK_NULL_INITIALIZER;

static struct log_sink beside[] = { LOG_SINK_NULL_INITIALIZER, LOG_SINK_NULL_INITIALIZER };

static const struct {
        enum log_where where;
        const struct log_sink_type *type;
} places[ARRAY_SIZE(beside)] = { { LOG_JOURNAL, &log_sink_journal }, { LOG_STDERR, &log_sink_stderr } };

static void close_beside(void) {
        for (size_t i = 0; i < ARRAY_SIZE(beside); i++)
                log_sink_close(&beside[i]);
}

void log_open(void) {
        log_sink_close(&the_sink);
        close_beside();
        the_sink = LOG_SINK_NULL;
        log_sink_open(&the_sink, log_sink_choose(the_sink.target_fd, the_sink.journal_path));
}

void log_close(void) {
        log_sink_close(&the_sink);
        close_beside();
}

static void write_beside(size_t place, const struct log_record *record) {
        struct log_sink *sink = &beside[place];
        int r = sink->type == &log_sink_none ? log_sink_try(sink, places[place].type) : 0;

        if (r >= 0) {
                log_sink_write(sink, record);
                return;
        }
        sink->dropped_total++;
        if (sink->dropped++ == 0)
                log_warning("the log '%s' cannot be opened: %s; lines for it are dropped until it can",
                            places[place].type->name, strerror(-r));
}

void log_write(const struct log_record *record, unsigned int where) {
        for (size_t i = 0; i < ARRAY_SIZE(places); i++)
                if (!(where & places[i].where))
                        continue;
                else if (the_sink.type == places[i].type)
                        where |= LOG_HERE;
                else
                        write_beside(i, record);
        if (where & LOG_HERE)
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

        log_write(&record, LOG_HERE);
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
