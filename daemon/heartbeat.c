/* SPDX-License-Identifier: MIT */
/*
 * The heartbeat
 *
 * We look twice in a period, and judge by looks, not by the clock: two in a row that see what the one before saw. So
 * nobody is judged for a time in which we, and perhaps all else, stood still; and nothing need be written down, since a
 * manager that takes over has seen nothing yet.
 *
 * The count is the process's to write, and orders nothing: any change is a beat. It is read once in a look.
 */

#include "daemon/heartbeat.h"

#include <string.h>

#include "base/fault.h"
#include "base/time.h"
#include "daemon/condemn.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/log/log.h"
#include "daemon/timer.h"
#include "shm/member.h"

/** In a period; so many looks in a row that see nothing new are one period without a beat. */
#define LOOKS 2

static void arm(struct instance *instance, uint64_t due_usec);

/* @return false: there is nothing to look at, as it has not joined yet, or has left. */
static bool look(const struct instance *instance, uint64_t *ret) {
        struct member_memory *member = instance->membership.member;
        uint64_t count;

        if (!member || !atomic_load_explicit(&member->joined, memory_order_acquire))
                return false;
        count = atomic_load_explicit(&member->heartbeat, memory_order_relaxed);
        if (count == HEARTBEAT_LEFT)
                return false;
        *ret = count;
        return true;
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata) {
        struct instance *instance = userdata;
        struct heartbeat *h = &instance->heartbeat;
        uint64_t period = instance_definition(instance)->heartbeat_usec, count = 0;
        bool known = look(instance, &count);
        char text[USEC_FORMAT_MAX];

        if (period == USEC_INFINITY)
                return 0; /* by a reload: it is about to be replaced */
        h->still = known && h->known && count == h->seen ? h->still + 1 : 0;
        h->known = known;
        h->seen = count;
        if (h->still < LOOKS)
                arm(instance, now_usec() + period / LOOKS);
        else
                condemn(instance, instance_definition(instance)->watchdog_signal, "heartbeat: still for %s",
                        usec_format(text, sizeof text, period));
        return 0;
}

/* Without memory for the timer nobody looks; that is told, and no reason to kill. */
static void arm(struct instance *instance, uint64_t due_usec) {
        int r = timer_arm(instance_gang(instance)->event, &instance->heartbeat.timer, due_usec, TIMER_LATE, on_due, instance);

        if (r < 0)
                log_error("%s: its heartbeat is not looked at: %s", instance->key, strerror(-r));
}

void heartbeat_start(struct instance *instance) {
        struct heartbeat *h = &instance->heartbeat;
        uint64_t period = instance_definition(instance)->heartbeat_usec;

        heartbeat_stop(instance);
        if (period == USEC_INFINITY)
                return;
        h->known = look(instance, &h->seen);
        arm(instance, now_usec() + period / LOOKS);
}

void heartbeat_stop(struct instance *instance) {
        instance->heartbeat.known = false;
        instance->heartbeat.still = 0;
        timer_stop(instance->heartbeat.timer);
}

void heartbeat_resume(struct instance *instance) {
        if (instance->state != INSTANCE_READY || fault_is("heartbeat-forgotten"))
                return;
        heartbeat_start(instance);
        if (fault_is("heartbeat-goes-on")) {
                instance->heartbeat.still = LOOKS - 1;
                arm(instance, now_usec());
        }
}

void heartbeat_done(struct instance *instance) {
        instance->heartbeat.timer = sd_event_source_disable_unref(instance->heartbeat.timer);
}
