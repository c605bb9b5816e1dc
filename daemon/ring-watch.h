/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_RING_WATCH_H
#define GANGER_DAEMON_RING_WATCH_H

/*
 * Waiting for the first message of a ring, or the first call of a service, without being a member of it
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "daemon/objects.h"

/** Called when there is something to take. */
typedef void (*ring_watch_fn)(void *userdata, const char *name);

struct ring_watch {
        struct gang_object *object;     /* NULL: no such object is defined */
        int event_fd;                   /* a duplicate: others may watch the same */
        bool posts;                     /* each post is told, also if there is nothing to take by now */
        bool on;
        bool fresh;                     /* on, and nothing was heard yet */
        sd_event_source *source, *alarm;
        ring_watch_fn fn;
        void *userdata;
};

#define RING_WATCH_NULL ((struct ring_watch){ .event_fd = -1 })

/** Whether anybody can wait so for objects of this kind. */
bool ring_watch_can(const struct gang_object *object);

int ring_watch_init(struct ring_watch *w, sd_event *event, struct gang_object *object, ring_watch_fn fn, void *userdata);
/** The same; told of each post, and of what is taken and not done with, besides. */
int ring_watch_init_posts(struct ring_watch *w, sd_event *event, struct gang_object *object, ring_watch_fn fn, void *userdata);
void ring_watch_done(struct ring_watch *w);

/** Begin to watch. If something is there already, it is told from the loop. */
void ring_watch_on(struct ring_watch *w);
void ring_watch_off(struct ring_watch *w);

/** Is there something to take, or taken and not done with? */
bool ring_watch_is_busy(const struct gang_object *object);

/** A number that grows with what is sent. */
uint64_t ring_watch_activity(const struct gang_object *object);

/** Take-over: what a predecessor has left that watched. */
void ring_watch_forget(struct gang_object *object);

#endif
