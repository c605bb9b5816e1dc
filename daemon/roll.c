/* SPDX-License-Identifier: MIT */
/*
 * Rolling restart and upgrade: what there is of it, how it begins, and what people and processes do to it
 *
 * What a new process does belongs to the roll: neither is it started again by its policy before it was ready once, nor is
 * its group asked. A group that starts all of its workers again, for a version that is only tried, would take the old ones
 * along.
 */

#include "daemon/roll.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/group.h"
#include "daemon/log/log.h"
#include "daemon/release.h"
#include "daemon/roll-parts.h"
#include "daemon/worker.h"

const char *roll_kind_name(enum roll_kind kind) {
        static const char *const names[_ROLL_KIND_N] = {
                [ROLL_RESTART] = "restart", [ROLL_UPGRADE] = "upgrade", [ROLL_BACK] = "rollback",
        };

        return (unsigned)kind < _ROLL_KIND_N ? names[kind] : "?";
}

const char *roll_state_name(const struct roll *roll) {
        return roll->policy.phase != ROLL_OVER ? roll_phase_name(roll->policy.phase) : roll->done ? "done" : "failed";
}

/* ---- what there is of it ------------------------------------------------------------------------- */

bool roll_is_active(const struct worker *worker) {
        return worker->roll && worker->roll->policy.phase != ROLL_OVER;
}

unsigned int roll_surge(const struct worker *worker) {
        return roll_is_active(worker) && worker->roll->policy.surging;
}

bool roll_is_new(const struct worker *worker, uint64_t version) {
        return roll_is_active(worker) && worker->roll->version == version;
}

const struct worker_definition *roll_definition(const struct worker *worker, uint64_t version) {
        return roll_is_new(worker, version) && worker->roll->next ? worker->roll->next->definition : worker->definition;
}

static bool has_pipe(const struct gang_objects *objects, char *const *rings) {
        for (; *rings; rings++) {
                const struct gang_object *ring = gang_object_find((struct gang_objects *)objects, *rings);

                if (ring && ring->geometry.kind == OBJECT_PIPE)
                        return true;
        }
        return false;
}

/* The end of a pipe is one process's; and where there are spares, these stand in for whoever is replaced. */
static bool may_surge(const struct worker *worker, const struct worker_definition *definition) {
        const struct gang_objects *objects = &worker->gang->objects;

        return definition->surge > 0 && definition->standby == 0 && worker->wanted < CONFIG_INSTANCES_MAX &&
               !has_pipe(objects, definition->receive) && !has_pipe(objects, definition->send);
}

uint32_t roll_failures(const struct worker *worker) {
        uint32_t n = 0;

        for (size_t i = 0; i < worker->n_instances; i++)
                if (worker->instances[i]->next_version == worker->roll->version)
                        n += worker->instances[i]->roll_failures;
        return n;
}

uint32_t roll_count_new(const struct worker *worker) {
        uint32_t n = 0;

        for (size_t i = 0; i < worker->n_instances && i < worker_count_lasting(worker); i++)
                n += worker->instances[i]->version == worker->roll->version && worker->instances[i]->state == INSTANCE_READY;
        return n;
}

void roll_describe(const struct worker *worker, char *ret, size_t size) {
        const struct roll *roll = worker->roll;
        const char *kind = roll_kind_name(roll->request.kind);
        char text[USEC_FORMAT_MAX];
        uint64_t now = now_usec();

        switch (roll->policy.phase) {
        case ROLL_FORWARD:
                snprintf(ret, size, "%s: %u of %u are new and ready", kind, roll_count_new(worker), worker_count_lasting(worker));
                break;
        case ROLL_HOLD:
                usec_format_rough(text, sizeof text, roll->due_usec > now ? roll->due_usec - now : 0);
                snprintf(ret, size, "%s: holds, %u of %u are new and ready, %u failures; goes on %s%s", kind,
                         roll_count_new(worker), worker_count_lasting(worker), roll_failures(worker),
                         roll->due_usec == USEC_INFINITY ? "when it is promoted" : "in ",
                         roll->due_usec == USEC_INFINITY ? "" : text);
                break;
        case ROLL_BACKWARD:
                snprintf(ret, size, "%s: is taken back: %s", kind, roll->reason);
                break;
        case ROLL_OVER:
        case _ROLL_PHASE_N:
                snprintf(ret, size, "%s: %s%s", kind, roll->done ? "done" : "failed: ", roll->done ? "" : roll->reason);
                break;
        }
}

/* ---- ends of processes --------------------------------------------------------------------------- */

bool roll_ended(struct instance *instance, const struct restart_end *end, const struct restart_rules *rules,
                struct restart_plan *plan) {
        struct worker *worker = instance->worker;
        bool new = roll_is_new(worker, instance->version), surge, ready = end->state == INSTANCE_READY;

        /* Whoever was asked to end has done so. One that is about to be replaced says nothing of what is to come. */
        if (!roll_is_active(worker) || !end->wanted || (!ready && end->state != INSTANCE_STARTING) ||
            instance->version != instance->next_version)
                return false;
        surge = instance->number >= worker_count_lasting(worker);
        if (!ready)
                instance->roll_unready = true;
        else if (new && !restart_end_is_good(rules, end) && !fault_is("roll-forgives"))
                instance->roll_failures++;
        if (!surge && !(new && worker->roll->next))
                return false;
        if (!ready)
                *plan = (struct restart_plan){ .event = INSTANCE_EV_EXITED_GIVE_UP };
        return true;
}

/* ---- beginning, and by hand ---------------------------------------------------------------------- */

int roll_check(const struct worker *worker, struct error *error) {
        if (worker->gang->stopping)
                return error_set(error, -EBUSY, "the daemon is stopping");
        if (worker->removed)
                return error_set(error, -ENOENT, "there is no worker '%s'", worker->name);
        if (worker->definition->type == WORKER_ONESHOT)
                return error_set(error, -EINVAL, "worker '%s' ends by itself: there is nothing to replace", worker->name);
        if (worker->stopped)
                return error_set(error, -EINVAL, "worker '%s' is stopped", worker->name);
        if (group_is_failed(worker->group))
                return error_set(error, -EINVAL, "the group of worker '%s' has failed", worker->name);
        if (roll_is_active(worker)) {
                char text[ROLL_TEXT_MAX];

                roll_describe(worker, text, sizeof text);
                return error_set(error, -EBUSY, "worker '%s' is busy: %s", worker->name, text);
        }
        return 0;
}

static struct roll *roll_of(struct worker *worker) {
        if (!worker->roll) {
                worker->roll = calloc(1, sizeof *worker->roll);
                if (!worker->roll)
                        return NULL;
                worker->roll->worker = worker;
                worker->roll->state_slot = STATE_SLOT_NONE;
        }
        return worker->roll;
}

int roll_begin(struct worker *worker, const struct roll_request *request, struct release *next, struct error *error) {
        struct gang *gang = worker->gang;
        struct roll *roll = roll_of(worker);
        struct roll before;
        int r;

        if (!roll)
                return error_errno(error, -ENOMEM, "%s", worker->name);
        before = *roll;
        r = next ? release_store(gang, worker->name, RELEASE_NEXT, next) : 0;
        if (r < 0)
                return error_errno(error, r, "%s: keeping what it is upgraded to", worker->name);
        roll->request = *request;
        roll->policy = (struct roll_policy){
                .phase = ROLL_FORWARD,
                .in_place = !may_surge(worker, worker->definition) || (next && !may_surge(worker, next->definition)),
                .same = !next,
                .canary = request->canary,
                .max_fail = request->max_fail,
        };
        roll->version = now_usec();
        roll->due_usec = USEC_INFINITY;
        roll->answered_usec = 0;
        roll->by_hand = roll->done = false;
        roll->reason[0] = '\0';
        r = roll_save(roll);
        if (r < 0) {
                before.state_slot = roll->state_slot;
                *roll = before;
                return error_errno(error, r, "%s: writing it down", worker->name);
        }
        fault_point("roll-begun");
        roll->next = next;
        gang->n_rolls++;
        roll_tell(roll, "begins");
        gang_touch(gang);
        return 0;
}

void roll_promote(struct worker *worker, uint64_t asked_usec) {
        worker->roll->policy.promoted = true;
        worker->roll->answered_usec = asked_usec;
        roll_save(worker->roll);
        gang_touch(worker->gang);
}

static void fail(struct roll *roll, const char *reason) {
        snprintf(roll->reason, sizeof roll->reason, "%s", reason);
        roll_turn_back(roll);
}

void roll_take_back(struct worker *worker, uint64_t asked_usec) {
        struct roll *roll = worker->roll;

        roll->answered_usec = asked_usec;
        roll->by_hand = true;
        if (roll->policy.phase == ROLL_BACKWARD)
                roll_save(roll); /* it is on its way back by itself */
        else
                fail(roll, "taken back by hand");
}

void roll_outdate(struct worker *worker) {
        if (!roll_is_active(worker))
                return;
        worker->roll->request.from_file = false; /* the file says something else now */
        if (worker->roll->policy.phase == ROLL_BACKWARD)
                roll_save(worker->roll);
        else
                fail(worker->roll, "its configuration was changed");
}

void roll_forget(struct worker *worker) {
        if (!worker->roll)
                return;
        state_erase(&worker->gang->state, &worker->roll->state_slot);
        if (worker->roll->next)
                release_drop(worker->gang, worker->name, RELEASE_NEXT);
}

void roll_free(struct worker *worker) {
        struct roll *roll = worker->roll;

        if (!roll)
                return;
        worker->gang->n_rolls -= roll_is_active(worker);
        sd_event_source_disable_unref(roll->timer);
        release_free(roll->next);
        free(roll->members);
        free(roll);
        worker->roll = NULL;
}
