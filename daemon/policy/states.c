/* SPDX-License-Identifier: MIT */

/*
 * The state table of an instance
 *
 * All that can happen to an instance, in one place. What must hold, and test-states.c shows:
 *
 * - from every state STOP leads to `down`, whatever the process does and in whatever order its exit
 *   and the timeouts come;
 * - while the instance waits for its process or for a delay, a timer runs, and in the other states none;
 * - SPAWN comes only when there is no process, so no owner of the table can have two.
 */

#include "daemon/policy/states.h"

#include <errno.h>

#define SPAWN (INSTANCE_ACT_SPAWN | INSTANCE_ACT_ARM_READY_TIMEOUT)
#define DRAIN (INSTANCE_ACT_DRAIN | INSTANCE_ACT_ARM_STOP_TIMEOUT)
#define STOP (INSTANCE_ACT_STOP_SIGNAL | INSTANCE_ACT_ARM_STOP_TIMEOUT)
/* The timer is armed again so that a kill that a dying manager did not send is sent by its successor. */
#define KILL_UNREADY (INSTANCE_ACT_KILL | INSTANCE_ACT_ARM_READY_TIMEOUT)
#define KILL_STOPPING (INSTANCE_ACT_KILL | INSTANCE_ACT_ARM_STOP_TIMEOUT)

/* An empty cell has `accepted` unset: a refusal. */
struct cell {
        bool accepted;
        struct transition transition;
};

#define TO(state, actions) { true, { INSTANCE_##state, (actions) } }

static const struct cell transitions[_INSTANCE_STATE_N][_INSTANCE_EVENT_N] = {
        [INSTANCE_DOWN] = {
                [INSTANCE_EV_START]          = TO(STARTING, SPAWN),
                [INSTANCE_EV_RESTART]        = TO(STARTING, SPAWN),
                [INSTANCE_EV_HOLD]           = TO(WAITING, 0),
                [INSTANCE_EV_STOP]           = TO(DOWN, 0),
        },
        [INSTANCE_STARTING] = {
                [INSTANCE_EV_START]          = TO(STARTING, 0),
                /* It may not have joined its rings yet, so there is nothing to drain. */
                [INSTANCE_EV_RESTART]        = TO(STOPPING, STOP),
                [INSTANCE_EV_STOP]           = TO(STOPPING, STOP),
                [INSTANCE_EV_READY]          = TO(READY, INSTANCE_ACT_CANCEL_TIMER),
                /* It stays `starting`, so that its exit counts as the failure that it is. */
                [INSTANCE_EV_TIMEOUT]        = TO(STARTING, KILL_UNREADY),
                [INSTANCE_EV_EXITED_DONE]    = TO(DOWN, INSTANCE_ACT_CANCEL_TIMER),
                [INSTANCE_EV_EXITED_RESTART] = TO(STARTING, SPAWN),
                [INSTANCE_EV_EXITED_HOLD]    = TO(WAITING, INSTANCE_ACT_CANCEL_TIMER),
                [INSTANCE_EV_EXITED_BACKOFF] = TO(BACKOFF, INSTANCE_ACT_ARM_BACKOFF),
                [INSTANCE_EV_EXITED_GIVE_UP] = TO(FAILED, INSTANCE_ACT_CANCEL_TIMER),
        },
        [INSTANCE_READY] = {
                [INSTANCE_EV_START]          = TO(READY, 0),
                [INSTANCE_EV_RESTART]        = TO(DRAINING, DRAIN),
                [INSTANCE_EV_STOP]           = TO(DRAINING, DRAIN),
                [INSTANCE_EV_READY]          = TO(READY, 0),
                [INSTANCE_EV_EXITED_DONE]    = TO(DOWN, INSTANCE_ACT_CANCEL_TIMER),
                [INSTANCE_EV_EXITED_RESTART] = TO(STARTING, SPAWN),
                [INSTANCE_EV_EXITED_HOLD]    = TO(WAITING, INSTANCE_ACT_CANCEL_TIMER),
                [INSTANCE_EV_EXITED_BACKOFF] = TO(BACKOFF, INSTANCE_ACT_ARM_BACKOFF),
                [INSTANCE_EV_EXITED_GIVE_UP] = TO(FAILED, INSTANCE_ACT_CANCEL_TIMER),
        },
        [INSTANCE_DRAINING] = {
                /* Nobody can take a drain back: it comes up again after its exit, since it is wanted. */
                [INSTANCE_EV_START]          = TO(DRAINING, 0),
                [INSTANCE_EV_RESTART]        = TO(DRAINING, 0),
                [INSTANCE_EV_STOP]           = TO(DRAINING, 0),
                [INSTANCE_EV_READY]          = TO(DRAINING, 0),
                [INSTANCE_EV_DRAINED]        = TO(STOPPING, STOP),
                [INSTANCE_EV_TIMEOUT]        = TO(STOPPING, STOP),
                [INSTANCE_EV_EXITED_DONE]    = TO(DOWN, INSTANCE_ACT_CANCEL_TIMER),
                [INSTANCE_EV_EXITED_RESTART] = TO(STARTING, SPAWN),
                [INSTANCE_EV_EXITED_HOLD]    = TO(WAITING, INSTANCE_ACT_CANCEL_TIMER),
        },
        [INSTANCE_STOPPING] = {
                [INSTANCE_EV_START]          = TO(STOPPING, 0),
                [INSTANCE_EV_RESTART]        = TO(STOPPING, 0),
                [INSTANCE_EV_STOP]           = TO(STOPPING, 0),
                [INSTANCE_EV_READY]          = TO(STOPPING, 0),
                [INSTANCE_EV_DRAINED]        = TO(STOPPING, 0),
                [INSTANCE_EV_TIMEOUT]        = TO(STOPPING, KILL_STOPPING),
                [INSTANCE_EV_EXITED_DONE]    = TO(DOWN, INSTANCE_ACT_CANCEL_TIMER),
                [INSTANCE_EV_EXITED_RESTART] = TO(STARTING, SPAWN),
                [INSTANCE_EV_EXITED_HOLD]    = TO(WAITING, INSTANCE_ACT_CANCEL_TIMER),
        },
        [INSTANCE_BACKOFF] = {
                [INSTANCE_EV_HOLD]           = TO(WAITING, INSTANCE_ACT_CANCEL_TIMER),
                [INSTANCE_EV_START]          = TO(STARTING, SPAWN),
                [INSTANCE_EV_RESTART]        = TO(STARTING, SPAWN),
                [INSTANCE_EV_STOP]           = TO(DOWN, INSTANCE_ACT_CANCEL_TIMER),
                [INSTANCE_EV_TIMEOUT]        = TO(STARTING, SPAWN),
        },
        [INSTANCE_FAILED] = {
                [INSTANCE_EV_START]          = TO(STARTING, SPAWN),
                [INSTANCE_EV_RESTART]        = TO(STARTING, SPAWN),
                [INSTANCE_EV_HOLD]           = TO(WAITING, 0),
                [INSTANCE_EV_STOP]           = TO(DOWN, 0),
        },
        [INSTANCE_WAITING] = {
                [INSTANCE_EV_START]          = TO(STARTING, SPAWN),
                [INSTANCE_EV_RESTART]        = TO(STARTING, SPAWN),
                [INSTANCE_EV_HOLD]           = TO(WAITING, 0),
                [INSTANCE_EV_STOP]           = TO(DOWN, 0),
        },
};

static const struct {
        const char *name;
        bool has_process;
} states[_INSTANCE_STATE_N] = {
        [INSTANCE_DOWN]     = { "down",     false },
        [INSTANCE_STARTING] = { "starting", true },
        [INSTANCE_READY]    = { "ready",    true },
        [INSTANCE_DRAINING] = { "draining", true },
        [INSTANCE_STOPPING] = { "stopping", true },
        [INSTANCE_BACKOFF]  = { "backoff",  false },
        [INSTANCE_FAILED]   = { "failed",   false },
        [INSTANCE_WAITING]  = { "waiting",  false },
};

static const char *const event_names[_INSTANCE_EVENT_N] = {
        [INSTANCE_EV_START]          = "start",
        [INSTANCE_EV_HOLD]           = "hold",
        [INSTANCE_EV_STOP]           = "stop",
        [INSTANCE_EV_RESTART]        = "restart",
        [INSTANCE_EV_READY]          = "ready",
        [INSTANCE_EV_DRAINED]        = "drained",
        [INSTANCE_EV_TIMEOUT]        = "timeout",
        [INSTANCE_EV_EXITED_DONE]    = "exited-done",
        [INSTANCE_EV_EXITED_RESTART] = "exited-restart",
        [INSTANCE_EV_EXITED_HOLD]    = "exited-hold",
        [INSTANCE_EV_EXITED_BACKOFF] = "exited-backoff",
        [INSTANCE_EV_EXITED_GIVE_UP] = "exited-give-up",
};

int instance_transition(enum instance_state state, enum instance_event event, struct transition *ret) {
        if ((unsigned)state >= _INSTANCE_STATE_N || (unsigned)event >= _INSTANCE_EVENT_N)
                return -EINVAL;
        if (!transitions[state][event].accepted)
                return -EPERM;
        *ret = transitions[state][event].transition;
        return 0;
}

bool instance_event_wants(enum instance_event event, bool wanted) {
        if (event == INSTANCE_EV_START || event == INSTANCE_EV_HOLD || event == INSTANCE_EV_RESTART)
                return true;
        return event == INSTANCE_EV_STOP ? false : wanted;
}

bool instance_state_has_process(enum instance_state state) {
        return (unsigned)state < _INSTANCE_STATE_N && states[state].has_process;
}

enum instance_state instance_state_resume(enum instance_state recorded, bool process, bool wanted) {
        bool known = (unsigned)recorded < _INSTANCE_STATE_N;

        if (process)
                return instance_state_has_process(recorded) ? recorded : INSTANCE_STARTING;
        if (known && !instance_state_has_process(recorded))
                return recorded;
        return wanted ? INSTANCE_BACKOFF : INSTANCE_DOWN;
}

const char *instance_state_name(enum instance_state state) {
        return (unsigned)state < _INSTANCE_STATE_N ? states[state].name : "?";
}

const char *instance_event_name(enum instance_event event) {
        return (unsigned)event < _INSTANCE_EVENT_N ? event_names[event] : "?";
}
