/* SPDX-License-Identifier: MIT */

/*
 * Capture of the output of instances
 *
 * Invariant: a wake-up costs a bounded number of reads and lines, whatever the other side writes, and
 * the memory of a capture is that of one half-read line.
 */

#include "daemon/log/capture.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/time.h"

/** One read: small, so that the limit of lines is looked at often enough. */
#define READ_SIZE 4096

static void take_line(void *userdata, const char *text, size_t size, bool continued) {
        struct log_capture *c = userdata;
        struct log_record record;

        if (!c->within)
                c->priority = log_priority_take(&text, &size, LOG_INFO);
        c->within = continued;
        c->n_lines++;
        record = (struct log_record){
                .source = c->from,
                .priority = c->priority,
                .realtime_usec = now_realtime_usec(),
                .text = text,
                .size = size,
                .continued = continued,
                .dropped = TAKE_GENERIC(c->dropped, 0),
        };
        c->fn(c, &record);
}

/* @return bytes read and taken; 0: end of the stream; -EAGAIN: nothing there; other -errno. */
static ssize_t read_some(struct log_capture *c) {
        char buf[READ_SIZE];
        ssize_t n;

        do
                n = read(c->fd, buf, sizeof buf);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        /* Without memory a line is lost; the stream goes on. */
        if (log_lines_feed(&c->lines, buf, (size_t)n, take_line, c) < 0) {
                c->within = false;
                c->dropped++;
        }
        return n;
}

/* Read until nothing is there, or a limit is reached. Takes what it has read off `bytes`. @return as read_some(). */
static ssize_t read_up_to(struct log_capture *c, size_t *bytes, uint64_t lines) {
        uint32_t before = c->n_lines;
        ssize_t n;

        while (*bytes > 0 && c->n_lines - before < lines) {
                n = read_some(c);
                if (n <= 0)
                        return n;
                *bytes -= MIN(*bytes, (size_t)n);
        }
        return 1;
}

/*
 * One after the other, as the kernel hands them out: whoever was read goes behind all others that have something. So none
 * starves, and nothing that was handed out belongs to a capture that is closed by then.
 */
static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        size_t bytes = LOG_CAPTURE_BYTES;
        uint64_t lines = LOG_CAPTURE_LINES;
        struct epoll_event event;

        for (int i = 0; i < LOG_CAPTURES_AT_ONCE && bytes > 0 && lines > 0 && epoll_wait(fd, &event, 1, 0) == 1; i++) {
                struct log_capture *c = event.data.ptr;
                uint32_t before = c->n_lines;
                ssize_t n = read_up_to(c, &bytes, lines);

                lines -= MIN(lines, c->n_lines - before);
                /* The end, or an error that will not go away: either way, nothing more will come. */
                if (n == 0 || (n < 0 && n != -EAGAIN))
                        log_capture_close(c);
        }
        return 0;
}

/* ---- being watched ------------------------------------------------------------------------------ */

static int capture_watch(struct log_capture *c) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

        return epoll_ctl(c->captures->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0 ? -errno : 0;
}

static void arm_retry(struct log_captures *captures) {
        (void)sd_event_source_set_time_relative(captures->retry, LOG_CAPTURE_RETRY_USEC);
        (void)sd_event_source_set_enabled(captures->retry, SD_EVENT_ONESHOT);
}

/* Want of memory passes. A process that were told that nobody reads would die of it. */
static void watch_later(struct log_capture *c) {
        list_append(&c->captures->unwatched, &c->link);
        arm_retry(c->captures);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        struct log_captures *captures = userdata;

        list_for_each_safe(it, &captures->unwatched)
                if (capture_watch(list_entry(it, struct log_capture, link)) >= 0)
                        list_unlink(it);
        if (!list_is_empty(&captures->unwatched))
                arm_retry(captures);
        return 0;
}

static int add_retry(struct log_captures *captures, sd_event *event) {
        int r = sd_event_add_time_relative(event, &captures->retry, CLOCK_MONOTONIC, LOG_CAPTURE_RETRY_USEC, 0, on_retry, captures);

        return r < 0 ? r : sd_event_source_set_enabled(captures->retry, SD_EVENT_OFF);
}

/* ---- all of them --------------------------------------------------------------------------------- */

int log_captures_init(struct log_captures *captures, sd_event *event) {
        int r;

        *captures = LOG_CAPTURES_NULL;
        list_init(&captures->unwatched);
        captures->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (captures->epoll_fd < 0)
                return -errno;
        r = sd_event_add_io(event, &captures->source, captures->epoll_fd, EPOLLIN, on_readable, captures);
        if (r >= 0)
                r = sd_event_source_set_priority(captures->source, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = add_retry(captures, event);
        if (r < 0)
                log_captures_done(captures);
        return r < 0 ? r : 0;
}

void log_captures_done(struct log_captures *captures) {
        sd_event_source_disable_unref(captures->source);
        sd_event_source_disable_unref(captures->retry);
        close_fd(captures->epoll_fd);
        *captures = LOG_CAPTURES_NULL;
}

int log_capture_open(struct log_capture *c, struct log_captures *captures, int fd, const struct log_source *from,
                     log_capture_fn fn, void *userdata) {
        int r = fd_set_nonblocking(fd, true);

        if (r < 0)
                return r;
        *c = (struct log_capture){
                .from = *from,
                .fd = fd,
                .captures = captures,
                .priority = LOG_INFO,
                .fn = fn,
                .userdata = userdata,
        };
        list_init(&c->link);
        r = capture_watch(c);
        if (r == -ENOMEM || r == -ENOSPC)
                watch_later(c);
        else if (r < 0)
                *c = LOG_CAPTURE_NULL;
        return r == -ENOMEM || r == -ENOSPC ? 0 : r;
}

void log_capture_close(struct log_capture *c) {
        if (c->fd < 0)
                return;
        /* The keeper has it too, so that it would not go by itself. */
        list_unlink(&c->link);
        (void)epoll_ctl(c->captures->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
        c->fd = close_fd(c->fd);
        log_lines_flush(&c->lines, take_line, c);
}

void log_capture_drain(struct log_capture *c) {
        size_t bytes = LOG_DRAIN_BYTES;

        if (c->fd < 0)
                return;
        read_up_to(c, &bytes, UINT64_MAX);
        log_capture_close(c);
}
