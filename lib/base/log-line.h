/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_LOG_LINE_H
#define GANGER_BASE_LOG_LINE_H

/*
 * What stands in front of each line of a log file, and the levels of syslog(3)
 *
 *     2026-11-27T10:00:00.123456Z resize/0[4711] stderr warning: low on space
 *
 * The time is UTC, the pid 0 where it was not known. What the daemon itself says there has the key `gangerd` and the
 * stream `-`.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/** "emerg" (0) … "debug" (7), as systemd writes them; ends with NULL. */
extern const char *const log_level_words[];
#define LOG_LEVELS 8

/** A word, a synonym that syslog(3) knows ("error", "warn", "panic"), or a number. @return 0 … 7 or -EINVAL. */
int log_level_parse(const char *text);

/** "worker/4294967295/on-failure". */
#define LOG_LINE_KEY_MAX (NAME_LENGTH_MAX + 33)
/** The longest head, terminated. */
#define LOG_LINE_HEAD_MAX (28 + LOG_LINE_KEY_MAX + 13 + 8 + 9 + 2)
/** How much of a line is its time. */
#define LOG_LINE_TIME_LENGTH 27

struct log_line_head {
        uint64_t realtime_usec;
        char key[LOG_LINE_KEY_MAX];
        int pid;
        char stream[8];                 /* "stdout", "stderr", "-" */
        int priority;
};

/** Write a head, with the space in front of the text. @return its length. */
size_t log_line_head_format(char buf[LOG_LINE_HEAD_MAX], const struct log_line_head *head);

/** The time at the beginning of a line. @return 0 or -EINVAL. */
int log_line_time_parse(const char *line, size_t size, uint64_t *ret_usec);

/** Read a head. @return where the text begins; NULL: this is no line of ours. */
const char *log_line_head_parse(const char *line, size_t size, struct log_line_head *ret);

#endif
