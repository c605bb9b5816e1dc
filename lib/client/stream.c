/* SPDX-License-Identifier: MIT */

/*
 * Streams of log lines and of events
 *
 * A stream is either connected (link.fd ≥ 0), or lost, and connects again when `retry` says so. All of it
 * happens inside ganger_control_stream_next(), within its timeout. A stream that has ended, by its last
 * reply or by a failure, stays so.
 */

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "client/client.h"
#include "client/seen.h"

/** How much of the past a stream asks for, of each source, when it connects again. The daemon keeps about as much. */
#define REPLAY_ITEMS 100

struct ganger_control_stream {
        char *path;
        struct link link;
        Ganger__V1__Request *request;
        uint64_t timeout_usec;
        struct retry retry;
        struct seen seen;
        uint64_t connected_usec;
        bool heard;             /* a reply came on this connection */
        bool lost;              /* a connection, at least once */
        int ended;              /* 0: no; else what next() returns from now on */
        struct error error;
};

CONTROL_PUBLIC struct ganger_control_stream *ganger_control_stream_free(struct ganger_control_stream *s) {
        if (!s)
                return NULL;
        link_close(&s->link);
        if (s->request)
                ganger__v1__request__free_unpacked(s->request, NULL);
        seen_done(&s->seen);
        free(s->path);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(struct ganger_control_stream *, ganger_control_stream_free)

/** A copy of its own, by way of the wire format. */
static Ganger__V1__Request *copy_request(const Ganger__V1__Request *request) {
        size_t size = ganger__v1__request__get_packed_size(request);
        _cleanup_(freep) uint8_t *bytes = malloc(size + 1);

        if (!bytes)
                return NULL;
        ganger__v1__request__pack(request, bytes);
        return ganger__v1__request__unpack(NULL, size, bytes);
}

/** How many past items a request asks for, and whether it follows. */
static uint32_t *past_of(Ganger__V1__Request *request, bool *ret_follow) {
        if (request->call_case == GANGER__V1__REQUEST__CALL_LOGS) {
                *ret_follow = request->logs->follow;
                return &request->logs->lines;
        }
        *ret_follow = request->events->follow;
        return &request->events->past;
}

static int connect_and_ask(struct ganger_control_stream *s, uint64_t deadline_usec) {
        int r;

        r = link_connect(&s->link, s->path, deadline_usec);
        if (r < 0)
                return r;
        r = link_send(&s->link, &s->request->base, deadline_usec);
        if (r == -ECONNRESET)
                r = 0; /* a daemon that hung up may have said why: to be read */
        if (r < 0)
                link_close(&s->link);
        s->connected_usec = now_usec();
        s->heard = false;
        return r;
}

static int end(struct ganger_control_stream *s, int code) {
        link_close(&s->link);
        if (code != -ENODATA && s->error.code == 0)
                transport_error(&s->error, code, s->path);
        return s->ended = code;
}

/** The connection was lost. @return -EAGAIN, or it has ended: a daemon that only hangs up is not asked for ever. */
static int lose(struct ganger_control_stream *s) {
        uint64_t now = now_usec();
        bool follow, useful = !s->lost || s->heard || now - s->connected_usec >= ABSENT_USEC;
        uint32_t *past = past_of(s->request, &follow);

        link_close(&s->link);
        if (follow)
                *past = MAX(*past, (uint32_t)REPLAY_ITEMS);
        seen_replay(&s->seen);
        s->lost = true;
        if (useful)
                retry_init(&s->retry, now, usec_add(now, s->timeout_usec));
        else if (retry_failed(&s->retry, now, false) < 0)
                return end(s, -ECONNRESET);
        return -EAGAIN;
}

static int stream_new(struct ganger_control_stream **ret, const struct ganger_control *c, Ganger__V1__Request *request) {
        _cleanup_(ganger_control_stream_freep) struct ganger_control_stream *s = NULL;
        bool follow;

        s = malloc(sizeof *s);
        if (!s)
                return -ENOMEM;
        *s = (struct ganger_control_stream){ .link = LINK_NULL, .timeout_usec = c->timeout_usec };
        s->path = strdup(c->path);
        s->request = copy_request(request);
        if (!s->path || !s->request)
                return -ENOMEM;
        if (*past_of(s->request, &follow) == 0)
                s->seen.floor_usec = now_realtime_usec();
        *ret = TAKE(s);
        return 0;
}

CONTROL_PUBLIC int ganger_control_stream(struct ganger_control *c, Ganger__V1__Request *request,
                                         struct ganger_control_stream **ret) {
        _cleanup_(ganger_control_stream_freep) struct ganger_control_stream *s = NULL;
        int r;

        c->error = ERROR_NULL;
        if (!request_streams(request))
                return error_set(&c->error, -EINVAL, "not a request that streams");
        request->id = ++c->last_id;
        r = stream_new(&s, c, request);
        if (r < 0)
                return transport_error(&c->error, r, c->path);
        r = connect_and_ask(s, usec_add(now_usec(), s->timeout_usec));
        if (r < 0)
                return transport_error(&c->error, r, c->path);
        *ret = TAKE(s);
        return 0;
}

/** Connect again, when it is time. @return 0, -EAGAIN (not connected yet), -EINTR, or it has ended. */
static int reconnect(struct ganger_control_stream *s, uint64_t deadline_usec) {
        int r;

        if (now_usec() < s->retry.at_usec) {
                r = link_sleep_until(MIN(s->retry.at_usec, deadline_usec));
                return r < 0 ? r : -EAGAIN;
        }
        r = connect_and_ask(s, s->retry.give_up_usec);
        if (r == 0)
                return 0;
        if (r != -ECONNRESET && !link_error_is_absent(r))
                return end(s, r);
        r = retry_failed(&s->retry, now_usec(), r != -ECONNRESET);
        return r < 0 ? end(s, r) : -EAGAIN;
}

/** One reply from the connection. @return 0: an item; -EAGAIN: nothing to give, go on; else as next(). */
static int receive_item(struct ganger_control_stream *s, uint64_t deadline_usec, Ganger__V1__Reply **ret) {
        _cleanup_(frame_done) struct frame frame = FRAME_NULL;
        _cleanup_(replyp) Ganger__V1__Reply *reply = NULL;
        int r;

        r = link_receive(&s->link, &frame, deadline_usec);
        if (r == -ECONNRESET)
                return lose(s);
        if (r == -ETIMEDOUT || r == -EINTR)
                return r;
        if (r == 0)
                r = reply_unpack(&frame, s->request, &reply);
        if (r < 0)
                return end(s, r);
        if (!reply_belongs(reply, s->request))
                return -EAGAIN;
        s->heard = true;
        if (reply->error)
                return end(s, reply_error(reply, &s->error));

        if (!reply->more)
                end(s, -ENODATA);
        if (reply->result_case == GANGER__V1__REPLY__RESULT__NOT_SET)
                return -ENODATA;
        r = seen_note(&s->seen, reply, s->lost);
        if (r < 0)
                return end(s, r);
        if (r == 0)
                return -EAGAIN;
        *ret = TAKE(reply);
        return 0;
}

static uint64_t deadline_of(int64_t timeout_usec) {
        return timeout_usec < 0 ? USEC_INFINITY : usec_add(now_usec(), (uint64_t)timeout_usec);
}

CONTROL_PUBLIC int ganger_control_stream_next(struct ganger_control_stream *s, Ganger__V1__Reply **ret,
                                              int64_t timeout_usec) {
        uint64_t deadline = deadline_of(timeout_usec);
        int r;

        for (;;) {
                if (s->ended)
                        return s->ended;
                if (s->link.fd >= 0) {
                        r = receive_item(s, deadline, ret);
                        if (r == 0)
                                return 0;
                } else {
                        r = reconnect(s, deadline);
                        if (r == -EAGAIN && now_usec() >= deadline)
                                r = -ETIMEDOUT;
                }
                if (r == -ETIMEDOUT && !s->ended)
                        return timeout_usec == 0 ? -EAGAIN : -ETIMEDOUT;
                if (r < 0 && r != -EAGAIN)
                        return r;
        }
}

CONTROL_PUBLIC int ganger_control_stream_fd(const struct ganger_control_stream *s) {
        return s->link.fd;
}

CONTROL_PUBLIC const char *ganger_control_stream_error(const struct ganger_control_stream *s) {
        return s->error.text;
}
