/* SPDX-License-Identifier: MIT */
/*
 * Rolling: over random histories nobody is taken away who is needed, it always ends, and what failed runs no more
 *
 * The world here is one worker whose processes start, become ready or fail, crash, are stopped, started and scaled by hand
 * at random, while roll_step() is asked after each event as the manager asks it.
 */

#include <string.h>

#include "daemon/policy/roll.h"
#include "harness.h"
#include "sequence.h"

#define SEEDS 4000
#define MEMBERS_MAX 8
#define EVENTS 200
/** More than any roll of so many takes, once nothing but starting and pausing happens. */
#define CALM_EVENTS 400

/** How a version behaves. */
struct version {
        unsigned int unready;           /* of 100 processes, so many end before they are ready */
        unsigned int crashes;           /* of 1000 events of a serving one, so many are its end */
};

struct process {
        struct roll_member m;
        bool ends;                      /* COMES: the process before has not ended yet */
};

struct world {
        struct sequence random;
        struct roll_policy policy;
        struct version versions[2];
        struct process p[MEMBERS_MAX + 1]; /* by number; those past n and the surge are on their way down */
        unsigned int n;
        bool wanted;
        uint32_t failures;
        enum roll_what ended;           /* WAIT: it has not */
};

static bool chance(struct world *w, unsigned int of_thousand) {
        return sequence_below(&w->random, 1000) < of_thousand;
}

/* ---- what the roll does to the world ------------------------------------------------------------- */

static unsigned int count_target(const struct world *w) {
        return w->n + w->policy.surging;
}

static void assign(struct world *w, unsigned int i) {
        struct process *p = &w->p[i];

        p->ends |= p->m.place == ROLL_SERVES;
        p->m = (struct roll_member){ .place = ROLL_COMES, .new = w->policy.phase == ROLL_FORWARD };
}

/** Who takes away one that serves must have all others, and the surge. */
static void may_take(const struct world *w, unsigned int victim) {
        if (w->p[victim].m.place != ROLL_SERVES)
                return;
        for (unsigned int i = 0; i < count_target(w); i++) {
                const struct roll_member *m = &w->p[i].m;

                if (i == victim || m->place == ROLL_SERVES || (m->place == ROLL_AWAY && i < w->n))
                        continue;
                /* Whoever wants the old ones back does not wait for one that does not come up, or has given up. */
                ck_assert_msg(w->policy.phase == ROLL_BACKWARD && (m->unready || m->place == ROLL_LOST),
                              "%u is taken while %u does not serve", victim, i);
        }
        ck_assert(w->policy.in_place || w->policy.surging);
}

static void stop_those_past(struct world *w) {
        for (unsigned int i = count_target(w); i <= MEMBERS_MAX; i++)
                if (w->p[i].m.place == ROLL_SERVES || w->p[i].m.place == ROLL_COMES)
                        w->p[i].ends = true, w->p[i].m.place = ROLL_AWAY;
                else
                        w->p[i].m.place = ROLL_AWAY;
}

/** It is not over, and is not held, before those that nobody wants any more are gone. */
static void none_is_left_over(const struct world *w) {
        for (unsigned int i = w->n; i <= MEMBERS_MAX; i++)
                ck_assert(!w->p[i].ends);
}

static void may_end(struct world *w, enum roll_what how) {
        w->ended = how;
        if (w->wanted)
                none_is_left_over(w);
        for (unsigned int i = 0; i < w->n && w->wanted; i++) {
                const struct roll_member *m = &w->p[i].m;

                if (m->place == ROLL_AWAY)
                        continue;
                if (how == ROLL_COMPLETE)
                        ck_assert(m->new && m->place == ROLL_SERVES);
                else if (!w->policy.same)
                        ck_assert(!m->new);
        }
        ck_assert(!w->wanted || !w->policy.surging);
        w->policy.surging = false;
        w->policy.phase = ROLL_OVER;
        stop_those_past(w);
}

static void carry_out(struct world *w, const struct roll_action *action) {
        switch (action->what) {
        case ROLL_START_SURGE:
                ck_assert(!w->policy.in_place);
                w->policy.surging = true;
                assign(w, w->n);
                break;
        case ROLL_STOP_SURGE:
                for (unsigned int i = 0; i < w->n; i++)
                        ck_assert(w->p[i].m.place != ROLL_COMES || w->p[i].m.unready ||
                                  w->p[i].m.new != (w->policy.phase == ROLL_FORWARD || w->policy.same));
                w->policy.surging = false;
                stop_those_past(w);
                break;
        case ROLL_REPLACE:
                may_take(w, action->instance);
                assign(w, action->instance);
                break;
        case ROLL_BEGIN_HOLD:
                none_is_left_over(w);
                w->policy.phase = ROLL_HOLD;
                break;
        case ROLL_PROMOTE:
                w->policy.phase = ROLL_FORWARD;
                w->policy.promoted = true;
                break;
        case ROLL_TURN_BACK:
                ck_assert_int_ne(action->trouble, ROLL_NO_TROUBLE);
                w->policy.phase = ROLL_BACKWARD;
                break;
        case ROLL_DO_WITHOUT:
                w->policy.in_place = true;
                w->policy.surging = false;
                stop_those_past(w);
                break;
        case ROLL_COMPLETE:
        case ROLL_ABANDON:
                may_end(w, action->what);
                break;
        case ROLL_WAIT:
                break;
        }
}

static void ask(struct world *w, bool hold_over) {
        for (int steps = 0; w->policy.phase != ROLL_OVER; steps++) {
                struct roll_facts facts = {
                        .wanted = w->wanted, .n = w->n, .failures = w->failures, .hold_over = hold_over,
                };
                struct roll_member members[MEMBERS_MAX + 1];
                struct roll_action action;

                ck_assert_int_lt(steps, 4 * MEMBERS_MAX);
                for (unsigned int i = 0; i <= MEMBERS_MAX; i++) {
                        members[i] = w->p[i].m;
                        facts.trailing |= i >= count_target(w) && w->p[i].ends;
                }
                /* The manager sees of a surge that is not there yet that nothing comes by itself. */
                if (w->policy.surging && members[w->n].place == ROLL_AWAY && !w->p[w->n].m.new)
                        members[w->n].place = ROLL_LOST;
                facts.members = members;
                action = roll_step(&w->policy, &facts);
                if (action.what == ROLL_WAIT)
                        return;
                carry_out(w, &action);
        }
}

/* ---- what else happens --------------------------------------------------------------------------- */

static void go_wrong(struct world *w, struct process *p, bool was_ready) {
        bool lost = chance(w, 100), surge = p - w->p >= w->n;

        w->failures += was_ready && p->m.new;
        p->m.unready |= !was_ready;
        /* What does not become ready of a version that is tried, or as a surge, is not started again by its policy. */
        lost |= !was_ready && (surge || (p->m.new && !w->policy.same));
        p->m.place = lost ? ROLL_LOST : chance(w, 500) ? ROLL_LATER : ROLL_COMES;
}

/** A process comes one step further. */
static void advance(struct world *w, struct process *p) {
        const struct version *v = &w->versions[p->m.new];

        if (p->ends)
                p->ends = false;
        else if (p->m.place == ROLL_LATER)
                p->m.place = ROLL_COMES;
        else if (p->m.place == ROLL_COMES && chance(w, v->unready * 10))
                go_wrong(w, p, false);
        else if (p->m.place == ROLL_COMES)
                p->m.place = ROLL_SERVES;
        else if (p->m.place == ROLL_SERVES && chance(w, v->crashes))
                go_wrong(w, p, true);
}

static void scale(struct world *w) {
        unsigned int before = w->n;

        w->n = 1 + (unsigned int)sequence_below(&w->random, MEMBERS_MAX - 1);
        for (unsigned int i = before; i < w->n; i++)
                if (w->p[i].m.place == ROLL_AWAY)
                        w->p[i].m = (struct roll_member){ .place = ROLL_COMES };
        stop_those_past(w);
}

static void by_hand(struct world *w) {
        struct process *p = &w->p[sequence_below(&w->random, w->n)];

        switch (sequence_below(&w->random, 8)) {
        case 0:
                scale(w);
                break;
        case 1:
                w->policy.promoted = true;
                break;
        case 2:
                if (chance(w, 100))
                        w->policy.phase = ROLL_BACKWARD;
                break;
        case 3:
                if (chance(w, 50))
                        w->wanted = false;
                break;
        case 4:
                p->ends |= p->m.place == ROLL_SERVES || p->m.place == ROLL_COMES;
                p->m.place = ROLL_AWAY;
                break;
        default:
                if (p->m.place == ROLL_AWAY || p->m.place == ROLL_LOST)
                        p->m.place = ROLL_COMES;
        }
}

static void happen(struct world *w, unsigned int people) {
        struct process *p = &w->p[sequence_below(&w->random, MEMBERS_MAX + 1)];

        if (chance(w, people))
                by_hand(w);
        else
                advance(w, p);
}

static struct world world_new(uint64_t seed, unsigned int unready, unsigned int crashes) {
        struct world w = { .random = SEQUENCE(seed), .wanted = true };

        w.versions[true] = (struct version){ unready, crashes };
        w.versions[false] = (struct version){ 0, crashes / 10 };
        w.n = 1 + (unsigned int)sequence_below(&w.random, MEMBERS_MAX - 1);
        for (unsigned int i = 0; i < w.n; i++)
                w.p[i].m.place = ROLL_SERVES;
        w.policy = (struct roll_policy){
                .phase = ROLL_FORWARD, .in_place = chance(&w, 250), .same = chance(&w, 250),
                .canary = chance(&w, 500) ? (uint32_t)sequence_below(&w.random, 4) : 0,
                .max_fail = (uint32_t)sequence_below(&w.random, 3),
        };
        return w;
}

/* Nothing fails any more, and nobody does anything: it must come to its end. */
static void come_to_an_end(struct world *w) {
        w->versions[0] = w->versions[1] = (struct version){ 0, 0 };
        for (int i = 0; i < CALM_EVENTS && w->policy.phase != ROLL_OVER; i++) {
                for (unsigned int k = 0; k <= MEMBERS_MAX; k++)
                        advance(w, &w->p[k]);
                ask(w, true);
        }
        ck_assert_int_eq(w->policy.phase, ROLL_OVER);
}

static void play(uint64_t seed, unsigned int unready, unsigned int crashes, unsigned int people, unsigned int ends[2]) {
        struct world w = world_new(seed, unready, crashes);

        ask(&w, false);
        for (int i = 0; i < EVENTS && w.policy.phase != ROLL_OVER; i++) {
                happen(&w, people);
                ask(&w, chance(&w, 50));
        }
        come_to_an_end(&w);
        ends[w.ended == ROLL_COMPLETE]++;
}

START_TEST(whatever_happens_it_ends_and_nobody_needed_is_taken) {
        unsigned int ends[2] = { 0, 0 };

        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                play(seed, seed % 3 ? 0 : 20, seed % 5 ? 20 : 0, seed % 2 ? 100 : 0, ends);
        /* Both ways are tried. */
        ck_assert_uint_gt(ends[0], SEEDS / 20);
        ck_assert_uint_gt(ends[1], SEEDS / 20);
}
END_TEST

START_TEST(a_good_version_is_rolled_out) {
        unsigned int ends[2] = { 0, 0 };

        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                play(seed, 0, 0, 0, ends);
        ck_assert_uint_eq(ends[true], SEEDS);
}
END_TEST

START_TEST(a_version_that_never_is_ready_is_taken_back) {
        unsigned int ends[2] = { 0, 0 };

        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                play(seed, 100, 0, 0, ends);
        ck_assert_uint_eq(ends[false], SEEDS);
}
END_TEST

/* With a surge, none of the old ones is touched by a version that does not come up. */
START_TEST(nothing_is_ended_before_the_surge_serves) {
        struct world w = world_new(1, 100, 0);

        w.policy = (struct roll_policy){ .phase = ROLL_FORWARD };
        ask(&w, false);
        for (int i = 0; i < EVENTS && w.policy.phase != ROLL_OVER; i++) {
                happen(&w, 0);
                ask(&w, false);
                for (unsigned int k = 0; k < w.n; k++)
                        ck_assert(w.p[k].m.place == ROLL_SERVES && !w.p[k].m.new);
        }
        ck_assert_int_eq(w.ended, ROLL_ABANDON);
}
END_TEST

/* So many are new while it holds, and no more; with none of them left to fail it goes on, and not before. */
START_TEST(canaries_are_as_many_as_were_asked_for) {
        for (uint64_t seed = 1; seed <= SEEDS / 10; seed++) {
                struct world w = world_new(seed, 0, 0);
                unsigned int n_new = 0;

                w.policy = (struct roll_policy){ .phase = ROLL_FORWARD, .canary = 1 + seed % 3 };
                ask(&w, false);
                for (int i = 0; i < CALM_EVENTS; i++) {
                        happen(&w, 0);
                        ask(&w, false);
                }
                ck_assert_int_eq(w.policy.phase, ROLL_HOLD);
                ck_assert(!w.policy.surging);
                for (unsigned int k = 0; k < w.n; k++)
                        n_new += w.p[k].m.new;
                ck_assert_uint_eq(n_new, w.policy.canary < w.n ? w.policy.canary : w.n);
                come_to_an_end(&w);
                ck_assert_int_eq(w.ended, ROLL_COMPLETE);
        }
}
END_TEST

START_TEST(as_many_failures_as_are_borne_and_no_more) {
        for (uint32_t max = 0; max < 5; max++)
                for (uint32_t failures = 0; failures < 10; failures++) {
                        const struct roll_member members[] = { { ROLL_SERVES, true, false }, { ROLL_SERVES, false, false } };
                        const struct roll_policy policy = { .phase = ROLL_HOLD, .canary = 1, .max_fail = max };
                        const struct roll_facts facts = { .wanted = true, .n = 2, .members = members, .failures = failures };

                        ck_assert_int_eq(roll_step(&policy, &facts).what, failures > max ? ROLL_TURN_BACK : ROLL_WAIT);
                }
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("roll", whatever_happens_it_ends_and_nobody_needed_is_taken,
                                         a_good_version_is_rolled_out, a_version_that_never_is_ready_is_taken_back,
                                         nothing_is_ended_before_the_surge_serves, canaries_are_as_many_as_were_asked_for,
                                         as_many_failures_as_are_borne_and_no_more));
}
