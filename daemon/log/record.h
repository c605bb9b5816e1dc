/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_LOG_RECORD_H
#define GANGER_DAEMON_LOG_RECORD_H

/*
 * One line of log, on its way from whoever said it to a sink, a tail, and those who follow
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <syslog.h>                     /* LOG_ERR, LOG_WARNING, LOG_INFO */

enum log_stream {
        LOG_STREAM_STDOUT,
        LOG_STREAM_STDERR,
        _LOG_STREAM_N,
};

/** "stdout", "stderr". */
const char *log_stream_name(enum log_stream stream);

/** Whose output it is. All of it is the owner's, and outlives what refers to it. */
struct log_source {
        const char *worker;             /* NULL: the daemon's own message */
        const char *key;                /* "resize/0"; NULL with `worker` */
        uint32_t instance;
        enum log_stream stream;
        pid_t pid;                      /* 0: not known */
        uint64_t generation;            /* counts the processes of the instance; 0: none */
};

struct log_record {
        struct log_source source;
        int priority;                   /* of syslog(3): LOG_INFO … */
        uint64_t realtime_usec;
        const char *text;               /* valid UTF-8 without control characters, not terminated */
        size_t size;                    /* at most LOG_LINE_MAX */
        bool continued;                 /* the line was too long and goes on in the next record */
        uint64_t dropped;               /* lines that were lost before this one */
};

/**
 * Take the priority off the beginning of a line, as sd-daemon(3) has it: "<4>low on space".
 * @return the priority, or `otherwise` if there is none; then `text` and `size` are left as they are.
 */
int log_priority_take(const char **text, size_t *size, int otherwise);

#endif
