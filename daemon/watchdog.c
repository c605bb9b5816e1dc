/* SPDX-License-Identifier: MIT */
/*
 * The watchdog
 *
 * The deadline is in the instance's record: a manager that takes over goes on with it. What must hold: nobody is called
 * silent whose word has arrived. So the timer comes after the notify socket in each turn of the loop, and waits while
 * that is not read.
 */

#include "daemon/watchdog.h"

#include <string.h>

#include "base/time.h"
#include "daemon/condemn.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/timer.h"

/** While the notify socket waits for the keeper's word about a process, which takes about a millisecond. */
#define PAUSED_USEC (10 * USEC_PER_MSEC)

static void watchdog_arm(struct instance *instance, uint64_t due_usec);

static int on_due(sd_event_source *source, uint64_t usec, void *userdata) {
        struct instance *instance = userdata;
        char text[USEC_FORMAT_MAX];

        if (instance_gang(instance)->notify.paused) {
                watchdog_arm(instance, now_usec() + PAUSED_USEC);
                return 0;
        }
        instance->watchdog.due_usec = USEC_INFINITY;
        condemn(instance, instance_definition(instance)->watchdog_signal, "watchdog: silent for %s",
                usec_format(text, sizeof text, instance->watchdog.period_usec));
        return 0;
}

/* Without memory for the timer nobody watches; that is told, and no reason to kill. */
static void watchdog_arm(struct instance *instance, uint64_t due_usec) {
        int r = timer_arm(instance_gang(instance)->event, &instance->watchdog.timer, due_usec, TIMER_LATE, on_due, instance);

        if (r < 0)
                log_error("%s: its watchdog does not run: %s", instance->key, strerror(-r));
}

void watchdog_prepare(struct instance *instance) {
        watchdog_stop(instance);
        instance->watchdog.period_usec = instance_definition(instance)->watchdog_usec;
}

void watchdog_start(struct instance *instance) {
        struct watchdog *w = &instance->watchdog;

        w->due_usec = usec_add(now_usec(), w->period_usec);
        watchdog_resume(instance);
}

void watchdog_stop(struct instance *instance) {
        instance->watchdog.due_usec = USEC_INFINITY;
        timer_stop(instance->watchdog.timer);
}

void watchdog_feed(struct instance *instance) {
        if (instance->watchdog.due_usec != USEC_INFINITY)
                watchdog_start(instance);
}

void watchdog_change(struct instance *instance, uint64_t period_usec) {
        instance->watchdog.period_usec = period_usec > 0 ? period_usec : USEC_INFINITY;
        if (instance->state == INSTANCE_READY)
                watchdog_start(instance);
}

void watchdog_resume(struct instance *instance) {
        if (instance->watchdog.due_usec == USEC_INFINITY)
                timer_stop(instance->watchdog.timer);
        else
                watchdog_arm(instance, instance->watchdog.due_usec);
}

void watchdog_done(struct instance *instance) {
        instance->watchdog.timer = sd_event_source_disable_unref(instance->watchdog.timer);
}
