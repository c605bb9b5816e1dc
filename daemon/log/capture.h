/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_LOG_CAPTURE_H
#define GANGER_DAEMON_LOG_CAPTURE_H

/*
 * The output of one instance: from the read end of a pipe to lines
 *
 * Reads at idle priority and a bounded amount at a time, so that an instance that floods its stdout
 * is slowed down by its own full pipe, and neither starves the others nor the daemon.
 */

#include <systemd/sd-event.h>

#include "base/list.h"
#include "base/time.h"
#include "daemon/log/lines.h"
#include "daemon/log/record.h"

/** One wake-up reads no more than this … */
#define LOG_CAPTURE_BYTES (64 * 1024)
/** … and stops reading after so many lines, since short lines cost more than long ones … */
#define LOG_CAPTURE_LINES 512
/** … and after so many captures. */
#define LOG_CAPTURES_AT_ONCE 64
/** What the kernel has no memory to watch is tried again after this. Until then it waits in its pipe. */
#define LOG_CAPTURE_RETRY_USEC (100 * USEC_PER_MSEC)
/** A drain reads no more than this: the largest pipe that an ordinary user can have (pipe-max-size). */
#define LOG_DRAIN_BYTES (1024 * 1024)

/**
 * All that are open, and how the loop hears of them: by one source, however many there are. A thousand that are to be read
 * cost a loop that is busy with something else nothing.
 */
struct log_captures {
        int epoll_fd;
        sd_event_source *source;
        struct list unwatched;          /* of captures that the kernel had no memory to watch … */
        sd_event_source *retry;         /* … until it is tried again */
};

#define LOG_CAPTURES_NULL ((struct log_captures){ .epoll_fd = -1 })

/** @return 0 or -errno. */
int log_captures_init(struct log_captures *captures, sd_event *event);

/** When all of them are closed. */
void log_captures_done(struct log_captures *captures);

struct log_capture;

/** A line. Only valid during the call, which must not close the capture. */
typedef void (*log_capture_fn)(struct log_capture *capture, const struct log_record *record);

struct log_capture {
        struct log_source from;
        struct log_captures *captures;
        struct list link;               /* in `unwatched` */
        struct log_lines lines;
        int fd;                         /* -1: closed, or at its end */
        uint32_t n_lines;               /* in all; how many in between is all that is asked */
        uint32_t dropped;               /* lines lost and not yet told of */
        int8_t priority;                /* of a line that goes on */
        bool within;                    /* the next piece goes on with a line */
        log_capture_fn fn;
        void *userdata;
};

#define LOG_CAPTURE_NULL ((struct log_capture){ .fd = -1 })

/**
 * Capture what comes from a pipe, or what else can be polled.
 * @param fd    made non-blocking; the capture's own, if this succeeds. (Only the keeper has this end of the
 *              pipe too, and does not read it: nobody else is bothered by the flag.)
 * @param from  copied; the strings in it must outlive the capture.
 * @return 0 or -errno.
 */
int log_capture_open(struct log_capture *c, struct log_captures *captures, int fd, const struct log_source *from,
                     log_capture_fn fn, void *userdata);

/**
 * Its process is dead: read what is left in the pipe, then close. Does not wait for those that may
 * still hold the other end.
 */
void log_capture_drain(struct log_capture *c);

/** Close it; a line without an end is handed on, what is left in the pipe is not. */
void log_capture_close(struct log_capture *c);

/** Whether more may come: neither closed nor at the end of the stream. */
static inline bool log_capture_is_open(const struct log_capture *c) {
        return c->fd >= 0;
}

#endif
