/* SPDX-License-Identifier: MIT */

/*
 * reset: a quarantined object is made anew
 *
 * Begun at once, and answered when the event says what came of it. A client that goes away only stops waiting. Asked again,
 * after the manager that was asked first has died: what that one began goes on, and is waited for.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "daemon/control/calls.h"
#include "daemon/gang.h"
#include "daemon/quarantine.h"

/** A reset that somebody waits for. */
struct reset_wait {
        struct pending pending;
        struct event_listener listener;
        char name[NAME_LENGTH_MAX + 1];
        char text[EVENT_TEXT_MAX];      /* what came of it; "": nothing yet */
};

static int reset_wait_pull(struct pending *pending) {
        struct reset_wait *w = list_entry(pending, struct reset_wait, pending);
        Ganger__V1__ResetReply m = GANGER__V1__RESET_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;

        if (!*w->text)
                return 0;
        m.text = w->text;
        reply.id = pending->id;
        reply.result_case = GANGER__V1__REPLY__RESULT_RESET;
        reply.reset = &m;
        if (connection_send(pending->connection, &reply, NULL, 0) < 0)
                connection_break(pending->connection); /* it asks again: then there is nothing to do */
        return -ENODATA;
}

static void reset_wait_free(struct pending *pending) {
        struct reset_wait *w = list_entry(pending, struct reset_wait, pending);

        events_unlisten(&w->listener);
        free(w);
}

static const struct pending_ops reset_wait_ops = { .pull = reset_wait_pull, .free = reset_wait_free };

static void on_event(struct event_listener *listener, const struct event *event) {
        struct reset_wait *w = list_entry(listener, struct reset_wait, listener);

        if (event->kind != EVENT_RESET || strcmp(event->key, w->name) != 0)
                return;
        snprintf(w->text, sizeof w->text, "%s", event->text);
        connection_wake(w->pending.connection);
}

static int reset_wait_new(struct call *call, struct reset_wait **ret) {
        struct reset_wait *w = calloc(1, sizeof *w);
        int r;

        if (!w)
                return -ENOMEM;
        list_init(&w->listener.link);
        r = call_wait(call, &w->pending, &reset_wait_ops);
        if (r < 0) {
                free(w);
                return r;
        }
        w->listener.fn = on_event;
        events_listen(&call->gang->events, &w->listener);
        *ret = w;
        return 0;
}

int call_reset(struct call *call) {
        const char *name = call->request->reset->name;
        struct gang_object *object = gang_object_find(&call->gang->objects, name);
        struct reset_wait *w;
        int r;

        r = call_permit_object(call, name, object, CONTROL_ADMIN);
        if (r < 0)
                return r;
        if (!object)
                return call_unknown_object(call, name);
        gang_object_inspect(object);
        r = reset_wait_new(call, &w);
        if (r < 0)
                return r;
        snprintf(w->name, sizeof w->name, "%s", object->name);
        if (!gang_object_is_quarantined(object)) {
                snprintf(w->text, sizeof w->text, "is sound: left as it is");
                connection_wake(call->connection);
                return 0;
        }
        r = gang_object_reset(object, &call->error);
        if (r < 0)
                pending_end(&w->pending);
        return r;
}
