/* SPDX-License-Identifier: MIT */
/*
 * Instances that stall
 *
 * While anything is in the rings and services from which a worker takes, we look at them STALL_LOOKS times in a period,
 * and remember each lease of the worker's instances with the time when it was seen first. A lease is its word: it says the
 * lap, the holder and the delivery, so that the same message delivered again is another lease. One that is seen for a
 * whole period is a stall. While nothing is there, there is no timer: the rings are watched (ring-watch.h), and the first
 * post of a sender begins the looking. So a sender pays for one post at most in each look, and an idle worker costs
 * nothing.
 *
 * What must hold: whenever an instance that is ready holds a lease, the timer is armed, or a post is under way to us. So
 * the watch tells every post, also if its message was taken before we came to look; and each time that the watching
 * begins, it is looked once more.
 *
 * Nothing of it is written down: a manager that takes over gives everybody a whole period.
 *
 * The memory is others' to write. Each word is read once and bounded by the geometry; what is remembered is no more than
 * there are slots.
 */

#include "daemon/stall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/condemn.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/lease-look.h"
#include "daemon/log/log.h"
#include "daemon/ring-watch.h"
#include "daemon/timer.h"
#include "daemon/worker.h"

/* A lease that was seen. */
struct held {
        size_t ring;                    /* of stall->rings */
        uint64_t slot, lease;
        uint64_t since_usec;            /* seen first */
};

/* Sorted by ring and slot. */
struct helds {
        struct held *v;
        size_t n, room;
};

struct worker_stall {
        struct worker *worker;
        sd_event_source *timer;
        struct ring_watch *rings;
        size_t n_rings;
        struct helds held;
};

/* One look at all of it. */
struct look {
        struct worker_stall *stall;
        uint64_t now_usec;
        uint64_t due_usec;              /* when the first lease is stalled that is not yet */
        size_t next;                    /* of those that were held at the look before */
        struct helds held;
        bool busy;                      /* something is in a ring, or leased by anybody */
        int error;
};

static int helds_add(struct helds *h, const struct held *held) {
        if (h->n == h->room) {
                size_t room = 2 * h->room + 16;
                struct held *v = reallocarray(h->v, room, sizeof *v);

                if (!v)
                        return -ENOMEM;
                h->v = v;
                h->room = room;
        }
        h->v[h->n++] = *held;
        return 0;
}

/* ---- looking ----------------------------------------------------------------------------------- */

/* Who of the worker's instances has it, if any. */
static struct instance *holder_of(const struct worker *worker, const struct gang_object *object, uint32_t owner) {
        for (size_t i = 0; i < worker->n_instances; i++) {
                struct instance *instance = worker->instances[i];
                const struct membership *m = &instance->membership;

                for (size_t k = 0; k < m->n_seats; k++)
                        if (m->seats[k].object == object && membership_seat_owns(&m->seats[k], owner))
                                return instance;
        }
        return NULL;
}

/* The one of the look before. */
static uint64_t known_since(struct look *l, size_t ring, uint64_t slot, uint64_t lease) {
        const struct helds *before = &l->stall->held;

        while (l->next < before->n &&
               (before->v[l->next].ring < ring || (before->v[l->next].ring == ring && before->v[l->next].slot < slot)))
                l->next++;
        if (l->next < before->n && before->v[l->next].ring == ring && before->v[l->next].slot == slot &&
            before->v[l->next].lease == lease)
                return before->v[l->next].since_usec;
        return l->now_usec;
}

/* One that starts, drains or stops has another limit of time. */
static void judge(struct look *l, struct instance *instance, const struct gang_object *object, const struct slot_look *slot,
                  uint64_t since_usec) {
        uint64_t period = instance_definition(instance)->stall_timeout_usec, due = usec_add(since_usec, period);
        bool call = object->geometry.kind == OBJECT_SERVICE;
        char text[USEC_FORMAT_MAX];

        if (instance->state != INSTANCE_READY || *instance->condemned.verdict ||
            (instance->frozen && fault_is("stall-frozen")))
                return;
        if (l->now_usec < due) {
                l->due_usec = MIN(l->due_usec, due);
                return;
        }
        condemn(instance, instance_definition(instance)->watchdog_signal, "stalled: %s %llu of %.64s for %s, delivery %u",
                call ? "served call" : "held message", (unsigned long long)slot->id, object->name,
                usec_format(text, sizeof text, period), slot->deliveries);
}

static void look_at_slot(struct look *l, size_t ring, uint64_t number, const struct slot_look *slot) {
        const struct gang_object *object = l->stall->rings[ring].object;
        struct held held = { .ring = ring, .slot = number, .lease = slot->lease };
        struct instance *holder;

        l->busy |= slot->busy;
        holder = slot->leased ? holder_of(l->stall->worker, object, slot->owner) : NULL;
        if (!holder)
                return;
        held.since_usec = known_since(l, ring, number, slot->lease);
        if (helds_add(&l->held, &held) < 0)
                l->error = -ENOMEM;
        else
                judge(l, holder, object, slot, held.since_usec);
}

static void stall_look(struct worker_stall *s, bool posted);

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        stall_look(userdata, false);
        return 0;
}

/* Without memory for a timer nobody looks; that is told, and no reason to kill. */
static void arm(struct worker_stall *s, uint64_t due_usec) {
        if (timer_arm(s->worker->gang->event, &s->timer, due_usec, TIMER_LATE, on_timer, s) < 0)
                log_error("worker '%s': stall-timeout does not run, for want of memory", s->worker->name);
}

/* The watch looks again once it is on; if there is something by now, it is told from the loop. */
static void rest(struct worker_stall *s) {
        timer_stop(s->timer);
        for (size_t i = 0; i < s->n_rings; i++)
                ring_watch_on(&s->rings[i]);
}

/* After a post it is looked again in any case: its message may be taken in a moment, and the next one is to cost no post. */
static void stall_look(struct worker_stall *s, bool posted) {
        uint64_t period = s->worker->definition->stall_timeout_usec;
        struct look l = { .stall = s, .now_usec = now_usec(), .due_usec = USEC_INFINITY };
        struct slot_look slot;

        for (size_t ring = 0; ring < s->n_rings; ring++)
                for (uint64_t i = 0; lease_slot_look(s->rings[ring].object, i, &slot); i++)
                        look_at_slot(&l, ring, i, &slot);
        if (l.error < 0)
                log_error("worker '%s': not all that it holds is watched, for want of memory", s->worker->name);
        free(s->held.v);
        s->held = l.held;
        if (l.busy || posted)
                arm(s, MIN(l.due_usec, l.now_usec + period / STALL_LOOKS));
        else
                rest(s);
}

/* Somebody has sent something. */
static void on_post(void *userdata, const char *name) {
        struct worker_stall *s = userdata;

        for (size_t i = 0; i < s->n_rings; i++)
                ring_watch_off(&s->rings[i]);
        stall_look(s, true);
}

/* ---- beginning and ending ---------------------------------------------------------------------- */

static size_t length(char *const *names) {
        size_t n = 0;

        while (names[n])
                n++;
        return n;
}

static int watch_rings(struct worker_stall *s, char *const *names) {
        struct gang *gang = s->worker->gang;

        for (; *names; names++) {
                struct gang_object *object = gang_object_find(&gang->objects, *names);
                int r;

                if (!object || !lease_can_look(object))
                        continue;
                r = ring_watch_init_posts(&s->rings[s->n_rings++], gang->event, object, on_post, s);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int stall_fill(struct worker_stall *s) {
        const struct worker_definition *definition = s->worker->definition;
        int r;

        s->rings = calloc(length(definition->receive) + length(definition->serve) + 1, sizeof *s->rings);
        if (!s->rings)
                return -ENOMEM;
        r = watch_rings(s, definition->receive);
        return r < 0 ? r : watch_rings(s, definition->serve);
}

void stall_forget(struct worker *worker) {
        struct worker_stall *s = worker->stall;

        if (!s)
                return;
        worker->stall = NULL;
        for (size_t i = 0; i < s->n_rings; i++)
                ring_watch_done(&s->rings[i]);
        sd_event_source_disable_unref(s->timer);
        free(s->held.v);
        free(s->rings);
        free(s);
}

static void stall_make(struct worker *worker) {
        struct worker_stall *s = calloc(1, sizeof *s);
        int r = -ENOMEM;

        if (s) {
                s->worker = worker;
                worker->stall = s;
                r = stall_fill(s);
        }
        if (r >= 0) {
                stall_look(s, false);
                return;
        }
        stall_forget(worker);
        log_error("worker '%s': stall-timeout does not run: %s", worker->name, strerror(-r));
}

void stall_turn(struct gang *gang) {
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);
                bool wanted = worker->n_ready > 0 && worker->definition->stall_timeout_usec != USEC_INFINITY;

                if (wanted && !worker->stall)
                        stall_make(worker);
                else if (!wanted)
                        stall_forget(worker);
        }
}
