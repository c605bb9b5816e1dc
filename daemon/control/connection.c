/* SPDX-License-Identifier: MIT */

/*
 * A connection
 *
 * The handler of its socket reads some frames, hands each to the calls, and sends what came of it. Listeners
 * (events, log lines) only queue, and wake it. Invariants: a broken connection sends nothing, reads nothing,
 * and lives until the reaper runs, so whoever called into it can go on; the socket is watched for exactly
 * what can be done, so a peer that does not read costs nothing.
 */

#include "daemon/control/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/time.h"
#include "daemon/control/calls.h"
#include "daemon/control/server.h"
#include "wire/message.h"

/* ---- what is watched --------------------------------------------------------------------------- */

/** Whether more requests are taken. */
static bool connection_reads(const struct connection *c) {
        return !c->broken && !c->eof && !c->refused && c->writer.queued < CONNECTION_PAUSE;
}

/** Whether all is said. */
static bool connection_is_complete(const struct connection *c) {
        if (frame_writer_is_pending(&c->writer))
                return false;
        return c->refused || (c->eof && c->n_requests == 0);
}

/** The peer does not read what it asked for, and cannot ask for more: not for ever. */
static void connection_watch_stall(struct connection *c) {
        bool held_up = !connection_reads(c) && frame_writer_is_pending(&c->writer);

        if (held_up == c->stalling)
                return;
        c->stalling = held_up;
        if (held_up && sd_event_source_set_time_relative(c->stall, CONNECTION_STALL_USEC) < 0)
                return;
        (void)sd_event_source_set_enabled(c->stall, held_up ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/** After every change: watch the socket for what can be done now. */
static void connection_update(struct connection *c) {
        uint32_t events = 0;

        if (c->broken)
                return;
        if (connection_is_complete(c)) {
                connection_break(c);
                return;
        }
        if (connection_reads(c))
                events |= EPOLLIN;
        if (frame_writer_is_pending(&c->writer) || c->stream_due)
                events |= EPOLLOUT;
        if (sd_event_source_set_io_events(c->source, events) < 0)
                connection_break(c);
        else
                connection_watch_stall(c);
}

void connection_break(struct connection *c) {
        if (c->broken)
                return;
        c->broken = true;
        (void)sd_event_source_set_enabled(c->source, SD_EVENT_OFF);
        (void)sd_event_source_set_enabled(c->stall, SD_EVENT_OFF);
        list_unlink(&c->link);
        list_append(&c->control->broken, &c->link);
        (void)sd_event_source_set_enabled(c->control->reaper, SD_EVENT_ONESHOT);
}

void connection_refuse(struct connection *c) {
        c->refused = true;
        connection_update(c);
}

/* ---- out --------------------------------------------------------------------------------------- */

static int connection_flush(struct connection *c) {
        size_t before = c->writer.queued;
        int r;

        r = frame_writer_flush(&c->writer, c->fd);
        if (c->writer.queued < before && c->stalling) {
                c->stalling = false;
                (void)sd_event_source_set_enabled(c->stall, SD_EVENT_OFF);
        }
        return r == -EAGAIN ? 0 : r;
}

/** Queue a reply. The loop sends it. */
static int connection_push(struct connection *c, const Ganger__V1__Reply *reply, const int *fds,
                           size_t n_fds) {
        int r;

        r = message_push(&c->writer, &reply->base, fds, n_fds);
        if (r == -ENOBUFS && connection_flush(c) == 0)
                r = message_push(&c->writer, &reply->base, fds, n_fds);
        return r;
}

int connection_send(struct connection *c, const Ganger__V1__Reply *reply, const int *fds, size_t n_fds) {
        int r;

        if (c->broken)
                return 0;
        r = connection_push(c, reply, fds, n_fds);
        if (r == -EMSGSIZE)
                return r;
        if (r < 0)
                connection_break(c);
        else
                connection_update(c);
        return 0;
}

bool connection_has_room(const struct connection *c, size_t bytes) {
        return !c->broken && c->writer.queued + bytes < CONNECTION_STREAM;
}

bool connection_stream(struct connection *c, const Ganger__V1__Reply *reply) {
        if (!c->broken && !connection_has_room(c, 0))
                (void)connection_flush(c); /* an error is found again when the loop comes to it */
        if (!connection_has_room(c, 0))
                return false;
        if (connection_push(c, reply, NULL, 0) < 0)
                return false;
        connection_update(c);
        return true;
}

void connection_wake(struct connection *c) {
        c->stream_due = true;
        connection_update(c);
}

/** Let each request send, in turns: one that never ends must not starve the others. */
static void connection_pull(struct connection *c) {
        size_t n = c->n_requests;

        c->stream_due = false;
        while (n-- > 0 && connection_has_room(c, 0)) {
                struct pending *p = list_entry(c->requests.next, struct pending, link);
                int r;

                list_unlink(&p->link);
                list_append(&c->requests, &p->link);
                r = p->ops->pull(p);
                if (r == -ENODATA)
                        pending_end(p);
                else if (r > 0)
                        c->stream_due = true;
        }
        /* Those that had no turn for want of room have one when there is some. */
        if (!connection_has_room(c, 0))
                c->stream_due = true;
}

static void connection_write(struct connection *c) {
        if (connection_flush(c) < 0) {
                connection_break(c);
                return;
        }
        if (!c->stream_due || !connection_has_room(c, 0))
                return;
        connection_pull(c);
        if (!c->broken && connection_flush(c) < 0)
                connection_break(c);
}

/* ---- in ---------------------------------------------------------------------------------------- */

/** A frame that is not whole yet. Descriptors are refused before they can pile up. */
static void connection_check_partial(struct connection *c) {
        if (c->reader.frame.n_fds == 0)
                return;
        frame_reader_done(&c->reader);
        calls_refuse(c, GANGER__V1__ERROR_CODE__ERROR_INVALID, "no request takes file descriptors");
}

static void connection_read(struct connection *c) {
        for (unsigned int i = 0; i < CONNECTION_BURST && connection_reads(c); i++) {
                _cleanup_(frame_done) struct frame frame = FRAME_NULL;
                int r;

                r = frame_reader_read(&c->reader, c->fd, &frame);
                if (r == 0) {
                        calls_dispatch(c, &frame);
                        continue;
                }
                if (r == -EPIPE)
                        c->eof = true;
                else if (r == -EAGAIN)
                        connection_check_partial(c);
                else if (r == -EMSGSIZE)
                        calls_refuse(c, GANGER__V1__ERROR_CODE__ERROR_LIMIT, "a frame has at most 1 MiB");
                else
                        connection_break(c);
                return;
        }
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct connection *c = userdata;

        if (revents & EPOLLIN)
                connection_read(c);
        if (!c->broken)
                connection_write(c);
        /* The peer is gone for good. What it sent before is still read, to its end. */
        if (!c->broken && (revents & (EPOLLHUP | EPOLLERR)) && !connection_reads(c))
                connection_break(c);
        connection_update(c);
        return 0;
}

static int on_stall(sd_event_source *source, uint64_t usec, void *userdata) {
        struct connection *c = userdata;

        connection_break(c);
        return 0;
}

/* ---- requests that wait ------------------------------------------------------------------------ */

int pending_add(struct connection *c, struct pending *pending, uint64_t id, const struct pending_ops *ops) {
        if (c->n_requests >= CONNECTION_REQUESTS_MAX)
                return -EMFILE;
        *pending = (struct pending){ .connection = c, .id = id, .ops = ops };
        list_init(&pending->link);
        list_append(&c->requests, &pending->link);
        c->n_requests++;
        return 0;
}

void pending_end(struct pending *pending) {
        struct connection *c = pending->connection;

        list_unlink(&pending->link);
        c->n_requests--;
        pending->ops->free(pending);
        connection_update(c);
}

/* ---- life -------------------------------------------------------------------------------------- */

struct connection *connection_free(struct connection *c) {
        if (!c)
                return NULL;
        list_unlink(&c->link);
        c->broken = true;
        while (!list_is_empty(&c->requests))
                pending_end(list_entry(c->requests.next, struct pending, link));
        if (c->fd >= 0)
                (void)frame_writer_flush(&c->writer, c->fd);
        sd_event_source_disable_unref(c->source);
        sd_event_source_disable_unref(c->stall);
        frame_reader_done(&c->reader);
        frame_writer_done(&c->writer);
        close_fd(c->fd);
        peer_done(&c->peer);
        c->control->n_connections--;
        control_accept_resume(c->control);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(struct connection *, connection_free)

int connection_new(struct control *control, int fd, const struct peer *peer) {
        _cleanup_(connection_freep) struct connection *c = NULL;
        sd_event *event = control->gang->event;
        int r;

        c = malloc(sizeof *c);
        if (!c)
                return -ENOMEM;
        *c = (struct connection){ .control = control, .fd = -1, .peer = PEER_NULL };
        c->reader = FRAME_READER_NULL;
        list_init(&c->link);
        list_init(&c->requests);
        frame_writer_init(&c->writer, CONNECTION_QUEUE);
        control->n_connections++;
        r = sd_event_add_io(event, &c->source, fd, EPOLLIN, on_connection, c);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &c->stall, CLOCK_MONOTONIC, CONNECTION_STALL_USEC, 0,
                                       on_stall, c);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(c->stall, SD_EVENT_OFF);
        if (r < 0)
                return r;

        c->fd = fd;
        c->peer = *peer;
        list_append(&control->connections, &TAKE(c)->link);
        return 0;
}
