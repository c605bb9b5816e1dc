/* SPDX-License-Identifier: MIT */
/*
 * What happened: the recent past, and whoever listens
 *
 * A ring of the last EVENTS_MAX events. Invariant: the event with sequence number s, if it is kept,
 * is at s % EVENTS_MAX. Recording never fails and never blocks.
 */

#include "daemon/events.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "daemon/words.h"

static const char *const kind_names[_EVENT_KIND_N] = {
        [EVENT_STATE] = "state",
        [EVENT_EXIT] = "exit",
        [EVENT_RECOVERY] = "recovery",
        [EVENT_SPAWN_FAILED] = "spawn-failed",
        [EVENT_RELOAD] = "reload",
        [EVENT_MANAGER] = "manager",
        [EVENT_DEAD_LETTER] = "dead-letter",
        [EVENT_CRASH_LOOP] = "crash-loop",
        [EVENT_DEADLOCK] = "deadlock",
        [EVENT_QUARANTINE] = "quarantine",
        [EVENT_RESET] = "reset",
        [EVENT_SCALED] = "scaled",
        [EVENT_SOCKET] = "socket",
        [EVENT_ROLL] = "roll",
};

const char *event_kind_name(enum event_kind kind) {
        return kind_names[kind];
}

int events_init(struct events *events) {
        *events = (struct events){ 0 };
        list_init(&events->listeners);
        events->ring = calloc(EVENTS_MAX, sizeof *events->ring);
        return events->ring ? 0 : -ENOMEM;
}

void events_done(struct events *events) {
        if (!events->ring)
                return;
        list_for_each_safe(it, &events->listeners)
                list_unlink(it);
        for (size_t i = 0; i < EVENTS_MAX; i++)
                words_clear(&events->ring[i].text);
        free(events->ring);
        events->ring = NULL;
}

void events_add(struct events *events, const char *key, const struct event *event, const char *format, ...) {
        struct event *e;
        va_list args;

        events->n++;
        e = &events->ring[events->n % EVENTS_MAX];
        words_clear(&e->text);
        *e = *event;
        e->text = words_none;
        va_start(args, format);
        words_set_list(&e->text, EVENT_TEXT_MAX, format, args);
        va_end(args);
        e->sequence = events->n;
        e->realtime_usec = now_realtime_usec();
        e->monotonic_usec = now_usec();
        if (!e->state)
                e->state = "";
        snprintf(e->key, sizeof e->key, "%s", key);
        list_for_each_safe(it, &events->listeners) {
                struct event_listener *listener = list_entry(it, struct event_listener, link);

                listener->fn(listener, e);
        }
}

uint64_t events_oldest(const struct events *events) {
        return events->n > EVENTS_MAX ? events->n - EVENTS_MAX + 1 : 1;
}

const struct event *events_get(const struct events *events, uint64_t sequence) {
        if (sequence < events_oldest(events) || sequence > events->n)
                return NULL;
        return &events->ring[sequence % EVENTS_MAX];
}

void events_listen(struct events *events, struct event_listener *listener) {
        list_append(&events->listeners, &listener->link);
}

void events_unlisten(struct event_listener *listener) {
        list_unlink(&listener->link);
}
