/* SPDX-License-Identifier: MIT */
/*
 * What is watched of a process
 *
 * What must hold: whatever is said by a datagram is written down before the datagram is taken out of its socket; and
 * saying it twice is the same as saying it once.
 */

#include "daemon/liveness.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/main-pid.h"
#include "daemon/policy/deadline.h"
#include "daemon/words.h"

void liveness_init(struct instance *instance) {
        instance->condemned = CONDEMNED_NULL;
        instance->watchdog = WATCHDOG_NULL;
        instance->heartbeat = HEARTBEAT_NULL;
        instance->ready_fd = READY_FD_NULL;
        fd_store_init(&instance->fd_store);
}

void liveness_done(struct instance *instance) {
        condemn_done(instance);
        watchdog_done(instance);
        heartbeat_done(instance);
        ready_fd_done(instance);
        probing_done(instance);
        fd_store_done(&instance->fd_store);
}

void liveness_prepare(struct instance *instance) {
        instance->said = SAID_NULL;
        condemn_reset(instance);
        watchdog_prepare(instance);
        probing_entered(instance);
}

void liveness_entered(struct instance *instance, enum instance_state from) {
        if (instance->state == from)
                return;
        if (instance->state == INSTANCE_READY) {
                watchdog_start(instance);
                heartbeat_start(instance);
        } else {
                watchdog_stop(instance);
                heartbeat_stop(instance);
        }
        if (instance->state != INSTANCE_STARTING) /* liveness_prepare() has seen to it */
                probing_entered(instance);
        if (!instance_state_has_process(instance->state))
                condemn_reset(instance);
        /* As systemd has it: kept over restarts, not over a stop. */
        if (instance->state == INSTANCE_DOWN || instance->state == INSTANCE_FAILED)
                fd_store_clear(instance);
}

/* ---- over the death of a manager --------------------------------------------------------------- */

/* In a record, 0 is never. */
static uint64_t to_record(uint64_t usec) {
        return usec == USEC_INFINITY ? 0 : usec;
}

static uint64_t from_record(uint64_t usec) {
        return usec ? usec : USEC_INFINITY;
}

void liveness_save(const struct instance *instance, Ganger__State__InstanceState *record) {
        record->verdict = (char *)instance->condemned.verdict;
        record->kill_usec = to_record(instance->condemned.due_usec);
        record->watchdog_usec = to_record(instance->watchdog.period_usec);
        record->watchdog_due_usec = to_record(instance->watchdog.due_usec);
        record->reloading_usec = instance->said.reloading_usec;
        record->says_stopping = instance->said.stopping;
        record->error = instance->said.error;
        record->probe_due_usec = to_record(probing_of(instance)->due_usec);
        record->health_failures = probing_of(instance)->health.failures;
        record->health_known = probing_of(instance)->health.known;
}

void liveness_restore(struct instance *instance, const Ganger__State__InstanceState *record) {
        words_set(&instance->condemned.verdict, VERDICT_MAX, "%s", record->verdict);
        instance->condemned.due_usec = from_record(record->kill_usec);
        instance->watchdog.period_usec = from_record(record->watchdog_usec);
        instance->watchdog.due_usec = from_record(record->watchdog_due_usec);
        instance->said.reloading_usec = record->reloading_usec;
        instance->said.stopping = record->says_stopping;
        instance->said.error = record->error;
        probing_restore(instance, from_record(record->probe_due_usec),
                        (struct health){ record->health_failures, record->health_known });
}

void liveness_resume(struct instance *instance) {
        if (!instance_state_has_process(instance->state)) {
                if (instance->state == INSTANCE_DOWN || instance->state == INSTANCE_FAILED)
                        fd_store_clear(instance);
                return;
        }
        condemn_resume(instance);
        watchdog_resume(instance);
        heartbeat_resume(instance);
        ready_fd_restore(instance);
        if (instance->state == INSTANCE_STARTING)
                probing_entered(instance);
        else
                probing_resume(instance);
}

/* ---- sd_notify --------------------------------------------------------------------------------- */

/* One line, whatever was sent: control characters would move somebody's cursor. */
static void set_status(struct instance *instance, const char *text) {
        char line[INSTANCE_TEXT_MAX];

        snprintf(line, sizeof line, "%s", text);
        for (unsigned char *p = (unsigned char *)line; *p; p++)
                if (*p < ' ' || *p == 0x7f)
                        *p = '?';
        words_set(&instance->status_text, sizeof line, "%s", line);
}

static void extend(struct instance *instance, uint64_t extension_usec) {
        const struct worker_definition *definition = instance_definition(instance);
        bool starting = instance->state == INSTANCE_STARTING;
        uint64_t timeout = starting ? definition->ready_timeout_usec : definition->stop_timeout_usec;

        condemn_extend(instance, extension_usec);
        if (*instance->condemned.verdict || instance->due_usec == USEC_INFINITY)
                return;
        instance->due_usec = deadline_extend(instance->since_usec, timeout, now_usec(), extension_usec);
        instance_timer_arm(instance);
}

/* Since when: as it says, unless that cannot be. */
static void set_reloading(struct instance *instance, uint64_t monotonic_usec) {
        uint64_t now = now_usec();
        bool sound = monotonic_usec >= instance->started_usec && monotonic_usec <= now;

        instance->said.reloading_usec = sound ? monotonic_usec : now;
}

static void set_ready(struct instance *instance) {
        instance->said.reloading_usec = 0;
        if (instance->state == INSTANCE_STARTING && ready_by_message(instance_definition(instance)->ready))
                instance_handle(instance, INSTANCE_EV_READY, 0, 0);
}

static void set_stopping(struct instance *instance) {
        instance->said.stopping = true;
        instance->said.reloading_usec = 0;
        watchdog_stop(instance);
        heartbeat_stop(instance);
        if (instance->state == INSTANCE_READY)
                condemn_if_it_stays(instance);
}

void liveness_notified(struct instance *instance, const struct notify_message *m) {
        if (m->main_pid > 0)
                main_pid_named(instance, m->main_pid);
        if (m->status)
                set_status(instance, m->status);
        if (m->error >= 0)
                instance->said.error = (uint32_t)m->error;
        if (m->reloading && instance->state == INSTANCE_READY)
                set_reloading(instance, m->monotonic_usec);
        if (m->ready)
                set_ready(instance);
        if (m->stopping)
                set_stopping(instance);
        if (m->extend_usec > 0)
                extend(instance, m->extend_usec);
        if (m->watchdog == NOTIFY_WATCHDOG_FEED)
                watchdog_feed(instance);
        else if (m->watchdog == NOTIFY_WATCHDOG_TRIGGER)
                condemn(instance, instance_definition(instance)->watchdog_signal, "watchdog: by its own wish");
        if (m->fd_store)
                fd_store_add(instance, m->fd_name, m->fd_poll, m->fds, m->n_fds);
        if (m->fd_remove && m->fd_name)
                fd_store_remove(instance, m->fd_name);
        if (m->has_watchdog_usec)
                watchdog_change(instance, m->watchdog_usec);
        instance_save(instance);
        gang_touch(instance_gang(instance));
}
