/* SPDX-License-Identifier: MIT */
/*
 * Spares, and how one takes over
 *
 * What must be fast is the way from the exit of a process to the wake-up of the spare: standby_lost() is the first that
 * an exit leads to, and clears the spare's flag and wakes it before anything is written, recovered or spawned. The
 * messages of the dead come to it with the recovery that follows. Records are written after that. A manager that dies in
 * between leaves records of the roles before: the next one holds the spare again, sees the same exit, and does the same.
 *
 * Invariant: of the instances that are to exist, as many are no spares as are wanted.
 */

#include "daemon/standby.h"

#include <stdio.h>

#include "base/fault.h"
#include "daemon/config/config.h"
#include "daemon/events.h"
#include "daemon/gang.h"
#include "daemon/hold.h"
#include "daemon/instance.h"
#include "daemon/policy/standby.h"
#include "daemon/worker.h"

static enum standby_level level_of(const struct instance *instance) {
        switch (instance->state) {
        case INSTANCE_READY:
                if (*instance->condemned.verdict)
                        return STANDBY_GONE;
                return instance_is_drained(instance) || instance->frozen ? STANDBY_COMING : STANDBY_READY;
        case INSTANCE_STARTING:
                return STANDBY_COMING;
        case INSTANCE_BACKOFF:
        case INSTANCE_WAITING:
                return STANDBY_LATER;
        case INSTANCE_DRAINING:
        case INSTANCE_STOPPING:
                return instance->wanted ? STANDBY_LATER : STANDBY_GONE;
        case INSTANCE_DOWN:
        case INSTANCE_FAILED:
        case _INSTANCE_STATE_N:
                break;
        }
        return STANDBY_GONE;
}

static void tell_takeover(struct instance *instance, const struct instance *lost) {
        struct gang *gang = instance->worker->gang;
        char from[INSTANCE_KEY_MAX + 16] = "";

        if (lost)
                snprintf(from, sizeof from, " from %s", lost->key);
        events_add(&gang->events, instance->key,
                   &(struct event){ .kind = EVENT_STATE, .state = instance_shown_state(instance), .pid = instance->pid },
                   "%s: takes over%s", instance_shown_state(instance), from);
}

static void give_role(struct instance *instance, bool spare) {
        instance->spare = spare;
        hold_apply(instance);
}

/** Bring the roles about. Whoever works from now on is let go on first; the records come last. */
static void apply(struct worker *worker, const struct standby_seat *seats, const bool *was_spare, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (was_spare[i] && !seats[i].spare)
                        give_role(worker->instances[i], false);
        fault_point("role-given");
        for (size_t i = 0; i < n; i++)
                if (!was_spare[i] && seats[i].spare)
                        give_role(worker->instances[i], true);
        for (size_t i = 0; i < n; i++)
                if (was_spare[i] != seats[i].spare)
                        instance_save(worker->instances[i]);
        worker->has_spares = n > worker->wanted;
        fault_point("role-recorded");
}

static void assign(struct worker *worker, struct instance *lost) {
        struct standby_seat seats[CONFIG_INSTANCES_MAX];
        bool was_spare[CONFIG_INSTANCES_MAX];
        size_t n = worker_count_target(worker);

        n = n < worker->n_instances ? n : worker->n_instances;
        n = n < CONFIG_INSTANCES_MAX ? n : CONFIG_INSTANCES_MAX;
        for (size_t i = 0; i < n; i++) {
                was_spare[i] = worker->instances[i]->spare;
                seats[i].spare = was_spare[i];
                seats[i].level = worker->instances[i] == lost ? STANDBY_GONE : level_of(worker->instances[i]);
        }
        if (standby_assign(seats, n, worker->wanted) == 0)
                return;
        apply(worker, seats, was_spare, n);
        for (size_t i = 0; i < n; i++)
                if (was_spare[i] && !seats[i].spare && worker->instances[i]->state == INSTANCE_READY)
                        tell_takeover(worker->instances[i], lost);
        gang_touch(worker->gang);
}

void standby_init(struct worker *worker) {
        for (size_t i = worker->wanted; i < worker->n_instances; i++)
                worker->instances[i]->spare = worker->has_spares = true;
}

void standby_balance(struct worker *worker) {
        if (worker->definition->standby > 0 || worker->has_spares)
                assign(worker, NULL);
}

void standby_lost(struct instance *instance) {
        struct worker *worker = instance->worker;

        if (worker->definition->standby > 0 && !instance->spare && worker_is_wanted(worker) &&
            instance->number < worker_count_target(worker))
                assign(worker, instance);
}
