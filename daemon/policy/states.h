/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_STATES_H
#define GANGER_DAEMON_POLICY_STATES_H

/*
 * The life of an instance
 *
 * A table, `[state][event] = { next, actions }`. Whoever owns an instance hands each event to
 * instance_transition() and then does what `actions` says; nothing else may change the state.
 *
 * Beside the state the owner keeps one flag, `wanted`: instance_event_wants() tells how an event
 * changes it. It is what turns the exit of an instance that is being stopped into a new start, when
 * somebody asked for one in the meantime (`restart`, or `start` before `stop` was through).
 *
 * An instance has one timer. Each transition arms it anew, cancels it or leaves it alone, so that
 * INSTANCE_EV_TIMEOUT always means the timer of the state that the instance is in. A state in which we
 * wait for a process to do something always has a timer: if a manager dies between a transition and
 * its actions, its successor needs no more than that timer to get on.
 */

#include <stdbool.h>

/** The numbers are kept in the state memory and outlive the daemon: add at the end, never renumber. */
enum instance_state {
        INSTANCE_DOWN = 0,              /* no process, and none is due */
        INSTANCE_STARTING = 1,          /* spawned or about to be, not ready yet; timer: ready-timeout */
        INSTANCE_READY = 2,
        INSTANCE_DRAINING = 3,          /* told to finish what it holds; timer: stop-timeout */
        INSTANCE_STOPPING = 4,          /* told to go, later killed; timer: stop-timeout */
        INSTANCE_BACKOFF = 5,           /* no process; timer: the delay before the next restart */
        INSTANCE_FAILED = 6,            /* no process, and none is due: gave up */
        INSTANCE_WAITING = 7,           /* no process; it is to run as soon as others are where they must be first */
        _INSTANCE_STATE_N,
};

enum instance_event {
        INSTANCE_EV_START,              /* it is to run: boot, `start`, scaled up, dependency fulfilled */
        INSTANCE_EV_HOLD,               /* it is to run, but not yet: START comes later */
        INSTANCE_EV_STOP,               /* it is not to run: shutdown, `stop`, scaled down */
        INSTANCE_EV_RESTART,            /* it is to run, but as a new process */
        INSTANCE_EV_READY,              /* it said so, or needs not say so and was spawned */
        INSTANCE_EV_DRAINED,            /* holds nothing more; also at once where there is nothing to drain */
        INSTANCE_EV_TIMEOUT,            /* the timer of this state ran out */
        /* The process ended, or could not be spawned; which one: restart_plan(). */
        INSTANCE_EV_EXITED_DONE,        /* stays down */
        INSTANCE_EV_EXITED_RESTART,     /* starts again at once */
        INSTANCE_EV_EXITED_HOLD,        /* starts again, but not yet */
        INSTANCE_EV_EXITED_BACKOFF,     /* starts again after a delay */
        INSTANCE_EV_EXITED_GIVE_UP,     /* failed, and does not start again by itself */
        _INSTANCE_EVENT_N,
};

/** What to do after a transition, in the order of the bits. */
enum instance_action {
        INSTANCE_ACT_SPAWN = 1 << 0,
        /** Set the drain flag: receiving gives -ESHUTDOWN. Nothing to drain: hand it EV_DRAINED at once. */
        INSTANCE_ACT_DRAIN = 1 << 1,
        INSTANCE_ACT_STOP_SIGNAL = 1 << 2,
        INSTANCE_ACT_KILL = 1 << 3,     /* SIGKILL to all of it */
        INSTANCE_ACT_ARM_READY_TIMEOUT = 1 << 4,
        INSTANCE_ACT_ARM_STOP_TIMEOUT = 1 << 5,
        INSTANCE_ACT_ARM_BACKOFF = 1 << 6,      /* with the delay of restart_plan() */
        INSTANCE_ACT_CANCEL_TIMER = 1 << 7,
};

/** The actions that change the timer: at most one of them in a transition. */
#define INSTANCE_ACT_TIMER                                                                      \
        (INSTANCE_ACT_ARM_READY_TIMEOUT | INSTANCE_ACT_ARM_STOP_TIMEOUT | INSTANCE_ACT_ARM_BACKOFF |    \
         INSTANCE_ACT_CANCEL_TIMER)

struct transition {
        enum instance_state next;
        unsigned actions;               /* of enum instance_action */
};

/**
 * What follows from an event in a state.
 *
 * A refusal is not an accident: an exit in a state without a process was decided before (by a manager
 * that died before it acknowledged it) and only wants acknowledging; a late READY is dropped.
 *
 * @param ret  untouched if refused.
 * @return 0; -EPERM: the table refuses the event in this state; -EINVAL: no such state or event.
 */
int instance_transition(enum instance_state state, enum instance_event event, struct transition *ret);

/** The flag `wanted` after an event: START, HOLD and RESTART set it, STOP clears it, the others leave it. */
bool instance_event_wants(enum instance_event event, bool wanted);

/** Whether an instance in this state has a process, or has asked for one. */
bool instance_state_has_process(enum instance_state state);

/**
 * The state that a manager resumes from, when it takes over what another has recorded.
 *
 * The record may be older or newer than the truth by one step: a process may live that was not
 * recorded (it is taken as starting), or be recorded without having been spawned (it is in back-off,
 * with the timer due now, if it is wanted).
 *
 * @param process  the keeper has a living process of it, or an exit of the recorded generation that
 *                 nobody has acknowledged. (An exit of an earlier generation was decided: acknowledge
 *                 it, and pass false.)
 * @return a state. Where it differs from `recorded`, arm the timer: ready-timeout for STARTING,
 *         at once for BACKOFF.
 */
enum instance_state instance_state_resume(enum instance_state recorded, bool process, bool wanted);

/** "down", "starting", …; "?" for what is none. */
const char *instance_state_name(enum instance_state state);

/** "start", "exited-backoff", …; "?" for what is none. */
const char *instance_event_name(enum instance_event event);

#endif
