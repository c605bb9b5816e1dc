/* SPDX-License-Identifier: MIT */

/*
 * Where log lines go: what all sinks share
 *
 * Invariant: every record was either taken whole by the sink or is counted in `dropped_total`; and a
 * record is never taken before the loss of those before it was told.
 */

#include "daemon/log/sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/time.h"

const struct log_sink_type *const log_sinks[] = {
        &log_sink_journal, &log_sink_stderr, &log_sink_file, &log_sink_none, NULL,
};

static int none_open(struct log_sink *sink) {
        return 0;
}

static int none_write(struct log_sink *sink, const struct log_record *record) {
        return 0;
}

static void none_close(struct log_sink *sink) {
}

const struct log_sink_type log_sink_none = { "none", none_open, none_write, none_close };

bool log_fd_is_journal_stream(int fd) {
        const char *text = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;

        return text && sscanf(text, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &st) >= 0 &&
               st.st_dev == (dev_t)device && st.st_ino == (ino_t)inode;
}

/* /dev/null, or closed. */
static bool is_unread(int fd) {
        struct stat st;

        return fstat(fd, &st) < 0 || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

const struct log_sink_type *log_sink_choose(int stderr_fd, const char *journal_path) {
        bool wanted = log_fd_is_journal_stream(stderr_fd) || is_unread(stderr_fd);

        return wanted && access(journal_path, W_OK) >= 0 ? &log_sink_journal : &log_sink_stderr;
}

void log_sink_open(struct log_sink *sink, const struct log_sink_type *type) {
        sink->type = type;
        if (sink->type->open(sink) >= 0)
                return;
        sink->type = &log_sink_stderr;
        if (sink->type->open(sink) >= 0)
                return;
        sink->type = &log_sink_none;
}

int log_sink_try(struct log_sink *sink, const struct log_sink_type *type) {
        int r;

        sink->type = type;
        r = type->open(sink);
        if (r < 0)
                sink->type = &log_sink_none;
        return r;
}

/* @return whether there is nothing left to tell. */
static bool tell_dropped(struct log_sink *sink) {
        struct log_record record = { .priority = LOG_WARNING, .realtime_usec = now_realtime_usec() };
        char text[64];

        if (fault_is("forget-dropped"))
                sink->dropped = 0;
        if (sink->dropped == 0)
                return true;
        record.text = text;
        record.size = (size_t)snprintf(text, sizeof text, "%" PRIu64 " lines of log dropped", sink->dropped);
        if (sink->type->write(sink, &record) < 0)
                return false;
        sink->dropped = 0;
        return true;
}

void log_sink_write(struct log_sink *sink, const struct log_record *record) {
        if (tell_dropped(sink) && sink->type->write(sink, record) >= 0)
                return;
        sink->dropped++;
        sink->dropped_total++;
}

void log_sink_close(struct log_sink *sink) {
        tell_dropped(sink);
        sink->type->close(sink);
        sink->type = &log_sink_none;
}
