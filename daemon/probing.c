/* SPDX-License-Identifier: MIT */
/*
 * The probes of an instance
 *
 * One at a time. While it starts, it is asked again shortly after each that failed, until `ready-timeout` ends that;
 * when it is ready, each `health-interval`. When the next is due, and how many have failed, is in its record.
 */

#include "daemon/probing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/probe-exec.h"
#include "daemon/timer.h"

/** Between two tries of an instance that starts. */
#define READY_AGAIN_USEC (100 * USEC_PER_MSEC)
/** Until the keeper has told the pid of a process, which takes about a millisecond. */
#define PID_AGAIN_USEC (5 * USEC_PER_MSEC)

static void plan(struct instance *instance, uint64_t delay_usec);

/* Most workers are not probed. */
const struct probing *probing_of(const struct instance *instance) {
        static const struct probing none = { .probe = { .fd = -1 }, .due_usec = UINT64_MAX };

        return instance->probing ? instance->probing : &none;
}

/* That of an instance, made if it has none. @return NULL: no memory. */
static struct probing *probing_make(struct instance *instance) {
        if (!instance->probing) {
                instance->probing = malloc(sizeof *instance->probing);
                if (!instance->probing) {
                        log_error("%s: it is not probed for want of memory", instance->key);
                        return NULL;
                }
                *instance->probing = PROBING_NULL;
        }
        return instance->probing;
}

void probing_restore(struct instance *instance, uint64_t due_usec, struct health health) {
        struct probing *p;

        if (due_usec == USEC_INFINITY && !health.known && health.failures == 0)
                return;
        p = probing_make(instance);
        if (!p)
                return;
        p->due_usec = due_usec;
        p->health = health;
}

void probing_done(struct instance *instance) {
        probing_stop(instance);
        if (instance->probing)
                sd_event_source_disable_unref(instance->probing->timer);
        free(instance->probing);
        instance->probing = NULL;
}

static void on_ready_answer(void *userdata, bool succeeded, const char *why) {
        struct instance *instance = userdata;

        if (instance->state != INSTANCE_STARTING || !instance->probing)
                return;
        /* Before the keeper's word it is somebody else who answers. */
        if (succeeded && instance->pid > 0)
                instance_handle(instance, INSTANCE_EV_READY, 0, 0);
        else {
                snprintf(instance->probing->why, sizeof instance->probing->why, "%s", succeeded ? "" : why);
                plan(instance, READY_AGAIN_USEC);
        }
}

static void on_health_answer(void *userdata, bool succeeded, const char *why) {
        struct instance *instance = userdata;
        const struct worker_definition *definition = instance_definition(instance);
        enum health_verdict verdict;

        if (instance->state != INSTANCE_READY || !instance->probing)
                return;
        verdict = health_count(&instance->probing->health, succeeded, definition->health_retries,
                               now_usec() - instance->ready_usec, definition->health_start_period_usec);
        if (verdict == HEALTH_LOST) {
                condemn(instance, definition->stop_signal, "health: %s", why);
                return;
        }
        if (verdict == HEALTH_POOR)
                log_warning("%s: health: %s", instance->key, why);
        plan(instance, definition->health_interval_usec);
        instance_save(instance);
}

void probing_answered(struct instance *instance, bool succeeded, const char *why) {
        if (instance->state == INSTANCE_STARTING)
                on_ready_answer(instance, succeeded, why);
        else
                on_health_answer(instance, succeeded, why);
}

/* Of a process that nobody knows yet, nothing can be asked. */
static void begin_program(struct instance *instance, char *const *program) {
        if (instance->pid > 0)
                probe_exec_start(instance, program);
        else
                plan(instance, PID_AGAIN_USEC);
}

static int begin(struct instance *instance) {
        const struct worker_definition *d = instance_definition(instance);
        sd_event *event = instance_gang(instance)->event;
        bool starting = instance->state == INSTANCE_STARTING;
        enum probe_kind kind = starting ? ready_probe(d->ready) : d->health;

        if (kind == PROBE_EXEC) {
                begin_program(instance, starting ? d->ready_exec : d->health_exec);
                return 0;
        }
        if (starting)
                return probe_start(&instance->probing->probe, event, kind, d->ready_address, d->ready_timeout_usec,
                                   on_ready_answer, instance);
        return probe_start(&instance->probing->probe, event, kind, d->health_address, d->health_timeout_usec,
                           on_health_answer, instance);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata) {
        struct instance *instance = userdata;
        const struct worker_definition *d = instance_definition(instance);
        int r;

        /* While it is under way `due_usec` stays: should we die of it, the next manager asks again. */
        if (instance->state == INSTANCE_READY && d->health == PROBE_NONE) {
                instance->probing->due_usec = USEC_INFINITY; /* by a reload */
                return 0;
        }
        r = begin(instance);
        if (r < 0) {
                log_error("%s: it cannot be probed: %s", instance->key, strerror(-r));
                plan(instance, MAX(d->health_interval_usec, READY_AGAIN_USEC));
        }
        return 0;
}

void probing_resume(struct instance *instance) {
        struct probing *p = instance->probing;

        if (!p)
                return;
        if (p->due_usec == USEC_INFINITY)
                timer_stop(p->timer);
        else if (timer_arm(instance_gang(instance)->event, &p->timer, p->due_usec, TIMER_LATE, on_due, instance) < 0)
                log_error("%s: it is not probed for want of memory", instance->key);
}

static void plan(struct instance *instance, uint64_t delay_usec) {
        struct probing *p = probing_make(instance);

        if (!p)
                return;
        p->due_usec = usec_add(now_usec(), delay_usec);
        probing_resume(instance);
}

void probing_entered(struct instance *instance) {
        const struct worker_definition *definition = instance_definition(instance);

        probing_stop(instance);
        if (instance->state == INSTANCE_STARTING && ready_probe(definition->ready) != PROBE_NONE)
                plan(instance, 0);
        else if (instance->state == INSTANCE_READY && definition->health != PROBE_NONE)
                plan(instance, definition->health_interval_usec);
}

void probing_stop(struct instance *instance) {
        struct probing *p = instance->probing;

        probe_exec_stop(instance);
        if (!p)
                return;
        probe_stop(&p->probe);
        p->due_usec = USEC_INFINITY;
        p->why[0] = '\0';
        p->health = HEALTH_NULL;
        timer_stop(p->timer);
}

/* One of the process that it has: of the one before some may come late. */
void probing_line(struct instance *instance, const struct log_record *record) {
        const struct worker_definition *definition = instance_definition(instance);

        if (instance->state != INSTANCE_STARTING || definition->ready != WORKER_READY_LOG ||
            record->source.pid != instance->pid)
                return;
        if (memmem(record->text, record->size, definition->ready_log, strlen(definition->ready_log)))
                instance_handle(instance, INSTANCE_EV_READY, 0, 0);
}
