/* SPDX-License-Identifier: MIT */
/*
 * Workers whose number of instances follows what waits for them
 *
 * While nothing waits, its rings are watched (daemon/ring-watch.h), and there is no timer but the one for the step down
 * that is due, if there are more than the least. As soon as something waits nobody watches, and it is looked at once in a
 * period: so busy rings cost two wake-ups in a period, and idle ones none. Nothing of this is written down but the number
 * itself: the next manager looks again, and waits as long as after a change.
 *
 * Down goes the highest number, as when people do it: it is drained, and finishes what it holds.
 */

#include "daemon/scaling.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/events.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/log/log.h"
#include "daemon/policy/scale.h"
#include "daemon/ring-look.h"
#include "daemon/ring-watch.h"
#include "daemon/worker.h"

/** From look to look: a part of the shortest time that is to be seen, within these. */
#define PERIOD_MIN_USEC (20 * USEC_PER_MSEC)
#define PERIOD_MAX_USEC USEC_PER_SEC
#define PERIOD_PART 4

/** A ring that is looked at. */
struct source {
        struct ring_watch watch;
        struct scale_age age;
};

struct worker_scaling {
        struct worker *worker;
        struct scale policy;
        sd_event_source *timer;
        struct source *sources;
        size_t n;
};

bool worker_scales(const struct worker *worker) {
        return worker->definition->instances_max > worker->definition->instances && !worker->scaled;
}

static struct scale_options options_of(const struct worker_definition *d) {
        return (struct scale_options){
                .min = d->instances, .max = d->instances_max, .depth = d->scale_on_depth,
                .up_delay_usec = d->scale_up_delay_usec, .down_delay_usec = d->scale_down_delay_usec,
                .cool_down_usec = d->scale_cool_down_usec, .step = d->scale_step,
        };
}

static uint64_t period_of(const struct worker_definition *d) {
        uint64_t period = MIN(d->scale_up_delay_usec, d->scale_on_age_usec) / PERIOD_PART;

        return period < PERIOD_MIN_USEC ? PERIOD_MIN_USEC : MIN(period, PERIOD_MAX_USEC);
}

/* ---- looking ----------------------------------------------------------------------------------- */

static struct scale_facts look_at_all(struct worker_scaling *s, uint64_t now) {
        uint64_t age_usec = s->worker->definition->scale_on_age_usec;
        struct scale_facts facts = { 0 };

        for (size_t i = 0; i < s->n; i++) {
                struct ring_counts counts;

                ring_count(s->sources[i].watch.object, &counts);
                facts.waiting += counts.ready;
                facts.busy |= counts.leased > 0;
                if (age_usec != USEC_INFINITY)
                        facts.old |= scale_age_look(&s->sources[i].age, counts.accepted, counts.ready, age_usec, now);
        }
        return facts;
}

static void watch(struct worker_scaling *s, bool on) {
        for (size_t i = 0; i < s->n; i++) {
                if (on)
                        ring_watch_on(&s->sources[i].watch);
                else
                        ring_watch_off(&s->sources[i].watch);
        }
}

static void set_timer(struct worker_scaling *s, uint64_t usec) {
        if (usec == USEC_INFINITY) {
                sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
                return;
        }
        sd_event_source_set_time(s->timer, usec);
        sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static void scale_to(struct worker *worker, uint32_t wanted, const struct scale_facts *facts) {
        int r;

        events_add(&worker->gang->events, worker->name, &(struct event){ .kind = EVENT_SCALED },
                   "%u instances, from %u: %llu waiting%s", wanted, worker->wanted, (unsigned long long)facts->waiting,
                   facts->old ? ", one for too long" : "");
        r = worker_scale(worker, wanted, false);
        if (r < 0)
                log_error("worker '%s': cannot be scaled to %u instances: %s", worker->name, wanted, strerror(-r));
}

static void look(struct worker_scaling *s) {
        struct worker *worker = s->worker;
        struct scale_options options = options_of(worker->definition);
        uint64_t now = now_usec(), due, next;
        struct scale_facts facts = look_at_all(s, now);
        uint32_t wanted = scale_look(&s->policy, &options, &facts, worker->wanted, now);

        if (wanted != worker->wanted)
                scale_to(worker, wanted, &facts);
        due = scale_due(&s->policy, &options);
        watch(s, facts.waiting == 0);
        /* Also without anything that waits, as long as somebody has the last of it, and is not to be stopped over it. */
        if (facts.waiting > 0 || (wanted > options.min && due == USEC_INFINITY)) {
                next = usec_add(now, period_of(worker->definition));
                due = due < next ? MAX(due, now + PERIOD_MIN_USEC) : next;
        }
        set_timer(s, due);
}

/* Since this turn of the loop began somebody may have scaled it by hand; that is heard of at its end. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct worker_scaling *s = userdata;

        if (worker_scales(s->worker) || fault_is("scale-over-hand"))
                look(s);
        return 0;
}

/* Not looked at before a period is over: what comes and is taken at once is none of our business. */
static void on_message(void *userdata, const char *name) {
        struct worker_scaling *s = userdata;

        watch(s, false);
        set_timer(s, s->worker->wanted == 0 ? now_usec() : usec_add(now_usec(), period_of(s->worker->definition)));
}

/* ---- beginning and ending ---------------------------------------------------------------------- */

static int add_sources(struct worker_scaling *s, char *const *names) {
        struct gang *gang = s->worker->gang;

        for (; *names; names++) {
                struct gang_object *object = gang_object_find(&gang->objects, *names);
                int r;

                if (!object || !ring_watch_can(object))
                        continue;
                r = ring_watch_init(&s->sources[s->n].watch, gang->event, object, on_message, s);
                if (r < 0)
                        return r;
                s->sources[s->n++].age = SCALE_AGE_NULL;
        }
        return 0;
}

static size_t length(char *const *names) {
        size_t n = 0;

        while (names[n])
                n++;
        return n;
}

static int fill(struct worker_scaling *s) {
        const struct worker_definition *d = s->worker->definition;
        int r;

        s->sources = calloc(length(d->receive) + length(d->serve) + 1, sizeof *s->sources);
        if (!s->sources)
                return -ENOMEM;
        r = sd_event_add_time(s->worker->gang->event, &s->timer, CLOCK_MONOTONIC, 0, 1, on_timer, s);
        if (r >= 0)
                r = add_sources(s, d->receive);
        if (r >= 0)
                r = add_sources(s, d->serve);
        return r;
}

void scaling_forget(struct worker *worker) {
        struct worker_scaling *s = worker->scaling;

        if (!s)
                return;
        worker->scaling = NULL;
        for (size_t i = 0; i < s->n; i++)
                ring_watch_done(&s->sources[i].watch);
        sd_event_source_disable_unref(s->timer);
        free(s->sources);
        free(s);
}

/* The number may be a minute old, or of the manager before: as after a change, it stays for a while. */
static void begin(struct worker *worker) {
        struct worker_scaling *s = calloc(1, sizeof *s);
        int r = -ENOMEM;

        if (s) {
                s->worker = worker;
                s->policy = SCALE_NULL;
                if (worker->wanted > worker->definition->instances)
                        s->policy.changed_usec = now_usec();
                worker->scaling = s;
                r = fill(s);
        }
        if (r >= 0) {
                set_timer(s, now_usec());
                return;
        }
        scaling_forget(worker);
        worker->unscalable = true;
        log_error("worker '%s': nobody looks how much waits for it: %s", worker->name, strerror(-r));
}

void scaling_turn(struct gang *gang) {
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);
                bool on = worker_scales(worker) && worker_is_wanted(worker) && !worker_is_resting(worker);

                if (on && !worker->scaling && !worker->unscalable)
                        begin(worker);
                else if (!on && worker->scaling)
                        scaling_forget(worker);
        }
}
