/* SPDX-License-Identifier: MIT */
/*
 * What is written down of a roll, and read again by the next manager
 */

#include "daemon/roll.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/time.h"
#include "daemon/gang.h"
#include "daemon/log/log.h"
#include "daemon/release.h"
#include "daemon/roll-parts.h"
#include "daemon/worker.h"

int roll_save(struct roll *roll) {
        Ganger__State__RollState record = GANGER__STATE__ROLL_STATE__INIT;
        struct gang *gang = roll->worker->gang;
        int r;

        record.worker = roll->worker->name;
        record.kind = roll->request.kind;
        record.phase = roll->policy.phase;
        record.version = roll->version;
        record.in_place = roll->policy.in_place;
        record.same = roll->policy.same;
        record.surging = roll->policy.surging;
        record.promoted = roll->policy.promoted;
        record.canary = roll->policy.canary;
        record.max_fail = roll->policy.max_fail;
        record.hold_usec = roll->request.hold_usec;
        record.due_usec = roll->due_usec == USEC_INFINITY ? 0 : roll->due_usec;
        record.asked_usec = roll->request.asked_usec;
        record.answered_usec = roll->answered_usec;
        record.by_hand = roll->by_hand;
        record.done = roll->done;
        record.reason = roll->reason;
        record.from_file = roll->request.from_file;
        if (fault_is("forget-roll"))
                return 0;
        r = state_write_message(&gang->state, &roll->state_slot, STATE_ROLL, &record.base);
        if (r < 0)
                log_error("%s: cannot write down its roll: %s", roll->worker->name, strerror(-r));
        return r;
}

static void fill(struct roll *roll, const Ganger__State__RollState *record) {
        roll->version = record->version;
        roll->policy = (struct roll_policy){
                .phase = record->phase < _ROLL_PHASE_N ? (enum roll_phase)record->phase : ROLL_OVER,
                .in_place = record->in_place,
                .same = record->same,
                .surging = record->surging,
                .promoted = record->promoted,
                .canary = record->canary,
                .max_fail = record->max_fail,
        };
        roll->request = (struct roll_request){
                .kind = record->kind < _ROLL_KIND_N ? (enum roll_kind)record->kind : ROLL_RESTART,
                .asked_usec = record->asked_usec,
                .canary = record->canary,
                .hold_usec = record->hold_usec,
                .max_fail = record->max_fail,
                .from_file = record->from_file,
        };
        roll->due_usec = record->due_usec ? record->due_usec : USEC_INFINITY;
        roll->answered_usec = record->answered_usec;
        roll->by_hand = record->by_hand;
        roll->done = record->done;
        snprintf(roll->reason, sizeof roll->reason, "%s", record->reason);
}

/* Its version cannot be had any more: those that run by it are taken back. */
static void lose(struct roll *roll, int error) {
        log_error("%s: what it is upgraded to is lost: %s", roll->worker->name, strerror(-error));
        roll->policy.phase = ROLL_BACKWARD;
        snprintf(roll->reason, sizeof roll->reason, "what it was upgraded to is lost");
}

bool roll_restore(struct gang *gang, const Ganger__State__RollState *record, uint32_t slot) {
        struct worker *worker = worker_find(gang, record->worker);
        struct roll *roll = worker && !worker->roll ? calloc(1, sizeof *roll) : NULL;
        int r;

        if (!roll)
                return false;
        worker->roll = roll;
        roll->worker = worker;
        roll->state_slot = slot;
        fill(roll, record);
        if (!roll_is_active(worker))
                return true;
        gang->n_rolls++;
        r = roll->policy.same ? 0 : release_take(&roll->next, gang, worker->name, RELEASE_NEXT);
        if (r < 0)
                lose(roll, r);
        return true;
}

void rolls_resume(struct gang *gang) {
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (roll_is_active(worker))
                        roll_arm(worker->roll);
        }
}
