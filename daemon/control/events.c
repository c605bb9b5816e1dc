/* SPDX-License-Identifier: MIT */

/*
 * events: the past, and what comes
 *
 * A stream is a position in the ring of recent events, and takes from there when the connection has room;
 * nothing is queued for it. A reader that is slower than the ring is long finds a gap in the sequence.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "daemon/control/calls.h"
#include "daemon/control/grants.h"
#include "daemon/gang.h"

struct event_stream {
        struct pending pending;
        struct event_listener listener; /* linked if it follows */
        struct events *events;
        uint64_t next;                  /* the number of the next to be sent */
        uint64_t last;                  /* … of the last one; UINT64_MAX: it follows */
};

static bool event_send(struct event_stream *s, const struct event *event) {
        Ganger__V1__Event m = GANGER__V1__EVENT__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        char text[EVENT_TEXT_MAX], key[EVENT_KEY_MAX];

        snprintf(text, sizeof text, "%s", event->text);
        snprintf(key, sizeof key, "%s", event->key);
        text_repair(text);
        text_repair(key);
        m.sequence = event->sequence;
        m.realtime_usec = event->realtime_usec;
        m.monotonic_usec = event->monotonic_usec;
        m.kind = (char *)event_kind_name(event->kind);
        m.key = key;
        m.text = text;
        m.state = (char *)(event->state ? event->state : "");
        m.pid = (int32_t)event->pid;
        m.status = event->status;
        m.returned = event->returned;
        m.dead = event->dead;
        reply.id = s->pending.id;
        reply.more = true;
        reply.result_case = GANGER__V1__REPLY__RESULT_EVENT;
        reply.event = &m;
        return connection_stream(s->pending.connection, &reply);
}

static int event_stream_pull(struct pending *pending) {
        struct event_stream *s = list_entry(pending, struct event_stream, pending);
        Ganger__V1__Reply end = GANGER__V1__REPLY__INIT;

        while (s->next <= MIN(s->last, s->events->n)) {
                const struct event *event = events_get(s->events, s->next);

                if (!event)
                        s->next = events_oldest(s->events);
                else if (!grants_show_event(pending->connection->control, &pending->connection->peer, event) ||
                         event_send(s, event))
                        s->next++;
                else
                        return 1;
        }
        if (s->last == UINT64_MAX)
                return 0;
        end.id = pending->id;
        (void)connection_send(pending->connection, &end, NULL, 0);
        return -ENODATA;
}

static void event_stream_free(struct pending *pending) {
        struct event_stream *s = list_entry(pending, struct event_stream, pending);

        if (!fault_is("stream-outlives-connection"))
                events_unlisten(&s->listener);
        free(s);
}

static const struct pending_ops event_stream_ops = { .pull = event_stream_pull, .free = event_stream_free };

static void on_event(struct event_listener *listener, const struct event *event) {
        connection_wake(list_entry(listener, struct event_stream, listener)->pending.connection);
}

int call_events(struct call *call) {
        const Ganger__V1__EventsRequest *request = call->request->events;
        struct events *events = &call->gang->events;
        struct event_stream *s = calloc(1, sizeof *s);
        int r;

        if (!s)
                return -ENOMEM;
        r = call_wait(call, &s->pending, &event_stream_ops);
        if (r < 0) {
                free(s);
                return r;
        }
        s->events = events;
        s->next = events->n + 1 - MIN((uint64_t)request->past, events->n);
        s->last = request->follow ? UINT64_MAX : events->n;
        list_init(&s->listener.link);
        s->listener.fn = on_event;
        if (request->follow)
                events_listen(events, &s->listener);
        connection_wake(call->connection);
        return 0;
}
