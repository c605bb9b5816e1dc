/* SPDX-License-Identifier: MIT */
/*
 * Rolling restart and upgrade of a worker
 *
 * At the end of each turn of the loop in which something changed, each roll that is under way is asked what to do next, and
 * that is done. The order of what is written down: first the roll, that there is to be a surge; then the instance, which is asked
 * to start or to end and has the new version in the same record. So whoever takes over in between sees an instance that is
 * old, and asks it again.
 *
 * What a new process does belongs to the roll: neither is it started again by its policy before it was ready once, nor
 * is its group asked. A group that starts all of its workers again, for a version that is only tried, would take the old ones along.
 */

#include "daemon/roll.h"

#include <errno.h>
#include <stdarg.h>
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

/* The end of a pipe is one process's. */
static bool may_surge(const struct worker *worker, const struct worker_definition *definition) {
        const struct gang_objects *objects = &worker->gang->objects;

        return definition->surge > 0 && worker->wanted < CONFIG_INSTANCES_MAX && !has_pipe(objects, definition->receive) &&
               !has_pipe(objects, definition->send);
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

        for (size_t i = 0; i < worker->n_instances && i < worker->wanted; i++)
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
                snprintf(ret, size, "%s: %u of %u are new and ready", kind, roll_count_new(worker), worker->wanted);
                break;
        case ROLL_HOLD:
                usec_format_rough(text, sizeof text, roll->due_usec > now ? roll->due_usec - now : 0);
                snprintf(ret, size, "%s: holds, %u of %u are new and ready, %u failures; goes on %s%s", kind, roll_count_new(worker),
                         worker->wanted, roll_failures(worker), roll->due_usec == USEC_INFINITY ? "when it is promoted" : "in ",
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

/* ---- telling ------------------------------------------------------------------------------------- */

static const char *state_of(const struct roll *roll) {
        return roll->policy.phase != ROLL_OVER ? roll_phase_name(roll->policy.phase) : roll->done ? "done" : "failed";
}

static void _printf_(2, 3) tell(struct roll *roll, const char *format, ...) {
        char text[EVENT_TEXT_MAX];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        events_add(&roll->worker->gang->events, roll->worker->name,
                   &(struct event){ .kind = EVENT_ROLL, .state = state_of(roll) }, "%s: %s",
                   roll_kind_name(roll->request.kind), text);
        log_info("%s: %s: %s", roll->worker->name, roll_kind_name(roll->request.kind), text);
}

/* ---- looking ------------------------------------------------------------------------------------- */

/** @param surge  it is there for the roll only: if it does not run, it is to be started. */
static enum roll_place place_of(const struct instance *instance, bool surge, bool new) {
        bool rests = instance_definition(instance)->start != WORKER_START_BOOT;

        if (instance->stopped)
                return ROLL_AWAY;
        switch (instance->state) {
        case INSTANCE_READY:
                if (instance->held == INSTANCE_NOT_HELD)
                        return ROLL_SERVES;
                break;
        case INSTANCE_STARTING:
                return ROLL_COMES;
        case INSTANCE_BACKOFF:
                return ROLL_LATER;
        case INSTANCE_WAITING:
                return instance->stuck ? ROLL_LOST : ROLL_COMES;
        case INSTANCE_DRAINING:
        case INSTANCE_STOPPING:
                break;
        case INSTANCE_DOWN:
                return surge || (new && !rests) ? ROLL_LOST : ROLL_AWAY;
        case INSTANCE_FAILED:
        case _INSTANCE_STATE_N:
                return ROLL_LOST;
        }
        return instance->wanted ? ROLL_COMES : surge ? ROLL_LOST : ROLL_AWAY;
}

static struct roll_member look_at(const struct roll *roll, const struct instance *instance) {
        bool ends = instance->state == INSTANCE_DRAINING || instance->state == INSTANCE_STOPPING ||
                    instance->held == INSTANCE_HELD_RESTART;
        bool new = (ends ? instance->next_version : instance->version) == roll->version;

        return (struct roll_member){
                .place = place_of(instance, instance->number >= roll->worker->wanted, new),
                .new = new,
                .unready = instance->roll_unready,
        };
}

static int look(struct roll *roll, struct roll_facts *ret) {
        struct worker *worker = roll->worker;
        size_t target = worker_count_target(worker);
        int r = worker_grow(worker, (unsigned int)target);

        if (r < 0)
                return r;
        if (target > roll->n_members) {
                struct roll_member *members = reallocarray(roll->members, target, sizeof *members);

                if (!members)
                        return -ENOMEM;
                roll->members = members;
                roll->n_members = target;
        }
        *ret = (struct roll_facts){
                .wanted = worker_is_wanted(worker),
                .n = worker->wanted,
                .members = roll->members,
                .failures = roll_failures(worker),
                .hold_over = roll->policy.phase == ROLL_HOLD && now_usec() >= roll->due_usec,
        };
        for (size_t i = 0; i < worker->n_instances; i++) {
                if (i < target)
                        roll->members[i] = look_at(roll, worker->instances[i]);
                else
                        ret->trailing |= instance_state_has_process(worker->instances[i]->state);
        }
        return 0;
}

/* ---- doing --------------------------------------------------------------------------------------- */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct roll *roll = userdata;

        gang_touch(roll->worker->gang);
        return 0;
}

void roll_arm(struct roll *roll) {
        int r = 0;

        if (roll->due_usec == USEC_INFINITY || roll->policy.phase != ROLL_HOLD) {
                roll->timer = sd_event_source_disable_unref(roll->timer);
                return;
        }
        if (!roll->timer)
                r = sd_event_add_time(roll->worker->gang->event, &roll->timer, CLOCK_MONOTONIC, roll->due_usec, 1, on_timer, roll);
        if (r < 0)
                log_error("%s: cannot arm the timer of its roll: %s", roll->worker->name, strerror(-r));
}

static void set_phase(struct roll *roll, enum roll_phase phase) {
        roll->policy.phase = phase;
        roll->due_usec = phase == ROLL_HOLD ? usec_add(now_usec(), roll->request.hold_usec) : USEC_INFINITY;
        roll_save(roll);
        roll_arm(roll);
}

static void turn_back(struct roll *roll) {
        set_phase(roll, ROLL_BACKWARD);
        fault_point("roll-turned");
        tell(roll, "%s; %s", roll->reason, roll->policy.same ? "the others stay as they are" : "what was before is put back");
        gang_touch(roll->worker->gang);
}

/** One whose next process is of the new version, or of none. With its next record that is written down, too. */
static void assign(struct roll *roll, struct instance *instance) {
        instance->next_version = roll->policy.phase == ROLL_FORWARD ? roll->version : 0;
        if (!instance_state_has_process(instance->state))
                instance->version = instance->next_version;
        instance->roll_failures = 0;
        instance->roll_unready = false;
        instance_restart(instance);
}

static void start_surge(struct roll *roll) {
        struct worker *worker = roll->worker;
        int r;

        roll->policy.surging = true;
        roll_save(roll);
        fault_point("roll-surge");
        r = worker_grow(worker, worker_count_target(worker));
        if (r < 0) {
                snprintf(roll->reason, sizeof roll->reason, "%s", strerror(-r));
                turn_back(roll);
                return;
        }
        tell(roll, "%s is started beside the others", worker->instances[worker->wanted]->key);
        assign(roll, worker->instances[worker->wanted]);
}

static void stop_surge(struct roll *roll) {
        struct worker *worker = roll->worker;
        size_t first = worker->wanted;

        roll->policy.surging = false;
        roll_save(roll);
        fault_point("roll-ebb");
        for (size_t i = worker->n_instances; i > first; i--) {
                worker->instances[i - 1]->next_version = 0;
                instance_stop(worker->instances[i - 1], false);
        }
        gang_touch(worker->gang);
}

static void replace(struct roll *roll, unsigned int number) {
        struct instance *instance = roll->worker->instances[number];

        fault_point("roll-replace");
        tell(roll, "%s is replaced", instance->key);
        assign(roll, instance);
}

static void explain_trouble(struct roll *roll, const struct roll_action *action) {
        const struct instance *instance = roll->worker->instances[action->instance];

        if (action->trouble == ROLL_FAILURES)
                snprintf(roll->reason, sizeof roll->reason, "%u failures, where %u are borne", roll_failures(roll->worker),
                         roll->policy.max_fail);
        else
                snprintf(roll->reason, sizeof roll->reason, "%s %s: %.80s", instance->key,
                         action->trouble == ROLL_UNREADY ? "did not become ready" : "has ended", instance->reason);
}

static const char *why_not_wanted(const struct worker *worker) {
        return worker->removed ? "it is no longer defined" : worker->stopped ? "it was stopped by hand" : "its group gave up";
}

static void end(struct roll *roll, bool done) {
        struct gang *gang = roll->worker->gang;

        if (!done && !*roll->reason)
                snprintf(roll->reason, sizeof roll->reason, "%s", why_not_wanted(roll->worker));
        roll->done = done;
        if (roll->policy.surging)
                stop_surge(roll);
        if (!done && roll->next && roll->request.from_file)
                release_refuse(roll->worker, roll->next);
        set_phase(roll, ROLL_OVER);
        fault_point("roll-over");
        if (roll->next)
                release_drop(gang, roll->worker->name, RELEASE_NEXT);
        roll->next = release_free(roll->next);
        gang->n_rolls--;
        if (done)
                tell(roll, "done");
        else
                tell(roll, "failed: %s", roll->reason);
        gang_touch(gang);
}

static void complete(struct roll *roll) {
        struct worker *worker = roll->worker;
        struct error error = ERROR_NULL;

        if (roll->next &&
            release_put_into_force(worker->gang, worker, roll->next, roll->request.from_file, &error) < 0) {
                snprintf(roll->reason, sizeof roll->reason, "%.*s", (int)sizeof roll->reason - 1, error.text);
                turn_back(roll);
                return;
        }
        end(roll, true);
}

static void carry_out(struct roll *roll, const struct roll_action *action) {
        switch (action->what) {
        case ROLL_START_SURGE:
                start_surge(roll);
                break;
        case ROLL_STOP_SURGE:
                stop_surge(roll);
                break;
        case ROLL_REPLACE:
                replace(roll, action->instance);
                break;
        case ROLL_BEGIN_HOLD:
                set_phase(roll, ROLL_HOLD);
                fault_point("roll-hold");
                tell(roll, "holds with %u of %u new", roll_count_new(roll->worker), roll->worker->wanted);
                break;
        case ROLL_PROMOTE:
                roll->policy.promoted = true;
                set_phase(roll, ROLL_FORWARD);
                fault_point("roll-promoted");
                tell(roll, "goes on with the rest");
                break;
        case ROLL_TURN_BACK:
                explain_trouble(roll, action);
                turn_back(roll);
                break;
        case ROLL_DO_WITHOUT:
                tell(roll, "no further instance comes up: it is done without");
                roll->policy.in_place = true;
                stop_surge(roll);
                break;
        case ROLL_COMPLETE:
                complete(roll);
                break;
        case ROLL_ABANDON:
                end(roll, false);
                break;
        case ROLL_WAIT:
                break;
        }
}

/** @return whether it is to be asked again. */
static bool go_on(struct roll *roll) {
        struct roll_action action;
        struct roll_facts facts;
        int r = look(roll, &facts);

        if (r < 0) {
                log_error("%s: %s", roll->worker->name, strerror(-r));
                return false;
        }
        if (fault_is("roll-blindly"))
                for (unsigned int i = 0; i < worker_count_target(roll->worker); i++)
                        if (roll->members[i].place == ROLL_COMES)
                                roll->members[i].place = ROLL_SERVES;
        action = roll_step(&roll->policy, &facts);
        carry_out(roll, &action);
        return action.what != ROLL_WAIT && roll->policy.phase != ROLL_OVER;
}

void rolls_turn(struct gang *gang) {
        if (gang->n_rolls == 0 || gang->stopping)
                return;
        list_for_each(it, &gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (!roll_is_active(worker))
                        continue;
                while (go_on(worker->roll))
                        ;
                /* What comes into force puts the workers into another order; the others have their turn after this one. */
                if (!roll_is_active(worker))
                        return;
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
        surge = instance->number >= worker->wanted;
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
        tell(roll, "begins");
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
        turn_back(roll);
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
