/* SPDX-License-Identifier: MIT */

/*
 * The sink `file`: a log file, which is rotated (file.h)
 *
 * It is opened by its first line, and each line may open it again: what cannot be opened now may be possible later.
 */

#include <errno.h>

#include "daemon/log/file.h"
#include "daemon/log/sink.h"

static int file_open(struct log_sink *sink) {
        return sink->file ? 0 : -EINVAL;
}

static int file_write(struct log_sink *sink, const struct log_record *record) {
        return log_file_write(sink->file, record);
}

static void file_close(struct log_sink *sink) {
        log_file_close(sink->file);
}

const struct log_sink_type log_sink_file = { "file", file_open, file_write, file_close };
