/* SPDX-License-Identifier: MIT */
/*
 * Workers that run every so often
 *
 * The first run is that of every worker: when the daemon starts it. From then on it is due on a grid, and what is written
 * down of a run is when the next one is, before it is begun: a manager that dies in between has the run missed, not doubled.
 */

#include "daemon/schedule.h"

#include <string.h>

#include "base/time.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/log/log.h"
#include "daemon/policy/schedule.h"
#include "daemon/worker.h"

static void run(struct instance *instance) {
        bool running = instance_state_has_process(instance->state) || instance->state == INSTANCE_WAITING;

        if (instance->stopped)
                return;
        switch (schedule_action((enum schedule_overlap)instance_definition(instance)->overlap, running)) {
        case SCHEDULE_START:
                instance_start(instance, false);
                break;
        case SCHEDULE_START_LATER:
                instance->due_again = true;
                break;
        case SCHEDULE_RESTART:
                log_warning("%s: has not ended when it is due again: ended", instance->key);
                instance_restart(instance);
                break;
        case SCHEDULE_NOTHING:
                log_warning("%s: has not ended when it is due again: this run is left out", instance->key);
                break;
        }
}

static void plan_next(struct worker *worker, uint64_t now) {
        const struct worker_definition *definition = worker->definition;
        struct schedule *s = &worker->schedule;

        s->next_usec = schedule_next(s->first_usec, definition->every_usec, definition->jitter_usec, now, gang_random());
        worker_save(worker);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata) {
        struct worker *worker = userdata;

        plan_next(worker, now_usec());
        for (unsigned int i = 0; i < worker_count_target(worker) && i < worker->n_instances && worker_is_wanted(worker); i++)
                run(worker->instances[i]);
        schedule_arm(worker);
        return 0;
}

static int arm(struct worker *worker) {
        struct schedule *s = &worker->schedule;
        int r;

        if (!s->timer)
                return sd_event_add_time(worker->gang->event, &s->timer, CLOCK_MONOTONIC, s->next_usec, 1, on_due, worker);
        r = sd_event_source_set_time(s->timer, s->next_usec);
        return r < 0 ? r : sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

void schedule_arm(struct worker *worker) {
        struct schedule *s = &worker->schedule;
        uint64_t now = now_usec();
        int r;

        if (worker->removed || worker->definition->every_usec == USEC_INFINITY) {
                schedule_done(worker);
                return;
        }
        if (s->first_usec == 0)
                s->first_usec = now;
        /* `every` may have changed: never later than it says now. */
        if (s->next_usec == 0 || s->next_usec > usec_add(usec_add(now, worker->definition->every_usec),
                                                         worker->definition->jitter_usec))
                plan_next(worker, now);
        r = arm(worker);
        if (r < 0)
                gang_give_way(worker->gang, "the timer of runs", r);
}

void schedule_done(struct worker *worker) {
        worker->schedule.timer = sd_event_source_disable_unref(worker->schedule.timer);
        worker->schedule.next_usec = worker->schedule.first_usec = 0;
}

void schedule_ended(struct instance *instance) {
        if (!instance->due_again || instance_state_has_process(instance->state))
                return;
        instance->due_again = false;
        if (worker_is_wanted(instance->worker) && !instance->stopped)
                instance_start(instance, false);
}
