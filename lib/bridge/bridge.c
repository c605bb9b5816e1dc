/* SPDX-License-Identifier: MIT */

/*
 * What all ways of speaking share: finishing messages, stopping, ending
 *
 * A ring that is full makes us wait: the program's next request waits too, which is the back-pressure that a
 * pipeline needs. Meanwhile we look at nothing else; a request to stop is seen when there is space.
 */

#include "bridge/bridge.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "bridge/program.h"

void bridge_log(const char *format, ...) {
        char line[1024];
        va_list args;

        va_start(args, format);
        vsnprintf(line, sizeof line, format, args);
        va_end(args);
        fprintf(stderr, "ganger-bridge: %s\n", line);
}

int bridge_start_failed(const struct bridge *b, int error) {
        bridge_log("cannot run %s: %s", b->options.argv[0], strerror(-error));
        switch (error) {
        case -ENOENT:
        case -ENOTDIR:
                return END_NOT_FOUND;
        case -EACCES:
        case -ENOEXEC:
        case -EPERM:
        case -EISDIR:
                return END_NOT_EXECUTABLE;
        default:
                return END_FAILED;
        }
}

int bridge_ready(struct bridge *b) {
        int r = ganger_ready(b->ganger);

        if (r < 0)
                bridge_log("cannot tell the daemon that we are ready: %s", strerror(-r));
        return r;
}

/* ---- stopping ---------------------------------------------------------------------------------- */

int bridge_take_signal(struct bridge *b, const struct program *p) {
        struct signalfd_siginfo info;

        if (read(b->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
                return 0;
        if (info.ssi_signo != SIGCHLD)
                return (int)info.ssi_signo;
        program_reap_others(p);
        return 0;
}

static bool asks_to_stop(int signal) {
        return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

int bridge_end_as(int status, bool stopping) {
        return stopping && WIFSIGNALED(status) && asks_to_stop(WTERMSIG(status)) ? END_WELL : status;
}

/* ---- finishing messages ------------------------------------------------------------------------ */

/** An operation on a ring failed that cannot, unless its memory is damaged. */
static int ring_failed(const char *what, int error) {
        bridge_log("%s: %s", what, strerror(-error));
        return error;
}

size_t bridge_reply_max(const struct bridge *b) {
        return ganger_ring_message_max(b->send ? b->send : b->receive);
}

static int forward(struct bridge *b, struct ganger_message *m, const void *text, size_t size) {
        struct ganger_message out;
        int r;

        do
                r = ganger_ring_reserve(b->send, size, &out, -1);
        while (r == -EINTR);
        if (r < 0)
                return ring_failed("cannot send", r);
        if (size > 0)
                memcpy(out.data, text, size);
        r = ganger_forward(m, &out);
        return r < 0 ? ring_failed("cannot forward", r) : 0;
}

int bridge_accept(struct bridge *b, struct ganger_message *m, const void *text, size_t size) {
        int r;

        if (text && b->send)
                return size > bridge_reply_max(b) ? bridge_reject_long(b, m) : forward(b, m, text, size);
        r = ganger_acknowledge(m);
        return r < 0 ? ring_failed("cannot acknowledge", r) : 0;
}

int bridge_reject(struct ganger_message *m, const char *reason, size_t size) {
        char text[GANGER_REASON_MAX + 1] = "";
        int r;

        memcpy(text, reason, MIN(size, (size_t)GANGER_REASON_MAX));
        r = ganger_reject(m, text);
        return r < 0 ? ring_failed("cannot reject", r) : 0;
}

int bridge_reject_long(struct bridge *b, struct ganger_message *m) {
        char reason[GANGER_REASON_MAX + 1];

        snprintf(reason, sizeof reason, "reply longer than %zu bytes", bridge_reply_max(b));
        return bridge_reject(m, reason, strlen(reason));
}

int bridge_send(struct bridge *b, const void *data, size_t size) {
        int r;

        do
                r = ganger_ring_send(b->send, data, size, -1);
        while (r == -EINTR);
        if (r == -EMSGSIZE) {
                bridge_log("dropped a message of %zu bytes: ring %s takes %zu", size,
                           ganger_ring_name(b->send), ganger_ring_message_max(b->send));
                return 0;
        }
        return r < 0 ? ring_failed("cannot send", r) : 0;
}
