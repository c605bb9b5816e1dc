/* SPDX-License-Identifier: MIT */
/*
 * A worker: how many instances it has
 *
 * Invariant: instances[i] has the number i. Those below worker_count_target() exist; those from there on are on
 * their way down, and are freed from the end.
 */

#include "daemon/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "daemon/demand.h"
#include "daemon/gang.h"
#include "daemon/group.h"
#include "daemon/instance.h"
#include "daemon/log/log.h"
#include "daemon/release.h"
#include "daemon/roll.h"
#include "daemon/stall.h"
#include "daemon/scaling.h"
#include "daemon/standby.h"
#include "daemon/wishes.h"

struct worker *worker_find(struct gang *gang, const char *name) {
        struct map_node *node = map_find(&gang->workers_by_name, name);

        return node ? map_entry(node, struct worker, node) : NULL;
}

int worker_new(struct worker **ret, struct gang *gang, const struct worker_definition *definition) {
        struct worker *worker = calloc(1, sizeof *worker);
        int r;

        if (!worker)
                return -ENOMEM;
        worker->gang = gang;
        worker->state_slot = STATE_SLOT_NONE;
        worker->definition = definition;
        worker->fresh = true;
        worker->wanted = definition->instances;
        worker->name = strdup(definition->name);
        r = worker->name ? map_add(&gang->workers_by_name, &worker->node, worker->name) : -ENOMEM;
        if (r < 0) {
                free(worker->name);
                free(worker);
                return r;
        }
        worker_log_init(worker);
        list_append(&gang->workers, &worker->link);
        *ret = worker;
        return 0;
}

struct worker *worker_free(struct worker *worker) {
        if (!worker)
                return NULL;
        demand_forget(worker);
        roll_free(worker);
        release_free(worker->previous);
        release_free(worker->file);
        stall_forget(worker);
        scaling_forget(worker);
        for (size_t i = 0; i < worker->n_instances; i++)
                instance_free(worker->instances[i]);
        map_remove(&worker->gang->workers_by_name, &worker->node);
        list_unlink(&worker->link);
        schedule_done(worker);
        worker->gang->n_in_rounds -= worker->round_usec != 0;
        worker_log_done(worker);
        free(worker->instances);
        free(worker->name);
        free(worker);
        return NULL;
}

unsigned int worker_count_defined(const struct worker_definition *definition, unsigned int wanted) {
        if (wanted < definition->instances)
                return definition->instances;
        return wanted > definition->instances_max ? definition->instances_max : wanted;
}

int worker_grow(struct worker *worker, unsigned int n) {
        struct instance **instances;
        int r;

        if (n <= worker->n_instances)
                return 0;
        instances = reallocarray(worker->instances, n, sizeof *instances);
        if (!instances)
                return -ENOMEM;
        worker->instances = instances;
        while (worker->n_instances < n) {
                r = instance_new(&instances[worker->n_instances], worker, worker->n_instances);
                if (r < 0)
                        return r;
                worker->n_instances++;
        }
        return 0;
}

unsigned int worker_count_lasting(const struct worker *worker) {
        return worker->wanted + worker->definition->standby;
}

unsigned int worker_count_target(const struct worker *worker) {
        return worker->removed ? 0 : worker_count_lasting(worker) + roll_surge(worker);
}

bool worker_is_wanted(const struct worker *worker) {
        return !worker->stopped && !worker->removed && !worker->gang->stopping && !group_is_failed(worker->group);
}

bool worker_is_resting(const struct worker *worker) {
        for (size_t i = 0; i < worker->n_instances; i++)
                if (instance_state_has_process(worker->instances[i]->state) || worker->instances[i]->state == INSTANCE_BACKOFF)
                        return false;
        return worker->definition->start != WORKER_START_BOOT;
}

unsigned int worker_count_active(const struct worker *worker) {
        unsigned int n = 0;

        for (size_t i = 0; i < worker->n_instances; i++) {
                const struct instance *instance = worker->instances[i];

                n += (instance->state == INSTANCE_READY && !instance->spare) || instance_remains(instance);
        }
        return n;
}

static void write_record(struct worker *worker) {
        Ganger__State__WorkerState record = GANGER__STATE__WORKER_STATE__INIT;
        int r;

        record.name = worker->name;
        record.instances = worker->wanted;
        record.scaled = worker->scaled;
        record.stopped = worker->stopped;
        record.drained = worker->drained;
        record.round_usec = worker->round_usec;
        record.schedule_first_usec = worker->schedule.first_usec;
        record.schedule_next_usec = worker->schedule.next_usec;
        record.ends = worker->ends.n;
        record.n_ends = _END_REASON_N;
        if (fault_is("forget-wish"))
                return;
        r = state_write_message(&worker->gang->state, &worker->state_slot, STATE_WORKER, &record.base);
        if (r < 0)
                log_error("%s: cannot write its record: %s", worker->name, strerror(-r));
}

void worker_save(struct worker *worker) {
        wishes_touch(worker->gang);
        write_record(worker);
}

void worker_count_end(struct worker *worker, enum report_cause cause, int status) {
        end_counts_add(&worker->ends, cause, status);
        write_record(worker);
}

int worker_scale(struct worker *worker, unsigned int wanted, bool by_hand) {
        bool starts = worker_is_wanted(worker) && (by_hand || !worker_is_resting(worker));
        int r = worker_grow(worker, wanted + worker->definition->standby + roll_surge(worker));
        unsigned int target;

        if (r < 0)
                return r;
        worker->wanted = wanted;
        worker->scaled = by_hand;
        target = worker_count_target(worker);
        worker_save(worker);
        fault_point("after-scale");
        standby_balance(worker);
        for (unsigned int i = 0; i < target && starts; i++)
                if (!worker->instances[i]->wanted && !worker->instances[i]->stopped)
                        instance_start(worker->instances[i], false);
        for (size_t i = worker->n_instances; i > target; i--) {
                instance_stop(worker->instances[i - 1], false);
                if (fault_is("scale-undrained"))
                        keeper_link_signal(&worker->gang->link, worker->instances[i - 1]->key, SIGKILL, true);
        }
        worker->fresh = false;
        schedule_arm(worker);
        gang_touch(worker->gang);
        return 0;
}

void worker_remove(struct worker *worker) {
        worker->removed = true;
        worker->wanted = 0;
        schedule_done(worker);
        for (size_t i = worker->n_instances; i > 0; i--)
                instance_stop(worker->instances[i - 1], false);
        gang_touch(worker->gang);
}

bool worker_collect(struct worker *worker) {
        struct state_memory *state = &worker->gang->state;

        while (worker->n_instances > worker_count_target(worker)) {
                struct instance *last = worker->instances[worker->n_instances - 1];

                if (instance_state_has_process(last->state))
                        break;
                worker->n_instances--;
                state_erase(state, &last->state_slot);
                instance_free(last);
        }
        if (!worker->removed || worker->n_instances > 0)
                return true;
        state_erase(state, &worker->state_slot);
        roll_forget(worker);
        releases_forget(worker);
        worker_free(worker);
        return false;
}
