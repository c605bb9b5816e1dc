/* SPDX-License-Identifier: MIT */
/*
 * An instance that an earlier manager has left: its process, and what was to become of it
 *
 * instance_restore() and instance_adopt() only fill in what is the case; nothing is started, signalled or decided
 * before instance_resume(), when all instances are known. Everything here may be done again by the next manager.
 */

#include "daemon/instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/failure-hook.h"
#include "daemon/gang.h"
#include "daemon/group.h"
#include "daemon/hold.h"
#include "daemon/holding.h"
#include "daemon/instance-parts.h"
#include "daemon/liveness.h"
#include "daemon/log/log.h"
#include "daemon/roll.h"
#include "daemon/worker.h"

static void adopt_output(struct instance *instance, const Ganger__State__InstanceCookie *cookie) {
        struct keeper_link *link = &instance_gang(instance)->link;
        char name[INSTANCE_STORED_MAX];

        for (enum log_stream stream = 0; stream < _LOG_STREAM_N; stream++) {
                int fd, r;

                if (cookie->without_streams & 1u << stream)
                        continue;
                fd = keeper_link_take(link, instance_stored(name, instance, log_stream_name(stream)));
                r = fd < 0 ? fd : instance_capture(instance, stream, fd);
                if (r < 0)
                        log_warning("%s: its %s is lost: %s", instance->key, log_stream_name(stream), strerror(-r));
        }
}

/* One that has no seat may have a member memory all the same: for its heartbeat. */
static void adopt_membership(struct instance *instance, const Ganger__State__InstanceCookie *cookie) {
        struct gang *gang = instance_gang(instance);
        char name[INSTANCE_STORED_MAX];
        int member, r;

        if (fault_is("forget-seats"))
                return;
        member = keeper_link_take(&gang->link, instance_stored(name, instance, "member"));
        if (fault_is("forget-member"))
                member = close_fd(member);
        if (member < 0 && cookie->n_seats == 0)
                return;
        r = membership_restore(&gang->objects, instance->key, cookie->seats, cookie->n_seats, member, &instance->membership);
        holding_claim(gang, instance->key, cookie->generation, &instance->membership);
        if (r < 0 || member < 0)
                log_error("%s: cannot take over its member memory: %s", instance->key, strerror(member < 0 ? -member : -r));
}

void instance_adopt(struct instance *instance, const Ganger__State__InstanceCookie *cookie, pid_t pid,
                    uint64_t started_usec, bool frozen) {
        if (fault_is("double-start"))
                return;
        instance_remember_pid(instance, pid);
        instance->generation = cookie->generation;
        instance->definition = cookie->definition;
        instance->version = cookie->version;
        invocation_set(&instance->invocation, cookie->invocation);
        instance->started_usec = started_usec;
        /* Without a record nobody knows what it has told: take it for what most processes are most of the time. */
        if (!instance->restored)
                instance_enter(instance, INSTANCE_READY, true);
        adopt_output(instance, cookie);
        adopt_membership(instance, cookie);
        if (frozen)
                instance_frozen(instance, true);
}

/* A live process of the definition by which it is to run? Else what its manager began, a reload or a roll, is finished. */
static bool is_outdated(const struct instance *instance) {
        const struct worker_definition *definition = roll_definition(instance->worker, instance->next_version);

        return instance->pid > 0 && instance->definition != worker_definition_hash(definition) &&
               (instance->state == INSTANCE_STARTING || instance->state == INSTANCE_READY);
}

static bool is_meant_to_run(const struct instance *instance) {
        const struct worker *worker = instance->worker;

        /* It was to be stopped as idle, or to be started again; then whoever uses it starts it. */
        if (worker->definition->start == WORKER_START_ON_DEMAND &&
            (instance->state == INSTANCE_DRAINING || instance->state == INSTANCE_STOPPING))
                return false;
        return !instance->stopped && worker_is_wanted(worker) && instance->number < worker_count_target(worker);
}

/* The signal or the flag that the manager before may not have got to send: sending it twice does no harm. */
static void resume_stop(struct instance *instance) {
        if (instance->state == INSTANCE_DRAINING && !membership_drain(&instance->membership))
                instance_handle(instance, INSTANCE_EV_DRAINED, 0, 0);
        else if (instance->state == INSTANCE_STOPPING)
                instance_signal_stop(instance);
}

void instance_resume(struct instance *instance) {
        enum instance_state recorded = instance->state, state;

        instance->wanted = is_meant_to_run(instance);
        state = instance_state_resume(recorded, instance->pid > 0, instance->wanted);
        if (state != recorded) {
                instance_enter(instance, state, true);
                instance->due_usec = USEC_INFINITY;
                if (state == INSTANCE_STARTING)
                        instance_timer_plan(instance, INSTANCE_ACT_ARM_READY_TIMEOUT, 0);
                else if (state == INSTANCE_BACKOFF)
                        instance->due_usec = now_usec();
                instance_save(instance);
        }
        instance_timer_arm(instance);
        hold_resume(instance);
        liveness_resume(instance);
        resume_stop(instance);
        failure_hook_run(instance);
        if (instance_is_ready_at_once(instance))
                instance_handle(instance, INSTANCE_EV_READY, 0, 0);
        /* One that failed with its group stays so. */
        if (!instance->wanted && instance->state == INSTANCE_FAILED && group_is_failed(instance->worker->group))
                return;
        if (!instance->wanted && instance->state != INSTANCE_DOWN)
                instance_end_in_order(instance, INSTANCE_HELD_STOP);
        else if (instance->pid == 0 && instance_is_due(instance))
                instance_start(instance, false);
        else if (is_outdated(instance))
                instance_end_in_order(instance, INSTANCE_HELD_RESTART);
}
