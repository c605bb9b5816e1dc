/* SPDX-License-Identifier: MIT */
/*
 * The state table, walked: every pair, and by model checking every order of events that a process, its
 * timers and its user can produce.
 */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/policy/states.h"
#include "harness.h"

#define for_each_state(s) for (enum instance_state s = 0; s < _INSTANCE_STATE_N; s++)
#define for_each_event(e) for (enum instance_event e = 0; e < _INSTANCE_EVENT_N; e++)

static bool is_exit(enum instance_event event) {
        return event >= INSTANCE_EV_EXITED_DONE && event <= INSTANCE_EV_EXITED_GIVE_UP;
}

/* The actions on a process. */
#define ON_PROCESS (INSTANCE_ACT_KILL | INSTANCE_ACT_STOP_SIGNAL | INSTANCE_ACT_DRAIN)

static bool has_timer(enum instance_state state) {
        return state == INSTANCE_STARTING || state == INSTANCE_DRAINING || state == INSTANCE_STOPPING ||
               state == INSTANCE_BACKOFF;
}

/* The timer that belongs to a state. */
static unsigned own_timer(enum instance_state state) {
        switch (state) {
        case INSTANCE_STARTING:
                return INSTANCE_ACT_ARM_READY_TIMEOUT;
        case INSTANCE_DRAINING:
        case INSTANCE_STOPPING:
                return INSTANCE_ACT_ARM_STOP_TIMEOUT;
        case INSTANCE_BACKOFF:
                return INSTANCE_ACT_ARM_BACKOFF;
        default:
                return INSTANCE_ACT_CANCEL_TIMER;
        }
}

/* A process and its manager, as far as the table can tell. */
struct model {
        enum instance_state state;
        bool process, timer, wanted;
};

/* Apply an event. @return false if the world cannot produce it, or the table refuses it. */
static bool step(struct model *m, enum instance_event event) {
        struct transition t;

        if (event == INSTANCE_EV_TIMEOUT && !m->timer)
                return false;
        if ((is_exit(event) || event == INSTANCE_EV_READY || event == INSTANCE_EV_DRAINED) && !m->process)
                return false;
        if (instance_transition(m->state, event, &t) < 0)
                return false;

        m->wanted = instance_event_wants(event, m->wanted);
        if (is_exit(event))
                m->process = false;
        if (event == INSTANCE_EV_TIMEOUT)
                m->timer = false;
        if (t.actions & INSTANCE_ACT_SPAWN) {
                ck_assert_msg(!m->process, "%s in %s spawns a second process", instance_event_name(event),
                              instance_state_name(m->state));
                m->process = true;
        }
        if (t.actions & INSTANCE_ACT_TIMER)
                m->timer = !(t.actions & INSTANCE_ACT_CANCEL_TIMER);
        m->state = t.next;
        return true;
}

START_TEST(names_are_there_and_differ) {
        for_each_state(s) {
                ck_assert_ptr_nonnull(instance_state_name(s));
                for_each_state(other)
                        ck_assert(s == other || strcmp(instance_state_name(s), instance_state_name(other)));
        }
        for_each_event(e) {
                ck_assert_ptr_nonnull(instance_event_name(e));
                for_each_event(other)
                        ck_assert(e == other || strcmp(instance_event_name(e), instance_event_name(other)));
        }
        ck_assert_str_eq(instance_state_name(_INSTANCE_STATE_N), "?");
        ck_assert_str_eq(instance_state_name((enum instance_state)-1), "?");
        ck_assert_str_eq(instance_event_name(_INSTANCE_EVENT_N), "?");
}
END_TEST

START_TEST(numbers_are_those_in_the_state_memory) {
        static const char *const names[] = {
                "down", "starting", "ready", "draining", "stopping", "backoff", "failed", "waiting",
        };

        ck_assert_uint_eq(ARRAY_SIZE(names), _INSTANCE_STATE_N);
        for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
                ck_assert_str_eq(instance_state_name((enum instance_state)i), names[i]);
}
END_TEST

START_TEST(nonsense_is_refused) {
        struct transition t = { INSTANCE_READY, 77 };

        ck_assert_int_eq(instance_transition(_INSTANCE_STATE_N, INSTANCE_EV_START, &t), -EINVAL);
        ck_assert_int_eq(instance_transition(INSTANCE_DOWN, _INSTANCE_EVENT_N, &t), -EINVAL);
        ck_assert_int_eq(instance_transition((enum instance_state)-1, INSTANCE_EV_START, &t), -EINVAL);
        ck_assert_int_eq(instance_transition(INSTANCE_DOWN, INSTANCE_EV_READY, &t), -EPERM);
        ck_assert(t.next == INSTANCE_READY && t.actions == 77);
}
END_TEST

/* What a cell may contain, whatever it is for. */
static void check_cell(enum instance_state s, enum instance_event e, const struct transition *t) {
        unsigned timer = t->actions & INSTANCE_ACT_TIMER;
        bool spawned = t->actions & INSTANCE_ACT_SPAWN;
        bool process_after = (instance_state_has_process(s) && !is_exit(e)) || spawned;

        ck_assert(t->next < _INSTANCE_STATE_N);
        ck_assert_msg((timer & (timer - 1)) == 0, "two timers");
        ck_assert_msg(timer == 0 || timer == own_timer(t->next), "a timer of another state");
        if (t->next != s && (has_timer(s) || has_timer(t->next)))
                ck_assert_msg(timer, "a timer is left from the state before, or missing");
        if (e == INSTANCE_EV_TIMEOUT)
                ck_assert_msg(!has_timer(t->next) || timer, "a timer that ran out is not armed again");
        ck_assert_msg(process_after == instance_state_has_process(t->next), "process and state do not agree");
        if (is_exit(e))
                ck_assert(!(t->actions & ON_PROCESS));
        if (t->actions & ON_PROCESS)
                ck_assert(instance_state_has_process(s));
        if (t->actions & INSTANCE_ACT_SPAWN)
                ck_assert(t->next == INSTANCE_STARTING && !(t->actions & INSTANCE_ACT_CANCEL_TIMER));
        if (t->actions & INSTANCE_ACT_KILL)
                ck_assert(e == INSTANCE_EV_TIMEOUT);
}

START_TEST(every_cell_is_sane) {
        for_each_state(s)
                for_each_event(e) {
                        struct transition t;

                        if (instance_transition(s, e, &t) >= 0)
                                check_cell(s, e, &t);
                }
}
END_TEST

START_TEST(what_users_ask_is_never_refused) {
        struct transition t;

        for_each_state(s) {
                ck_assert_int_eq(instance_transition(s, INSTANCE_EV_START, &t), 0);
                ck_assert_int_eq(instance_transition(s, INSTANCE_EV_STOP, &t), 0);
                ck_assert_int_eq(instance_transition(s, INSTANCE_EV_RESTART, &t), 0);
                /* An exit of a process that was not wanted any more, or wanted again; without one, it may have to wait. */
                if (!instance_state_has_process(s)) {
                        ck_assert_int_eq(instance_transition(s, INSTANCE_EV_HOLD, &t), 0);
                        ck_assert_int_eq(t.next, INSTANCE_WAITING);
                        continue;
                }
                ck_assert_int_eq(instance_transition(s, INSTANCE_EV_EXITED_HOLD, &t), 0);
                ck_assert_int_eq(instance_transition(s, INSTANCE_EV_EXITED_DONE, &t), 0);
                ck_assert_int_eq(instance_transition(s, INSTANCE_EV_EXITED_RESTART, &t), 0);
        }
}
END_TEST

START_TEST(asking_twice_is_asking_once) {
        static const enum instance_event asked[] = { INSTANCE_EV_START, INSTANCE_EV_STOP };

        for_each_state(s)
                for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
                        struct transition once, twice;

                        ck_assert_int_eq(instance_transition(s, asked[i], &once), 0);
                        ck_assert_int_eq(instance_transition(once.next, asked[i], &twice), 0);
                        ck_assert_int_eq(twice.next, once.next);
                        ck_assert_uint_eq(twice.actions, 0);
                }
}
END_TEST

/* All that can be reached from `down`, by a walk over (state, process, timer, wanted). */
#define MODEL_N (_INSTANCE_STATE_N * 8)

static size_t model_index(const struct model *m) {
        return (size_t)m->state * 8 + (size_t)m->process * 4 + (size_t)m->timer * 2 + (size_t)m->wanted;
}

static size_t explore(struct model *found) {
        bool seen[MODEL_N] = { false };
        size_t n = 1;

        found[0] = (struct model){ .state = INSTANCE_DOWN };
        seen[model_index(&found[0])] = true;
        for (size_t i = 0; i < n; i++)
                for_each_event(e) {
                        struct model next = found[i];

                        if (!step(&next, e) || seen[model_index(&next)])
                                continue;
                        seen[model_index(&next)] = true;
                        found[n++] = next;
                }
        return n;
}

START_TEST(every_state_is_reached_with_its_process_and_timer) {
        struct model found[MODEL_N];
        bool reached[_INSTANCE_STATE_N] = { false };
        size_t n = explore(found);

        for (size_t i = 0; i < n; i++) {
                reached[found[i].state] = true;
                ck_assert(found[i].process == instance_state_has_process(found[i].state));
                ck_assert(found[i].timer == has_timer(found[i].state));
        }
        for_each_state(s)
                ck_assert_msg(reached[s], "%s is never reached", instance_state_name(s));
}
END_TEST

/*
 * STOP, and then whatever the process does. Not wanted, an exit is EXITED_DONE (see test-restart.c). What
 * the process says costs no step that counts: it changes nothing. After at most this many timeouts
 * it has been sent SIGKILL, and its exit is the only thing that can come.
 */
#define STOP_TIMEOUTS_MAX 2

static void check_stops(struct model m, unsigned timeouts, bool killed) {
        struct model next;

        if (m.state == INSTANCE_DOWN) {
                ck_assert(!m.process && !m.timer);
                return;
        }
        ck_assert_msg(m.process && m.timer, "stuck in %s", instance_state_name(m.state));
        next = m;
        ck_assert(step(&next, INSTANCE_EV_EXITED_DONE));
        ck_assert_int_eq(next.state, INSTANCE_DOWN);

        next = m;
        if (step(&next, INSTANCE_EV_READY))
                ck_assert_int_eq(next.state, m.state);
        next = m;
        if (m.state == INSTANCE_DRAINING) {
                ck_assert(step(&next, INSTANCE_EV_DRAINED));
                check_stops(next, timeouts, killed);
        }
        if (killed)
                return;
        next = m;
        ck_assert(step(&next, INSTANCE_EV_TIMEOUT));
        ck_assert_uint_lt(timeouts, STOP_TIMEOUTS_MAX);
        check_stops(next, timeouts + 1, m.state == INSTANCE_STOPPING);
}

START_TEST(stop_leads_down_from_everywhere) {
        struct model found[MODEL_N];
        size_t n = explore(found);

        for (size_t i = 0; i < n; i++) {
                ck_assert(step(&found[i], INSTANCE_EV_STOP));
                ck_assert(!found[i].wanted);
                check_stops(found[i], 0, false);
        }
}
END_TEST

START_TEST(start_comes_up_from_everywhere) {
        struct model found[MODEL_N];
        size_t n = explore(found);

        for (size_t i = 0; i < n; i++) {
                struct model m = found[i];

                ck_assert(step(&m, INSTANCE_EV_START) && m.wanted);
                if (m.state == INSTANCE_DRAINING || m.state == INSTANCE_STOPPING)
                        ck_assert(step(&m, INSTANCE_EV_EXITED_RESTART));
                ck_assert(m.state == INSTANCE_STARTING || m.state == INSTANCE_READY);
        }
}
END_TEST

START_TEST(a_start_that_stalls_is_killed_and_counts_as_a_failure) {
        struct model m = { .state = INSTANCE_DOWN };
        struct transition t;

        ck_assert(step(&m, INSTANCE_EV_START));
        ck_assert_int_eq(instance_transition(m.state, INSTANCE_EV_TIMEOUT, &t), 0);
        ck_assert(t.actions & INSTANCE_ACT_KILL);
        ck_assert(step(&m, INSTANCE_EV_TIMEOUT));
        ck_assert_int_eq(m.state, INSTANCE_STARTING);
        ck_assert(step(&m, INSTANCE_EV_EXITED_BACKOFF));
        ck_assert_int_eq(m.state, INSTANCE_BACKOFF);
        ck_assert(step(&m, INSTANCE_EV_TIMEOUT));
        ck_assert_int_eq(m.state, INSTANCE_STARTING);
        ck_assert(m.wanted);
}
END_TEST

START_TEST(a_stop_escalates) {
        static const struct {
                enum instance_event event;
                enum instance_state next;
                unsigned action;
        } steps[] = {
                { INSTANCE_EV_STOP, INSTANCE_DRAINING, INSTANCE_ACT_DRAIN },
                { INSTANCE_EV_TIMEOUT, INSTANCE_STOPPING, INSTANCE_ACT_STOP_SIGNAL },
                { INSTANCE_EV_TIMEOUT, INSTANCE_STOPPING, INSTANCE_ACT_KILL },
                { INSTANCE_EV_EXITED_DONE, INSTANCE_DOWN, INSTANCE_ACT_CANCEL_TIMER },
        };
        enum instance_state s = INSTANCE_READY;

        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                struct transition t;

                ck_assert_int_eq(instance_transition(s, steps[i].event, &t), 0);
                ck_assert_int_eq(t.next, steps[i].next);
                ck_assert(t.actions & steps[i].action);
                s = t.next;
        }
}
END_TEST

/* A manager that dies after it recorded a state and before it acted, or the other way round. */
START_TEST(a_successor_resumes) {
        for_each_state(s)
                for (int wanted = 0; wanted < 2; wanted++) {
                        enum instance_state with = instance_state_resume(s, true, wanted);
                        enum instance_state without = instance_state_resume(s, false, wanted);

                        ck_assert(instance_state_has_process(with));
                        ck_assert(!instance_state_has_process(without));
                        if (instance_state_has_process(s)) {
                                ck_assert_int_eq(with, s);
                                ck_assert_int_eq(without, wanted ? INSTANCE_BACKOFF : INSTANCE_DOWN);
                        } else {
                                ck_assert_int_eq(with, INSTANCE_STARTING);
                                ck_assert_int_eq(without, s);
                        }
                }
        ck_assert_int_eq(instance_state_resume((enum instance_state)99, true, true), INSTANCE_STARTING);
        ck_assert_int_eq(instance_state_resume((enum instance_state)99, false, true), INSTANCE_BACKOFF);
        ck_assert_int_eq(instance_state_resume((enum instance_state)99, false, false), INSTANCE_DOWN);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("states", names_are_there_and_differ,
                                         numbers_are_those_in_the_state_memory, nonsense_is_refused,
                                         every_cell_is_sane, what_users_ask_is_never_refused,
                                         asking_twice_is_asking_once,
                                         every_state_is_reached_with_its_process_and_timer,
                                         stop_leads_down_from_everywhere, start_comes_up_from_everywhere,
                                         a_start_that_stalls_is_killed_and_counts_as_a_failure,
                                         a_stop_escalates, a_successor_resumes));
}
