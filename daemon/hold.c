/* SPDX-License-Identifier: MIT */
/*
 * Instances that run and take nothing new
 *
 * Invariant: the flags in the member memory follow from the records of instance and worker, which are written first. So
 * whoever dies between leaves a manager that sets them again.
 */

#include "daemon/hold.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/change.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/lease-look.h"
#include "daemon/log/log.h"
#include "daemon/wishes.h"
#include "daemon/worker.h"
#include "shm/member.h"

/** Somebody waits for what is drained: the time from look to look, at first and at last. */
#define LOOK_MIN_USEC (2 * USEC_PER_MSEC)
#define LOOK_MAX_USEC (100 * USEC_PER_MSEC)

int hold_check(const struct worker_definition *definition, struct error *error) {
        if (*definition->receive || *definition->serve)
                return 0;
        if (*definition->listen)
                return error_set(error, -EINVAL, "worker '%s' receives from no ring and serves no service, so it cannot be "
                                 "drained; what comes to its sockets cannot be held back: stop it", definition->name);
        return error_set(error, -EINVAL, "worker '%s' receives from no ring and serves no service, so it cannot be drained",
                         definition->name);
}

bool instance_is_drained(const struct instance *instance) {
        return instance->drained || instance->worker->drained;
}

static uint32_t bits_of(const struct instance *instance) {
        return (instance_is_drained(instance) ? MEMBER_HELD : 0) | (instance->spare ? MEMBER_STANDBY : 0);
}

void hold_apply(struct instance *instance) {
        membership_hold(&instance->membership, bits_of(instance), false);
}

void hold_resume(struct instance *instance) {
        if (instance->pid > 0)
                membership_hold(&instance->membership, bits_of(instance), true);
}

/* ---- by hand ----------------------------------------------------------------------------------- */

static void set_drained(struct instance *instance, bool on) {
        instance->drained = on;
        instance_save(instance);
}

void worker_drain(struct worker *worker, bool on) {
        worker->drained = on;
        worker_save(worker);
        fault_point("after-drained");
        for (size_t i = 0; i < worker->n_instances; i++) {
                if (worker->instances[i]->drained)
                        set_drained(worker->instances[i], false);
                hold_apply(worker->instances[i]);
        }
        gang_touch(worker->gang);
}

/** All of them are drained, but no longer those that it gets later. */
static void drain_each(struct worker *worker) {
        for (size_t i = 0; i < worker->n_instances; i++)
                set_drained(worker->instances[i], true);
        worker->drained = false;
        worker_save(worker);
}

void instance_drain(struct instance *instance, bool on) {
        struct worker *worker = instance->worker;

        if (worker->drained && !on)
                drain_each(worker);
        if (!worker->drained && instance->drained != on)
                set_drained(instance, on);
        wishes_touch(worker->gang);
        fault_point("after-drained");
        hold_apply(instance);
        gang_touch(worker->gang);
}

/* ---- until it holds nothing -------------------------------------------------------------------- */

bool hold_is_busy(const struct instance *instance) {
        struct held_lease leases[LEASES_MAX];

        return instance->membership.n_seats > 0 && leases_find(&instance->membership, leases) > 0;
}

static void look_later(struct change *change) {
        sd_event_source_set_time(change->look, usec_add(now_usec(), change->look_usec));
        sd_event_source_set_enabled(change->look, SD_EVENT_ONESHOT);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        struct change *change = userdata;

        change->looked = true;
        change_look(change);
        change->look_usec = MIN(change->look_usec * 2, LOOK_MAX_USEC);
        if (change->n_left > 0)
                look_later(change);
        return 0;
}

void hold_watch(struct change *change) {
        int r;

        if (change->n_left == 0)
                return;
        change->look_usec = LOOK_MIN_USEC;
        r = sd_event_add_time(change->gang->event, &change->look, CLOCK_MONOTONIC, 0, 1, on_look, change);
        if (r >= 0) {
                look_later(change);
                return;
        }
        log_error("nobody looks until what is drained holds nothing: %s", strerror(-r));
        change_settle_rest(change);
}
