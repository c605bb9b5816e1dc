/* SPDX-License-Identifier: MIT */
/*
 * Waiting for the first message of a ring
 *
 * The manager announces itself as one that polls, as participant 0, which nobody else is; looks; and sleeps in its
 * loop. Whoever sends looks whether anybody is announced, and posts to the event descriptor. Both directions and their
 * barriers are those of shm/wait.h. The descriptor is watched for changes (edge-triggered), and read only once we are done
 * with it: a post is for all who poll.
 *
 * A manager that is killed meanwhile stays announced. That costs senders a system call, and nobody a message; the next
 * manager takes it back (ring_watch_forget).
 *
 * The memory is others' to write. A look is bounded by the geometry, and looks in a row by WATCH_BURST.
 */

#include "daemon/ring-watch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/gang.h"
#include "daemon/log/log.h"
#include "daemon/ring-look.h"
#include "shm/object.h"

/** Nobody's number. */
#define WATCHER 0
/** Somebody who posts without end, and sends nothing, is heard so often within WATCH_PERIOD_USEC. */
#define WATCH_BURST 20
#define WATCH_PERIOD_USEC (100 * USEC_PER_MSEC)
/** An alarm that has passed, and brings nothing, is not believed again before this. */
#define WATCH_ALARM_MIN_USEC (10 * USEC_PER_MSEC)
/** Posts that are taken out of the descriptor at once; what is left costs somebody a look. */
#define WATCH_POSTS_MAX 65536

/* What receivers, or servers, wait for. */
static struct waiting waiting_of(const struct gang_object *object) {
        switch (object->geometry.kind) {
        case OBJECT_QUEUE:
                return object->shm->queue.messages;
        case OBJECT_PIPE:
                return pipe_waiting(&object->shm->pipe, PIPE_READER);
        case OBJECT_SERVICE:
        default:
                return object->shm->service.requests;
        }
}

bool ring_watch_can(const struct gang_object *object) {
        return object->geometry.kind == OBJECT_QUEUE || object->geometry.kind == OBJECT_PIPE ||
               object->geometry.kind == OBJECT_SERVICE;
}

static bool has_something(const struct ring_watch *w) {
        struct ring_counts counts;

        if (w->posts && !fault_is("stall-unheard"))
                return ring_watch_is_busy(w->object);
        if (w->object->geometry.kind == OBJECT_QUEUE)
                return queue_has_message(&w->object->shm->queue); /* and not one that rests */
        ring_count(w->object, &counts);
        return counts.ready > 0 || counts.used > 0;
}

bool ring_watch_is_busy(const struct gang_object *object) {
        struct ring_counts counts;

        if (!ring_watch_can(object))
                return false;
        ring_count(object, &counts);
        return counts.ready > 0 || counts.leased > 0 || counts.used > 0;
}

uint64_t ring_watch_activity(const struct gang_object *object) {
        struct ring_counts counts;

        if (object->geometry.kind == OBJECT_PIPE)
                return atomic_load(&object->shm->pipe.control->written);
        ring_count(object, &counts);
        return counts.accepted + counts.redelivered;
}

void ring_watch_forget(struct gang_object *object) {
        struct waiting w;

        if (!ring_watch_can(object))
                return;
        w = waiting_of(object);
        wait_poll_retract(&w, WATCHER);
}

/* ---- on and off -------------------------------------------------------------------------------- */

/* When a message that rests is due: nobody posts then. */
static void arm_alarm(struct ring_watch *w) {
        uint64_t alarm = UINT64_MAX;

        if (w->object->geometry.kind == OBJECT_QUEUE)
                alarm = queue_alarm(&w->object->shm->queue);
        if (alarm == UINT64_MAX) {
                sd_event_source_set_enabled(w->alarm, SD_EVENT_OFF);
                return;
        }
        sd_event_source_set_time(w->alarm, MAX(alarm, usec_add(now_usec(), WATCH_ALARM_MIN_USEC)));
        sd_event_source_set_enabled(w->alarm, SD_EVENT_ONESHOT);
}

static void look(struct ring_watch *w) {
        if (!w->on)
                return;
        if (has_something(w))
                w->fn(w->userdata, w->object->name);
        else
                arm_alarm(w);
}

/* What is first heard may be of posts from before the watching began. */
static int on_post(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct ring_watch *w = userdata;
        bool fresh = w->fresh;

        w->fresh = false;
        if (w->on && w->posts && !fresh && !fault_is("stall-unheard"))
                w->fn(w->userdata, w->object->name);
        else
                look(w);
        return 0;
}

static int on_alarm(sd_event_source *source, uint64_t usec, void *userdata) {
        look(userdata);
        return 0;
}

void ring_watch_on(struct ring_watch *w) {
        struct waiting waiting;

        if (!w->object || w->on)
                return;
        w->on = w->fresh = true;
        w->object->n_watchers++;
        waiting = waiting_of(w->object);
        wait_poll_announce(&waiting, WATCHER);
        sd_event_source_set_enabled(w->source, SD_EVENT_ON);
        /* Only now: what came before the announcement has posted to nobody. Told from the loop, at once. */
        if (fault_is("demand-blind"))
                return;
        if (!has_something(w)) {
                arm_alarm(w);
                return;
        }
        sd_event_source_set_time(w->alarm, 0);
        sd_event_source_set_enabled(w->alarm, SD_EVENT_ONESHOT);
}

void ring_watch_off(struct ring_watch *w) {
        struct waiting waiting;
        uint64_t n;

        if (!w->object || !w->on)
                return;
        w->on = false;
        sd_event_source_set_enabled(w->source, SD_EVENT_OFF);
        sd_event_source_set_enabled(w->alarm, SD_EVENT_OFF);
        if (--w->object->n_watchers > 0)
                return;
        waiting = waiting_of(w->object);
        wait_poll_retract(&waiting, WATCHER);
        for (int i = 0; i < WATCH_POSTS_MAX && read(w->event_fd, &n, sizeof n) == (ssize_t)sizeof n; i++)
                ;
        wait_pass_on(&waiting);
}

/* ---- life -------------------------------------------------------------------------------------- */

static int add_sources(struct ring_watch *w, sd_event *event) {
        int r;

        r = sd_event_add_io(event, &w->source, w->event_fd, EPOLLIN | EPOLLET, on_post, w);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->source, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_ratelimit(w->source, WATCH_PERIOD_USEC, WATCH_BURST);
        if (r >= 0)
                r = sd_event_add_time(event, &w->alarm, CLOCK_MONOTONIC, 0, 1, on_alarm, w);
        return r < 0 ? r : sd_event_source_set_enabled(w->alarm, SD_EVENT_OFF);
}

static int watch_init(struct ring_watch *w, sd_event *event, struct gang_object *object, bool posts, ring_watch_fn fn,
                      void *userdata) {
        int r;

        *w = (struct ring_watch){ .event_fd = fcntl(object->event_fd, F_DUPFD_CLOEXEC, 0), .posts = posts, .fn = fn,
                                  .userdata = userdata };
        if (w->event_fd < 0)
                return -errno;
        r = add_sources(w, event);
        if (r < 0)
                return r;
        w->object = object;
        return 0;
}

int ring_watch_init(struct ring_watch *w, sd_event *event, struct gang_object *object, ring_watch_fn fn, void *userdata) {
        return watch_init(w, event, object, false, fn, userdata);
}

int ring_watch_init_posts(struct ring_watch *w, sd_event *event, struct gang_object *object, ring_watch_fn fn,
                          void *userdata) {
        return watch_init(w, event, object, true, fn, userdata);
}

void ring_watch_done(struct ring_watch *w) {
        ring_watch_off(w);
        sd_event_source_disable_unref(w->source);
        sd_event_source_disable_unref(w->alarm);
        close_fd(w->event_fd);
        *w = RING_WATCH_NULL;
}
