/* SPDX-License-Identifier: MIT */
/*
 * All policies together, over simulated months: a gang of instances in groups, whose processes end as they like, whose
 * people start, stop and restart what they like, and whose manager dies between any two steps
 *
 * The world here is the truth (which processes there are), what is written down, and what the manager of the moment knows,
 * which does what daemon/instance.c, instance-end.c and takeover.c do, in their order. What must hold:
 *
 * - an instance never has two processes, and none is asked for before the end of the last one was acknowledged;
 * - each end is decided once: neither forgotten, nor counted twice, whoever dies meanwhile;
 * - what is to run has a process, or a time at which it will; what people stop is soon gone, and does not come back;
 * - no more restarts are granted in any period than the limit of the instance, or of its group, says;
 * - a group that has given up starts nobody until somebody asks for it.
 */

#include <signal.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/policy/group.h"
#include "daemon/policy/restart.h"
#include "daemon/policy/states.h"
#include "harness.h"
#include "sequence.h"

#define SEEDS 200
#define EVENTS 1500
#define INSTANCES 6
#define GROUPS 3
/** More restarts than any history here has within a period. */
#define GRANTS_MAX (EVENTS + 1)
#define STOP_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define READY_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define EXITED(status) ((status) << 8)

/* ---- the truth --------------------------------------------------------------------------------- */

enum process {
        PROCESS_NONE,
        PROCESS_RUNS,
        PROCESS_ENDED,                  /* and nobody has acknowledged it */
};

struct truth {
        enum process process;
        uint64_t generation;            /* that it was started as */
        uint64_t started_usec;
        bool ready, asked_to_end;
        int status;
        unsigned int ends;              /* of processes, in all */
};

/* ---- what is known, and written down ------------------------------------------------------------- */

struct instance {
        enum instance_state state;
        bool wanted;
        uint64_t generation;
        uint64_t due_usec;
        uint64_t ready_usec;
        struct restart_history h;
        bool again;                     /* it is to be taken along by a restart of its group */
        unsigned int decided;           /* ends, in all */
};

struct group_record {
        struct group_policy policy;
        bool failed;
};

struct world {
        struct sequence s;
        uint64_t now;
        bool dead;                      /* the manager: it does nothing any more */
        unsigned int deaths;            /* of thousand steps, so many are its last */
        struct restart_options options[INSTANCES];
        int group_of[INSTANCES];        /* -1: none */
        struct truth truth[INSTANCES];
        struct instance known[INSTANCES], written[INSTANCES];
        struct group_record groups[GROUPS], groups_written[GROUPS];
        uint64_t grants[INSTANCES][GRANTS_MAX];
        size_t n_grants[INSTANCES];     /* since its history was last forgiven */
        bool calm;                      /* nobody asks for anything, and nothing ends by itself */
};

/* As must(), which writes down each time that something holds: too much for as often as here. */
#define must(condition)                                                                         \
        do {                                                                                    \
                if (!(condition))                                                               \
                        ck_abort_msg("it must hold: %s", #condition);                           \
        } while (0)
#define must_msg(condition, ...)                                                                \
        do {                                                                                    \
                if (!(condition))                                                               \
                        ck_abort_msg(__VA_ARGS__);                                              \
        } while (0)

static bool chance(struct world *w, unsigned int of_thousand) {
        return sequence_below(&w->s, 1000) < of_thousand;
}

/* Between two steps. @return whether there is a manager still. */
static bool goes_on(struct world *w) {
        w->dead |= !w->calm && chance(w, w->deaths);
        return !w->dead;
}

static void copy_limit(struct restart_limit *to, const struct restart_limit *from, uint64_t now) {
        must(restart_limit_restore(to, from->at_usec, from->n, now) == 0);
        must(to->n == from->n);
}

static void copy_instance(struct world *w, struct instance *to, const struct instance *from) {
        struct restart_limit limit = to->h.limit;

        *to = *from;
        to->h.limit = limit;
        copy_limit(&to->h.limit, &from->h.limit, w->now);
}

static void save(struct world *w, int i) {
        copy_instance(w, &w->written[i], &w->known[i]);
}

static void copy_groups(struct world *w, struct group_record *to, const struct group_record *from) {
        for (int g = 0; g < GROUPS; g++) {
                to[g].failed = from[g].failed;
                copy_limit(&to[g].policy.history, &from[g].policy.history, w->now);
        }
}

static bool group_is_failed(const struct world *w, int g) {
        for (const struct group_policy *p = g < 0 ? NULL : &w->groups[g].policy; p; p = p->parent)
                if (container_of(p, struct group_record, policy)->failed)
                        return true;
        return false;
}

static bool group_has(const struct world *w, const struct group_policy *group, int i) {
        for (const struct group_policy *p = w->group_of[i] < 0 ? NULL : &w->groups[w->group_of[i]].policy; p; p = p->parent)
                if (p == group)
                        return true;
        return false;
}

static void forgive(struct world *w, int i) {
        restart_history_forgive(&w->known[i].h);
        w->n_grants[i] = 0;
}

/* ---- what a transition does ---------------------------------------------------------------------- */

static void handle(struct world *w, int i, enum instance_event event, uint64_t delay_usec, bool ended);

static void act(struct world *w, int i, unsigned int actions) {
        struct truth *t = &w->truth[i];

        if (actions & INSTANCE_ACT_SPAWN && goes_on(w)) {
                must_msg(t->process == PROCESS_NONE, "a second process of %d", i);
                must(!group_is_failed(w, w->group_of[i]));
                must(w->known[i].wanted);
                *t = (struct truth){ .process = PROCESS_RUNS, .generation = w->known[i].generation,
                                     .started_usec = w->now, .ends = t->ends };
                w->known[i].ready_usec = 0;
        }
        if (actions & INSTANCE_ACT_STOP_SIGNAL && goes_on(w))
                t->asked_to_end = true;
        if (actions & INSTANCE_ACT_KILL && goes_on(w) && t->process == PROCESS_RUNS) {
                t->process = PROCESS_ENDED;
                t->status = SIGKILL;
                t->ends++;
        }
        if (actions & INSTANCE_ACT_DRAIN && goes_on(w) && chance(w, 500))
                handle(w, i, INSTANCE_EV_DRAINED, 0, false);
}

static void plan_timer(struct world *w, struct instance *known, unsigned int actions, uint64_t delay_usec) {
        if (actions & INSTANCE_ACT_ARM_READY_TIMEOUT)
                known->due_usec = w->now + READY_TIMEOUT_USEC;
        else if (actions & INSTANCE_ACT_ARM_STOP_TIMEOUT)
                known->due_usec = w->now + STOP_TIMEOUT_USEC;
        else if (actions & INSTANCE_ACT_ARM_BACKOFF)
                known->due_usec = w->now + delay_usec;
        else if (actions & INSTANCE_ACT_CANCEL_TIMER)
                known->due_usec = USEC_INFINITY;
}

static void acknowledge(struct world *w, int i) {
        must(w->truth[i].process == PROCESS_ENDED);
        must_msg(w->written[i].decided == w->truth[i].ends, "an end is forgotten: %d", i);
        w->truth[i].process = PROCESS_NONE;
}

static void handle(struct world *w, int i, enum instance_event event, uint64_t delay_usec, bool ended) {
        struct instance *known = &w->known[i];
        struct transition t;

        if (instance_transition(known->state, event, &t) < 0) {
                must_msg(!ended, "%s in %s", instance_event_name(event), instance_state_name(known->state));
                return;
        }
        known->wanted = instance_event_wants(event, known->wanted);
        known->state = t.next;
        plan_timer(w, known, t.actions, delay_usec);
        if (!goes_on(w))
                return;
        save(w, i);
        if (!goes_on(w))
                return;
        if (ended)
                acknowledge(w, i);
        act(w, i, t.actions);
}

/* ---- ends ---------------------------------------------------------------------------------------- */

/* A restart by policy is granted, as of now: in no period are there more than its limit allows. */
static void count_grant(struct world *w, int i) {
        const struct restart_options *o = &w->options[i];
        uint64_t *grants = w->grants[i];
        size_t n = w->n_grants[i]++;

        must(n < GRANTS_MAX);
        grants[n] = w->now;
        if (o->limit > 0 && n >= o->limit)
                must_msg(grants[n - o->limit] + o->limit_period_usec < w->now, "%d is restarted too often", i);
}

static bool is_concerned(const struct world *w, const struct group_verdict *v, int pivot, int i) {
        if (v->decision != GROUP_RESTART || !group_has(w, v->group, i))
                return false;
        if (v->group->strategy == GROUP_ONE_FOR_ALL)
                return true;
        if (v->group->strategy == GROUP_REST_FOR_ONE)
                return i >= pivot || (v->child && group_has(w, v->child, i));
        return v->child ? group_has(w, v->child, i) : i == pivot;
}

/* Those that a group takes along. It is written down who they are: so whoever comes after goes on. */
static void carry_out(struct world *w) {
        for (int i = 0; i < INSTANCES && !w->dead; i++) {
                struct instance *known = &w->known[i];

                if (group_is_failed(w, w->group_of[i]) && known->state != INSTANCE_DOWN && known->state != INSTANCE_FAILED)
                        handle(w, i, INSTANCE_EV_STOP, 0, false);
                if (!known->again || w->dead)
                        continue;
                known->again = false;
                if (known->wanted && known->state != INSTANCE_DOWN && !group_is_failed(w, w->group_of[i]))
                        handle(w, i, INSTANCE_EV_RESTART, 0, false);
                if (!w->dead)
                        save(w, i);
        }
}

/* What the group makes of it. @return the event. */
static enum instance_event ask_group(struct world *w, int i, const struct restart_plan *plan, bool *counted) {
        bool gave_up = plan->event == INSTANCE_EV_EXITED_GIVE_UP;
        struct group_verdict v;

        if (w->group_of[i] < 0 || (!gave_up && !*counted))
                return plan->event;
        v = group_decide(&w->groups[w->group_of[i]].policy, gave_up, w->now);
        if (v.decision == GROUP_AS_PLANNED)
                return plan->event;
        *counted = false;               /* by its own limit: it is the group's now */
        if (v.decision == GROUP_FAIL) {
                container_of(v.group, struct group_record, policy)->failed = true;
                return INSTANCE_EV_EXITED_GIVE_UP;
        }
        for (int k = 0; k < INSTANCES; k++) {
                if (k == i || !is_concerned(w, &v, i, k))
                        continue;
                w->known[k].again = true;
                w->written[k].again = true;
        }
        for (int k = 0; k < INSTANCES; k++)
                if (v.child && group_has(w, v.child, k))
                        forgive(w, k);
        forgive(w, i);
        return INSTANCE_EV_EXITED_RESTART;
}

/* One that nobody has decided yet. */
static void decide(struct world *w, int i) {
        struct instance *known = &w->known[i];
        const struct truth *t = &w->truth[i];
        struct restart_end end = {
                .status = t->status, .state = known->state, .wanted = known->wanted,
                .condemned = known->state == INSTANCE_STARTING && t->status == SIGKILL,
                .ready_usec = known->ready_usec ? w->now - known->ready_usec : 0,
                .ran_usec = w->now - t->started_usec,
        };
        uint32_t restarts = known->h.restarts;
        struct restart_plan plan;
        enum instance_event event;
        bool counted;

        must_msg(known->decided + 1 == t->ends, "an end of %d is decided twice, or was forgotten", i);
        must(t->generation == known->generation);
        plan = restart_plan(&w->options[i], &known->h, &end, w->now, sequence_next(&w->s));
        counted = known->h.restarts > restarts;
        event = ask_group(w, i, &plan, &counted);
        must(known->wanted || event == INSTANCE_EV_EXITED_DONE);
        known->generation++;
        known->decided++;
        handle(w, i, event, event == INSTANCE_EV_EXITED_BACKOFF ? plan.delay_usec : 0, true);
        if (w->written[i].decided == t->ends) {
                if (counted)
                        count_grant(w, i);
                copy_groups(w, w->groups_written, w->groups);
        }
        carry_out(w);
}

/* ---- the next manager ---------------------------------------------------------------------------- */

/* What is written down of it may be older than that its group has given up. */
static void resume(struct world *w, int i) {
        struct instance *known = &w->known[i];
        const struct truth *t = &w->truth[i];
        bool decided = t->process == PROCESS_ENDED && t->generation < known->generation;
        enum instance_state recorded = known->state;

        if (decided)
                acknowledge(w, i);
        known->wanted &= !group_is_failed(w, w->group_of[i]);
        known->state = instance_state_resume(recorded, t->process != PROCESS_NONE, known->wanted);
        must_msg(known->state == recorded || known->state != INSTANCE_DOWN || !known->wanted, "%d is forgotten", i);
        known->ready_usec = t->ready ? w->now : 0;
        if (known->state != recorded)
                known->due_usec = known->state == INSTANCE_STARTING ? w->now + READY_TIMEOUT_USEC :
                                  known->state == INSTANCE_BACKOFF ? w->now : USEC_INFINITY;
        save(w, i);
        if (!known->wanted && known->state != INSTANCE_DOWN && known->state != INSTANCE_FAILED)
                handle(w, i, INSTANCE_EV_STOP, 0, false);
}

static void take_over(struct world *w) {
        w->dead = false;
        copy_groups(w, w->groups, w->groups_written);
        for (int i = 0; i < INSTANCES; i++)
                copy_instance(w, &w->known[i], &w->written[i]);
        for (int i = 0; i < INSTANCES && !w->dead; i++)
                resume(w, i);
        for (int i = 0; i < INSTANCES && !w->dead; i++)
                if (w->truth[i].process == PROCESS_ENDED)
                        decide(w, i);
        if (!w->dead)
                carry_out(w);
}

/* ---- what happens -------------------------------------------------------------------------------- */

static void end_process(struct world *w, int i, int status) {
        w->truth[i].process = PROCESS_ENDED;
        w->truth[i].status = status;
        w->truth[i].ends++;
        if (!w->dead)
                decide(w, i);
}

static void ask(struct world *w, int i) {
        struct instance *known = &w->known[i];
        bool runs = instance_state_has_process(known->state);

        switch (sequence_below(&w->s, 6)) {
        case 0:
                handle(w, i, INSTANCE_EV_STOP, 0, false);
                break;
        case 1:
                for (struct group_policy *p = w->group_of[i] < 0 ? NULL : &w->groups[w->group_of[i]].policy; p; p = p->parent) {
                        container_of(p, struct group_record, policy)->failed = false;
                        restart_limit_clear(&p->history);
                }
                copy_groups(w, w->groups_written, w->groups);
                forgive(w, i);
                handle(w, i, INSTANCE_EV_START, 0, false);
                break;
        case 2:
                if (!runs || group_is_failed(w, w->group_of[i]))
                        break;
                forgive(w, i);
                handle(w, i, INSTANCE_EV_RESTART, 0, false);
                break;
        default:
                break;
        }
}

static void process_lives(struct world *w, int i) {
        static const int statuses[] = { EXITED(0), EXITED(1), SIGKILL, SIGSEGV, EXITED(75), SIGTERM };
        struct truth *t = &w->truth[i];

        if (t->asked_to_end ? chance(w, 700) : !w->calm && chance(w, 150))
                end_process(w, i, t->asked_to_end ? EXITED(0) : statuses[sequence_below(&w->s, ARRAY_SIZE(statuses))]);
        else if (!t->ready && chance(w, 800)) {
                t->ready = true;
                if (w->dead)
                        return;         /* the next one finds it: here, as a process that is ready */
                w->known[i].ready_usec = w->now;
                handle(w, i, INSTANCE_EV_READY, 0, false);
        }
}

static void run_timers(struct world *w) {
        for (int i = 0; i < INSTANCES && !w->dead; i++) {
                struct instance *known = &w->known[i];

                if (known->due_usec > w->now)
                        continue;
                known->due_usec = USEC_INFINITY;
                handle(w, i, INSTANCE_EV_TIMEOUT, 0, false);
                if (!w->dead && w->truth[i].process == PROCESS_ENDED)
                        decide(w, i);
        }
}

/* Nobody waits for what never comes. */
static void all_get_on(const struct world *w) {
        for (int i = 0; i < INSTANCES && !w->dead; i++) {
                const struct instance *known = &w->known[i];

                if (known->state == INSTANCE_DOWN || known->state == INSTANCE_FAILED)
                        must_msg(w->truth[i].process == PROCESS_NONE, "%d runs, and nobody manages it", i);
                else if (known->state == INSTANCE_READY)
                        must(w->truth[i].process == PROCESS_RUNS);
                else
                        must_msg(known->due_usec != USEC_INFINITY, "%d waits for ever, %s", i,
                                      instance_state_name(known->state));
                if (group_is_failed(w, w->group_of[i]) && known->wanted)
                        must(known->state == INSTANCE_DOWN || known->state == INSTANCE_FAILED);
        }
}

static void one_event(struct world *w) {
        int i = (int)sequence_below(&w->s, INSTANCES);

        w->now += 1 + sequence_wide(&w->s) % (chance(w, 50) ? 24 * 3600 * USEC_PER_SEC : 2 * USEC_PER_SEC);
        if (w->dead && chance(w, 500))
                take_over(w);
        if (!w->dead)
                run_timers(w);
        if (w->truth[i].process == PROCESS_RUNS)
                process_lives(w, i);
        if (!w->dead && !w->calm && chance(w, 60))
                ask(w, i);
        all_get_on(w);
}

/* ---- histories ----------------------------------------------------------------------------------- */

static void world_make(struct world *w, uint64_t seed, unsigned int deaths) {
        *w = (struct world){ .s = SEQUENCE(seed), .now = USEC_PER_SEC, .deaths = deaths };
        for (int g = 0; g < GROUPS; g++) {
                struct group_policy policy = {
                        .parent = g > 0 && chance(w, 600) ? &w->groups[sequence_below(&w->s, (uint64_t)g)].policy : NULL,
                        .strategy = (enum group_strategy)sequence_below(&w->s, _GROUP_STRATEGY_N),
                        .limit = (uint32_t)sequence_below(&w->s, 6),
                        .limit_period_usec = 1 + sequence_wide(&w->s) % (3600 * USEC_PER_SEC),
                };

                w->groups[g].policy = policy;
        }
        for (int i = 0; i < INSTANCES; i++) {
                w->options[i] = (struct restart_options){
                        .policy = (enum restart_policy)sequence_below(&w->s, _RESTART_POLICY_N),
                        .backoff = { sequence_wide(&w->s) % (10 * USEC_PER_SEC), sequence_wide(&w->s) % (60 * USEC_PER_SEC) },
                        .limit = (uint32_t)sequence_below(&w->s, 8),
                        .limit_period_usec = 1 + sequence_wide(&w->s) % (3600 * USEC_PER_SEC),
                };
                w->group_of[i] = (int)sequence_below(&w->s, GROUPS + 1) - 1;
                w->known[i].generation = 1;
                w->known[i].due_usec = USEC_INFINITY;
                save(w, i);
                handle(w, i, INSTANCE_EV_START, 0, false);
        }
}

static void world_done(struct world *w) {
        for (int i = 0; i < INSTANCES; i++) {
                restart_history_done(&w->known[i].h);
                restart_history_done(&w->written[i].h);
        }
        for (int g = 0; g < GROUPS; g++) {
                restart_limit_done(&w->groups[g].policy.history);
                restart_limit_done(&w->groups_written[g].policy.history);
        }
}

/* From now on nothing goes wrong. */
static void calm_down(struct world *w) {
        w->calm = true;
        if (w->dead)
                take_over(w);
        for (int n = 0; n < 60 * INSTANCES; n++)
                one_event(w);
}

/* Whoever is wanted comes up, by itself; and whoever is stopped then goes, and stays away. */
static void end_well(struct world *w) {
        calm_down(w);
        for (int i = 0; i < INSTANCES; i++)
                if (w->known[i].wanted && w->known[i].state != INSTANCE_FAILED && w->known[i].state != INSTANCE_DOWN)
                        must_msg(w->known[i].state == INSTANCE_READY, "%d does not come up: %s", i,
                                      instance_state_name(w->known[i].state));
        for (int i = 0; i < INSTANCES; i++)
                handle(w, i, INSTANCE_EV_STOP, 0, false);
        calm_down(w);
        for (int i = 0; i < INSTANCES; i++) {
                must(w->known[i].state == INSTANCE_DOWN);
                must(w->truth[i].process == PROCESS_NONE);
                must(w->known[i].decided == w->truth[i].ends);
        }
}

static void histories(unsigned int deaths) {
        static struct world w;

        for (uint64_t seed = 0; seed < SEEDS; seed++) {
                world_make(&w, seed, deaths);
                for (int n = 0; n < EVENTS; n++)
                        one_event(&w);
                end_well(&w);
                world_done(&w);
        }
}

START_TEST(a_gang_under_one_manager) {
        histories(0);
}
END_TEST

START_TEST(a_gang_whose_managers_die) {
        histories(30);
}
END_TEST

START_TEST(a_gang_whose_managers_die_all_the_time) {
        histories(300);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("policy", a_gang_under_one_manager, a_gang_whose_managers_die,
                                         a_gang_whose_managers_die_all_the_time));
}
