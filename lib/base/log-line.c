/* SPDX-License-Identifier: MIT */

/*
 * Lines of log files
 *
 * What is written here is read here: the two must fit, whatever is between. A reader takes nothing for granted: others may
 * have put lines of their own into the file.
 */

#include "base/log-line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/time.h"

const char *const log_level_words[] = {
        [LOG_EMERG] = "emerg", [LOG_ALERT] = "alert", [LOG_CRIT] = "crit", [LOG_ERR] = "err",
        [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
        [LOG_LEVELS] = NULL,
};

int log_level_parse(const char *text) {
        static const struct {
                const char *word;
                int level;
        } others[] = { { "panic", LOG_EMERG }, { "error", LOG_ERR }, { "warn", LOG_WARNING } };

        for (int level = 0; level < LOG_LEVELS; level++)
                if (strcmp(text, log_level_words[level]) == 0)
                        return level;
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
                if (strcmp(text, others[i].word) == 0)
                        return others[i].level;
        return text[0] >= '0' && text[0] < '0' + LOG_LEVELS && !text[1] ? text[0] - '0' : -EINVAL;
}

size_t log_line_head_format(char buf[LOG_LINE_HEAD_MAX], const struct log_line_head *head) {
        time_t sec = (time_t)(head->realtime_usec / USEC_PER_SEC);
        struct tm tm;
        int n;

        if (!gmtime_r(&sec, &tm))
                gmtime_r(&(time_t){ 0 }, &tm);
        n = snprintf(buf, LOG_LINE_HEAD_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ %s[%d] %s %s: ", tm.tm_year + 1900,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                     (unsigned int)(head->realtime_usec % USEC_PER_SEC), head->key, head->pid, head->stream,
                     log_level_words[head->priority & LOG_PRIMASK]);
        return n < LOG_LINE_HEAD_MAX ? (size_t)n : LOG_LINE_HEAD_MAX - 1;
}

int log_line_time_parse(const char *line, size_t size, uint64_t *ret_usec) {
        char text[LOG_LINE_TIME_LENGTH + 1];
        struct tm tm = { 0 };
        unsigned int usec;
        char z;
        int n = 0;

        if (size < LOG_LINE_TIME_LENGTH)
                return -EINVAL;
        memcpy(text, line, LOG_LINE_TIME_LENGTH);
        text[LOG_LINE_TIME_LENGTH] = '\0';
        if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%6u%c%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
                   &tm.tm_sec, &usec, &z, &n) != 8 || n != LOG_LINE_TIME_LENGTH || z != 'Z' || tm.tm_year < 1970)
                return -EINVAL;
        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        *ret_usec = (uint64_t)timegm(&tm) * USEC_PER_SEC + usec;
        return 0;
}

const char *log_line_head_parse(const char *line, size_t size, struct log_line_head *ret) {
        struct log_line_head head = { 0 };
        char buf[LOG_LINE_HEAD_MAX], level[9];
        size_t n = size < sizeof buf - 1 ? size : sizeof buf - 1;
        int used = 0;

        if (log_line_time_parse(line, size, &head.realtime_usec) < 0)
                return NULL;
        memcpy(buf, line, n);
        buf[n] = '\0';
        /* Widths: LOG_LINE_KEY_MAX - 1, sizeof stream - 1, sizeof level - 1. */
        if (sscanf(buf + LOG_LINE_TIME_LENGTH, " %95[^][ ][%d] %7[a-z-] %8[a-z]:%n", head.key, &head.pid, head.stream, level,
                   &used) != 4 || used == 0 || buf[LOG_LINE_TIME_LENGTH + used] != ' ')
                return NULL;
        head.priority = log_level_parse(level);
        if (head.priority < 0)
                return NULL;
        *ret = head;
        return line + LOG_LINE_TIME_LENGTH + used + 1;
}

_Static_assert(LOG_LINE_KEY_MAX - 1 == 95 && sizeof((struct log_line_head *)0)->stream - 1 == 7, "the widths of sscanf");
