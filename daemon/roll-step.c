/* SPDX-License-Identifier: MIT */
/*
 * Rolling restart and upgrade: doing what is to be done next
 *
 * At the end of each turn of the loop in which something changed, each roll that is under way is asked what to do next,
 * and that is done. The order of what is written down: first the roll, that there is to be a surge; then the instance,
 * which is asked to start or to end and has the new version in the same record. So whoever takes over in between sees an
 * instance that is old, and asks it again.
 */

#include "daemon/roll.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/time.h"
#include "daemon/config/config.h"
#include "daemon/gang.h"
#include "daemon/log/log.h"
#include "daemon/release.h"
#include "daemon/roll-parts.h"
#include "daemon/worker.h"

/* ---- telling ------------------------------------------------------------------------------------- */

void roll_tell(struct roll *roll, const char *format, ...) {
        char text[EVENT_TEXT_MAX];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        events_add(&roll->worker->gang->events, roll->worker->name,
                   &(struct event){ .kind = EVENT_ROLL, .state = roll_state_name(roll) }, "%s: %s",
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
                .place = place_of(instance, instance->number >= worker_count_lasting(roll->worker), new),
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
                .n = worker_count_lasting(worker),
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
                r = sd_event_add_time(roll->worker->gang->event, &roll->timer, CLOCK_MONOTONIC, roll->due_usec, 1, on_timer,
                                      roll);
        if (r < 0)
                gang_give_way(roll->worker->gang, "the timer of a roll", r);
}

static void set_phase(struct roll *roll, enum roll_phase phase) {
        roll->policy.phase = phase;
        roll->due_usec = phase == ROLL_HOLD ? usec_add(now_usec(), roll->request.hold_usec) : USEC_INFINITY;
        roll_save(roll);
        roll_arm(roll);
}

void roll_turn_back(struct roll *roll) {
        set_phase(roll, ROLL_BACKWARD);
        fault_point("roll-turned");
        roll_tell(roll, "%s; %s", roll->reason,
                  roll->policy.same ? "the others stay as they are" : "what was before is put back");
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
                roll_turn_back(roll);
                return;
        }
        roll_tell(roll, "%s is started beside the others", worker->instances[worker_count_lasting(worker)]->key);
        assign(roll, worker->instances[worker_count_lasting(worker)]);
}

static void stop_surge(struct roll *roll) {
        struct worker *worker = roll->worker;
        size_t first = worker_count_lasting(worker);

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
        roll_tell(roll, "%s is replaced", instance->key);
        assign(roll, instance);
}

static void explain_trouble(struct roll *roll, const struct roll_action *action) {
        const struct instance *instance = roll->worker->instances[action->instance];

        if (action->trouble == ROLL_FAILURES)
                snprintf(roll->reason, sizeof roll->reason, "%u failures, where %u are borne", roll_failures(roll->worker),
                         roll->policy.max_fail);
        else
                snprintf(roll->reason, sizeof roll->reason, "%s %s: %.80s", instance->key,
                         action->trouble == ROLL_UNREADY ? "did not become ready" : "does not run", instance->reason);
}

static const char *why_not_wanted(const struct worker *worker) {
        if (worker->removed)
                return "it is no longer defined";
        return worker->stopped ? "it was stopped by hand" : "its group gave up";
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
                roll_tell(roll, "done");
        else
                roll_tell(roll, "failed: %s", roll->reason);
        gang_touch(gang);
}

static void complete(struct roll *roll) {
        struct worker *worker = roll->worker;
        struct error error = ERROR_NULL;

        if (roll->next &&
            release_put_into_force(worker->gang, worker, roll->next, roll->request.from_file, &error) < 0) {
                snprintf(roll->reason, sizeof roll->reason, "%.*s", (int)sizeof roll->reason - 1, error.text);
                roll_turn_back(roll);
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
                roll_tell(roll, "holds with %u of %u new", roll_count_new(roll->worker), worker_count_lasting(roll->worker));
                break;
        case ROLL_PROMOTE:
                roll->policy.promoted = true;
                set_phase(roll, ROLL_FORWARD);
                fault_point("roll-promoted");
                roll_tell(roll, "goes on with the rest");
                break;
        case ROLL_TURN_BACK:
                explain_trouble(roll, action);
                roll_turn_back(roll);
                break;
        case ROLL_DO_WITHOUT:
                roll_tell(roll, "no further instance comes up: it is done without");
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
