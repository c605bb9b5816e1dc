/* SPDX-License-Identifier: MIT */

/*
 * One line of log: its parts
 */

#include "daemon/log/record.h"

static const char *const stream_names[_LOG_STREAM_N] = {
        [LOG_STREAM_STDOUT] = "stdout",
        [LOG_STREAM_STDERR] = "stderr",
};

const char *log_stream_name(enum log_stream stream) {
        return (unsigned)stream < _LOG_STREAM_N ? stream_names[stream] : "?";
}

int log_priority_take(const char **text, size_t *size, int otherwise) {
        const char *p = *text;

        if (*size < 3 || p[0] != '<' || p[1] < '0' || p[1] > '7' || p[2] != '>')
                return otherwise;
        *text += 3;
        *size -= 3;
        return p[1] - '0';
}
