/* SPDX-License-Identifier: MIT */

/*
 * The sink `stderr`: "resize/0: text" to a terminal, a file, a pipe or a socket
 *
 * It must not block, and the file description of our stderr is shared with whoever started us, so
 * O_NONBLOCK must not be set there. A pipe or a terminal is opened once more through /proc to get a
 * description of our own; a socket is sent to with MSG_DONTWAIT; a file does not block. Where none of it
 * works (a terminal of another user), poll(2) is asked before each write, which leaves a window only
 * if somebody else writes there at the same moment.
 *
 * Invariant: a write is at most PIPE_BUF long, so a pipe takes it whole or not at all.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "daemon/log/lines.h"
#include "daemon/log/sink.h"

/** Ends a piece of a line that goes on in the next one. */
#define GOES_ON "…"

/** "<6>", a key, ": " and what comes after a torn line. */
#define PREFIX_MAX (3 + NAME_LENGTH_MAX + 1 + 10 + 2 + 1)

/* A description of our own for a pipe or a terminal. @return a descriptor or -errno. */
static int open_own(int fd) {
        char path[32];
        int own;

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        return own >= 0 ? own : -errno;
}

static int stderr_open(struct log_sink *sink) {
        struct stat st;
        int fd = -1;

        if (fstat(sink->target_fd, &st) < 0)
                return -errno;

        sink->is_socket = S_ISSOCK(st.st_mode);
        if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
                fd = open_own(sink->target_fd);
        sink->guarded = fd < 0 && !sink->is_socket && !S_ISREG(st.st_mode);
        if (fd < 0)
                fd = fcntl(sink->target_fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;

        /* A reader of our stderr that goes away must not take the daemon with it. */
        signal(SIGPIPE, SIG_IGN);
        sink->fd = fd;
        sink->with_priority = log_fd_is_journal_stream(sink->target_fd);
        return 0;
}

static bool is_writable(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };

        return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

/* One write, of at most PIPE_BUF bytes. */
static int write_piece(struct log_sink *sink, const char *data, size_t size) {
        ssize_t n;

        if (sink->guarded && !is_writable(sink->fd))
                return -EAGAIN;
        do
                n = sink->is_socket ? send(sink->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL)
                                    : write(sink->fd, data, size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        sink->torn = (size_t)n < size;
        return sink->torn ? -EAGAIN : 0;
}

static size_t format_prefix(struct log_sink *sink, const struct log_record *record, char *buf) {
        const char *key = record->source.worker ? record->source.key : "gangerd";
        char priority[4] = "";
        int n;

        if (sink->with_priority)
                snprintf(priority, sizeof priority, "<%d>", record->priority & LOG_PRIMASK);
        n = snprintf(buf, PREFIX_MAX + 1, "%s%s%.*s: ", sink->torn ? "\n" : "", priority,
                     NAME_LENGTH_MAX + 1 + 10, key);
        return (size_t)n;
}

static int stderr_write(struct log_sink *sink, const struct log_record *record) {
        const char *text = record->text;
        size_t left = record->size;
        char buf[PIPE_BUF];
        int r;

        do {
                size_t prefix = format_prefix(sink, record, buf);
                size_t n = log_text_cut(text, left, sizeof buf - prefix - strlen(GOES_ON "\n"));
                const char *end = n < left || record->continued ? GOES_ON "\n" : "\n";

                memcpy(buf + prefix, text, n);
                memcpy(buf + prefix + n, end, strlen(end));
                r = write_piece(sink, buf, prefix + n + strlen(end));
                text += n;
                left -= n;
        } while (r >= 0 && left > 0);
        return r;
}

static void stderr_close(struct log_sink *sink) {
        sink->fd = close_fd(sink->fd);
}

const struct log_sink_type log_sink_stderr = { "stderr", stderr_open, stderr_write, stderr_close };
