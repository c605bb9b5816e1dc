/* SPDX-License-Identifier: MIT */
/*
 * What is written down of an instance, and read again by the next manager
 */

#include "daemon/instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/time.h"
#include "daemon/gang.h"
#include "daemon/instance-parts.h"
#include "daemon/liveness.h"
#include "daemon/log/log.h"
#include "daemon/words.h"
#include "daemon/worker.h"

/* What matters least goes first, if a record is too long: the texts, then the oldest restarts. */
static int save_smaller(struct instance *instance, Ganger__State__InstanceState *record) {
        struct gang *gang = instance_gang(instance);
        int r = -EMSGSIZE;

        record->status_text = record->last_reason = NULL;
        while (r == -EMSGSIZE && record->n_restart_usec > 0) {
                record->restart_usec++;
                record->n_restart_usec--;
                r = state_write_message(&gang->state, &instance->state_slot, STATE_INSTANCE, &record->base);
        }
        return r;
}

void instance_save(struct instance *instance) {
        Ganger__State__InstanceState record = GANGER__STATE__INSTANCE_STATE__INIT;
        struct gang *gang = instance_gang(instance);
        int r;

        record.key = instance->key;
        record.state = instance->state;
        record.generation = instance->generation;
        record.since_usec = instance->since_usec;
        record.due_usec = instance->due_usec == USEC_INFINITY ? 0 : instance->due_usec;
        record.failures = instance->history.failures;
        record.restarts = instance->history.restarts;
        record.restart_usec = instance->history.limit.at_usec;
        record.n_restart_usec = instance->history.limit.n;
        record.failure_due = instance->failure_due;
        record.loop_failures = instance->history.loop.n;
        record.loop_usec = instance->history.loop.since_usec;
        record.stopped = instance->stopped;
        record.abandoned = instance->abandoned;
        record.stop_step = instance->stop_step;
        record.remains = instance->remains && !fault_is("forget-remains");
        record.drained = instance->drained;
        record.spare = instance->spare;
        record.last_status = instance->last_status;
        record.last_valid = instance->last_valid;
        record.last_reason = (char *)instance->reason;
        record.status_text = (char *)instance->status_text;
        record.version = instance->next_version;
        record.roll_failures = instance->roll_failures;
        record.roll_unready = instance->roll_unready;
        liveness_save(instance, &record);
        r = state_write_message(&gang->state, &instance->state_slot, STATE_INSTANCE, &record.base);
        if (r == -EMSGSIZE)
                r = save_smaller(instance, &record);
        if (r < 0)
                log_error("%s: cannot write its record: %s", instance->key, strerror(-r));
}

void instance_restore(struct instance *instance, const Ganger__State__InstanceState *record, uint32_t slot) {
        uint64_t now = now_usec();

        instance->state_slot = slot;
        instance->generation = record->generation;
        instance->since_usec = record->since_usec;
        instance->due_usec = record->due_usec ? record->due_usec : USEC_INFINITY;
        instance->history.failures = record->failures;
        instance->history.restarts = record->restarts;
        if (restart_limit_restore(&instance->history.limit, record->restart_usec, record->n_restart_usec, now) < 0)
                log_warning("%s: its restarts are forgotten for want of memory", instance->key);
        instance->failure_due = record->failure_due;
        instance->history.loop = (struct crash_loop){ .n = record->loop_failures, .since_usec = record->loop_usec };
        instance->stopped = record->stopped;
        instance->abandoned = record->abandoned;
        instance->drained = record->drained && !fault_is("forget-drained");
        instance->spare = record->spare && !fault_is("forget-spare");
        instance->worker->has_spares |= record->spare;
        instance->last_status = record->last_status;
        instance->last_valid = record->last_valid;
        words_set(&instance->reason, INSTANCE_TEXT_MAX, "%s", record->last_reason);
        words_set(&instance->status_text, INSTANCE_TEXT_MAX, "%s", record->status_text);
        instance->version = instance->next_version = record->version;
        instance->roll_failures = record->roll_failures;
        instance->roll_unready = record->roll_unready;
        liveness_restore(instance, record);
        if (record->state < _INSTANCE_STATE_N)
                instance_enter(instance, record->state, false);
        instance->stop_step = record->stop_step;
        instance->remains = record->remains;
        instance->since_usec = record->since_usec;
        instance->ready_usec = instance->state == INSTANCE_READY ? record->since_usec : 0;
        instance->restored = true;
}
