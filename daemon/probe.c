/* SPDX-License-Identifier: MIT */
/*
 * Probes
 *
 * What must hold: each probe that was begun is answered once, from the loop, within its time; and what the other side
 * sends is bounded.
 */

#include "daemon/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/time.h"

void probe_stop(struct probe *p) {
        p->io = sd_event_source_disable_unref(p->io);
        p->timer = sd_event_source_disable_unref(p->timer);
        p->fd = close_fd(p->fd);
        free(p->address);
        p->address = NULL;
}

static void finish(struct probe *p, bool succeeded, const char *why) {
        probe_stop(p);
        p->fn(p->userdata, succeeded, why);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct probe *p = userdata;

        finish(p, false, p->error ? strerrordesc_np(p->error) : "no answer in time");
        return 0;
}

/* ---- what is asked once the connection stands; 1: it is answered well; 0: go on; or -errno ------ */

static int ask_nothing(struct probe *p, uint32_t revents, const char **ret_why) {
        return 1;
}

static int send_request(struct probe *p) {
        char text[PROBE_REQUEST_MAX];
        int n = snprintf(text, sizeof text,
                         "GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: gangerd\r\nConnection: close\r\n\r\n",
                         p->address->path, p->address->host);

        if (n < 0 || (size_t)n >= sizeof text)
                return -ENAMETOOLONG;
        /* A new connection takes so little at once. */
        if (send(p->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
                return errno ? -errno : -EIO;
        p->asked = true;
        return sd_event_source_set_io_events(p->io, EPOLLIN);
}

/* "HTTP/1.1 204 No Content": of the rest nothing matters. */
static int ask_http(struct probe *p, uint32_t revents, const char **ret_why) {
        int major, minor, status;
        ssize_t n;

        if (!p->asked)
                return send_request(p);
        n = recv(p->fd, p->answer + p->n_answer, sizeof p->answer - 1 - p->n_answer, 0);
        if (n < 0)
                return errno == EAGAIN ? 0 : -errno;
        p->n_answer += (size_t)n;
        p->answer[p->n_answer] = '\0';
        if (sscanf(p->answer, "HTTP/%1d.%1d %3d", &major, &minor, &status) == 3 && status >= 100) {
                *ret_why = "it answers with another status than 2xx or 3xx";
                return status >= 200 && status < 400 ? 1 : -EPROTO;
        }
        *ret_why = "its answer is not HTTP";
        return n == 0 || p->n_answer + 1 == sizeof p->answer ? -EPROTO : 0;
}

static const struct {
        int (*ask)(struct probe *p, uint32_t revents, const char **ret_why);
} kinds[_PROBE_KIND_N] = {
        [PROBE_TCP] = { ask_nothing },
        [PROBE_UNIX] = { ask_nothing },
        [PROBE_HTTP] = { ask_http },
};

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct probe *p = userdata;
        const char *why = NULL;
        int error = 0, r;
        socklen_t size = sizeof error;

        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                error = errno;
        r = error ? -error : kinds[p->address->kind].ask(p, revents, &why);
        if (r != 0)
                finish(p, r > 0, why ?: strerrordesc_np(r < 0 ? -r : 0));
        return 0;
}

int probe_start(struct probe *p, sd_event *event, enum probe_kind kind, const char *address, uint64_t timeout_usec,
                probe_fn fn, void *userdata) {
        int r;

        probe_stop(p);
        *p = (struct probe){ .event = event, .fd = -1, .fn = fn, .userdata = userdata };
        p->address = calloc(1, sizeof *p->address);
        if (!p->address)
                return -ENOMEM;
        r = probe_address_parse(kind, address, p->address);
        if (r < 0) {
                probe_stop(p);
                return r;
        }
        p->fd = socket(p->address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (p->fd < 0) {
                r = -errno;
                probe_stop(p);
                return r;
        }
        if (connect(p->fd, &p->address->any, p->address->size) < 0 && errno != EINPROGRESS)
                p->error = errno;
        else
                r = sd_event_add_io(event, &p->io, p->fd, EPOLLOUT, on_io, p);
        if (r >= 0)
                r = sd_event_add_time(event, &p->timer, CLOCK_MONOTONIC,
                                      p->error ? 0 : usec_add(now_usec(), timeout_usec), 1, on_timer, p);
        if (r < 0)
                probe_stop(p);
        return r;
}
