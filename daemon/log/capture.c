/* SPDX-License-Identifier: MIT */

/*
 * Capture of the output of instances
 *
 * Invariant: a wake-up costs a bounded number of reads and lines, whatever the other side writes, and
 * the memory of a capture is that of one half-read line.
 */

#include "daemon/log/capture.h"

#include <errno.h>
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

/* Read until nothing is there, or a limit is reached. @return as read_some(). */
static ssize_t read_up_to(struct log_capture *c, size_t bytes, uint64_t lines) {
        uint64_t last = c->n_lines + lines;
        ssize_t n;

        for (size_t sum = 0; sum < bytes && c->n_lines < last; sum += (size_t)n) {
                n = read_some(c);
                if (n <= 0)
                        return n;
        }
        return 1;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct log_capture *c = userdata;
        ssize_t n = read_up_to(c, LOG_CAPTURE_BYTES, LOG_CAPTURE_LINES);

        /* The end, or an error that will not go away: either way, nothing more will come. */
        if (n == 0 || (n < 0 && n != -EAGAIN))
                log_capture_close(c);
        return 0;
}

int log_capture_open(struct log_capture *c, sd_event *event, int fd, const struct log_source *from,
                     log_capture_fn fn, void *userdata) {
        sd_event_source *source = NULL;
        int r;

        r = fd_set_nonblocking(fd, true);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &source, fd, EPOLLIN, on_readable, c);
        if (r < 0)
                return r;
        r = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IDLE);
        if (r < 0) {
                sd_event_source_unref(source);
                return r;
        }
        *c = (struct log_capture){
                .from = *from,
                .fd = fd,
                .source = source,
                .priority = LOG_INFO,
                .fn = fn,
                .userdata = userdata,
        };
        return 0;
}

void log_capture_close(struct log_capture *c) {
        if (c->fd < 0)
                return;
        c->source = sd_event_source_disable_unref(c->source);
        c->fd = close_fd(c->fd);
        log_lines_flush(&c->lines, take_line, c);
}

void log_capture_drain(struct log_capture *c) {
        if (c->fd < 0)
                return;
        read_up_to(c, LOG_DRAIN_BYTES, UINT64_MAX - c->n_lines);
        log_capture_close(c);
}
