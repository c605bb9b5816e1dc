/* SPDX-License-Identifier: MIT */
/*
 * An instance that is ended for a failure of its own
 *
 * What must hold: the verdict is written down before the first signal is sent, so that whichever manager sees the exit
 * knows why; and a signal that a dying manager did not send is sent by its successor, as SIGKILL at the latest.
 */

#include "daemon/condemn.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/standby.h"
#include "daemon/timer.h"

static int on_due(sd_event_source *source, uint64_t usec, void *userdata) {
        struct instance *instance = userdata;
        struct condemned *c = &instance->condemned;

        log_warning("%s: has not ended (%s): killed", instance->key, *c->verdict ? c->verdict : "it said that it stops");
        if (!*c->verdict)
                words_set(&c->verdict, VERDICT_MAX, "said that it stops, and did not");
        /* Again, should this one be lost with us. */
        c->due_usec = usec_add(now_usec(), instance_definition(instance)->stop_timeout_usec);
        instance_save(instance);
        instance_kill(instance);
        condemn_resume(instance);
        return 0;
}

/* Without memory for a timer it is killed rather than waited for: that needs none. */
void condemn_resume(struct instance *instance) {
        struct condemned *c = &instance->condemned;

        if (instance->pid == 0 || c->due_usec == USEC_INFINITY)
                return;
        if (timer_arm(instance_gang(instance)->event, &c->timer, c->due_usec, 0, on_due, instance) < 0)
                instance_kill(instance);
}

void condemn(struct instance *instance, int signal, const char *format, ...) {
        struct condemned *c = &instance->condemned;
        char name[SIGNAL_FORMAT_MAX];
        va_list args;

        if (*c->verdict || instance->pid == 0)
                return;
        va_start(args, format);
        words_set_list(&c->verdict, VERDICT_MAX, format, args);
        va_end(args);
        standby_lost(instance);
        c->due_usec = usec_add(now_usec(), instance_definition(instance)->stop_timeout_usec);
        instance_save(instance);
        fault_point("condemned");
        log_warning("%s: %s: %s is sent", instance->key, c->verdict, signal_format(name, sizeof name, signal));
        keeper_link_signal(&instance_gang(instance)->link, instance->key, signal, true);
        if (instance->frozen)           /* a stopped process takes no other signal */
                keeper_link_signal(&instance_gang(instance)->link, instance->key, SIGCONT, true);
        condemn_resume(instance);
}

void condemn_if_it_stays(struct instance *instance) {
        struct condemned *c = &instance->condemned;

        if (c->due_usec != USEC_INFINITY)
                return;
        c->due_usec = usec_add(now_usec(), instance_definition(instance)->stop_timeout_usec);
        condemn_resume(instance);
}

/* One that is condemned has had its time. */
void condemn_extend(struct instance *instance, uint64_t extension_usec) {
        struct condemned *c = &instance->condemned;

        if (c->due_usec == USEC_INFINITY || *c->verdict)
                return;
        c->due_usec = MAX(c->due_usec, usec_add(now_usec(), extension_usec));
        condemn_resume(instance);
}

void condemn_reset(struct instance *instance) {
        struct condemned *c = &instance->condemned;

        words_clear(&c->verdict);
        c->due_usec = USEC_INFINITY;
        timer_stop(c->timer);
}

void condemn_done(struct instance *instance) {
        words_clear(&instance->condemned.verdict);
        instance->condemned.timer = sd_event_source_disable_unref(instance->condemned.timer);
}
