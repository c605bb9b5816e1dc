/* SPDX-License-Identifier: MIT */
/* Groups: the table of OTP's supervisors, and random trees over simulated years against a slow and obvious supervisor. */

#include "base/cleanup.h"
#include "base/time.h"
#include "daemon/policy/group.h"
#include "harness.h"
#include "sequence.h"

#define SEC USEC_PER_SEC
#define GROUPS 6
#define SEEDS 40
#define STEPS 4000

/* Parent of each group, and what it is; then whether a member of the last one gave up, and what is expected each time. */
static const struct {
        const char *what;
        struct {
                enum group_strategy strategy;
                uint32_t limit;
        } groups[3];                    /* each the parent of the next; limits are per 10 s; none: {0, 0} past `n` */
        size_t n;
        bool gave_up;
        struct {
                enum group_decision decision;
                int group, child;       /* -1: none, or the member */
        } expected[4];                  /* of questions a second apart */
} cases[] = {
        { "one-for-one: as its own policy says", { { GROUP_ONE_FOR_ONE, 0 } }, 1, false,
          { { GROUP_AS_PLANNED, -1, -1 }, { GROUP_AS_PLANNED, -1, -1 }, { GROUP_AS_PLANNED, -1, -1 } } },
        { "one-for-one: the intensity of the group", { { GROUP_ONE_FOR_ONE, 2 } }, 1, false,
          { { GROUP_AS_PLANNED, -1, -1 }, { GROUP_AS_PLANNED, -1, -1 }, { GROUP_FAIL, 0, -1 } } },
        { "one-for-one without a limit: the others go on", { { GROUP_ONE_FOR_ONE, 0 } }, 1, true,
          { { GROUP_AS_PLANNED, -1, -1 }, { GROUP_AS_PLANNED, -1, -1 } } },
        { "one-for-one: one that gave up is tried again as often as the group may", { { GROUP_ONE_FOR_ONE, 1 } }, 1, true,
          { { GROUP_RESTART, 0, -1 }, { GROUP_FAIL, 0, -1 } } },
        { "one-for-all", { { GROUP_ONE_FOR_ALL, 2 } }, 1, false,
          { { GROUP_RESTART, 0, -1 }, { GROUP_RESTART, 0, -1 }, { GROUP_FAIL, 0, -1 } } },
        { "one-for-all without a limit: for ever", { { GROUP_ONE_FOR_ALL, 0 } }, 1, false,
          { { GROUP_RESTART, 0, -1 }, { GROUP_RESTART, 0, -1 }, { GROUP_RESTART, 0, -1 } } },
        { "one-for-all without a limit: fails with its member", { { GROUP_ONE_FOR_ALL, 0 } }, 1, true,
          { { GROUP_FAIL, 0, -1 }, { GROUP_FAIL, 0, -1 } } },
        { "escalation: the parent starts the group again", { { GROUP_ONE_FOR_ONE, 1 }, { GROUP_ONE_FOR_ALL, 1 } }, 2, false,
          { { GROUP_RESTART, 1, -1 }, { GROUP_RESTART, 0, 1 }, { GROUP_FAIL, 0, -1 } } },
        { "escalation: a parent that goes on without it", { { GROUP_ONE_FOR_ONE, 0 }, { GROUP_REST_FOR_ONE, 1 } }, 2, false,
          { { GROUP_RESTART, 1, -1 }, { GROUP_FAIL, 1, -1 } } },
        { "escalation: through one in the middle",
          { { GROUP_REST_FOR_ONE, 1 }, { GROUP_ONE_FOR_ALL, 0 }, { GROUP_ONE_FOR_ONE, 1 } }, 3, false,
          { { GROUP_AS_PLANNED, -1, -1 }, { GROUP_RESTART, 0, 1 }, { GROUP_FAIL, 0, -1 } } },
};

static int number_of(const struct group_policy *groups, const struct group_policy *g) {
        return g ? (int)(g - groups) : -1;
}

START_TEST(groups_are_otps_supervisors) {
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct group_policy groups[3] = { 0 };

                for (size_t k = 0; k < cases[i].n; k++)
                        groups[k] = (struct group_policy){
                                .parent = k > 0 ? &groups[k - 1] : NULL, .strategy = cases[i].groups[k].strategy,
                                .limit = cases[i].groups[k].limit, .limit_period_usec = 10 * SEC,
                        };
                for (size_t q = 0; q < ARRAY_SIZE(cases[i].expected); q++) {
                        struct group_verdict v;

                        if (q > 0 && cases[i].expected[q].decision == 0 && cases[i].expected[q].group == 0)
                                break; /* no more of them */
                        v = group_decide(&groups[cases[i].n - 1], cases[i].gave_up, (100 + q) * SEC);
                        ck_assert_msg(v.decision == cases[i].expected[q].decision &&
                                      number_of(groups, v.group) == cases[i].expected[q].group &&
                                      number_of(groups, v.child) == cases[i].expected[q].child,
                                      "%s: question %zu: %d, group %d, child %d", cases[i].what, q, (int)v.decision,
                                      number_of(groups, v.group), number_of(groups, v.child));
                }
                for (size_t k = 0; k < cases[i].n; k++)
                        restart_limit_done(&groups[k].history);
        }
}
END_TEST

START_TEST(without_a_group_nobody_else_is_concerned) {
        ck_assert_int_eq(group_decide(NULL, false, SEC).decision, GROUP_AS_PLANNED);
        ck_assert_int_eq(group_decide(NULL, true, SEC).decision, GROUP_AS_PLANNED);
}
END_TEST

/* ---- against a supervisor that is written as OTP's manual tells it --------------------------------- */

struct supervisor {
        int parent;
        enum group_strategy strategy;
        uint32_t limit;
        uint64_t period;
        uint64_t at[STEPS];
        size_t n;
};

static bool counts(struct supervisor *s, uint64_t now) {
        uint32_t within = 1;

        for (size_t i = 0; i < s->n; i++)
                within += now - s->at[i] <= s->period;
        if (s->limit > 0 && within > s->limit)
                return false;
        s->at[s->n++] = now;
        return true;
}

/*
 * A child of `g` ended. @return the group that acts; `*child` is the one of its children that it is about; -1: nobody
 * does.
 */
static int handle(struct supervisor *all, int g, int from, bool gave_up, uint64_t now, int *child, bool *fails) {
        struct supervisor *s = &all[g];

        *fails = false;
        if (gave_up && s->limit == 0 && s->strategy == GROUP_ONE_FOR_ONE) {
                *fails = from >= 0;
                return from;
        }
        if (!(gave_up && s->limit == 0) && counts(s, now)) {
                *child = from;
                return g;
        }
        if (s->parent < 0) {
                *fails = true;
                return g;
        }
        return handle(all, s->parent, g, true, now, child, fails);
}

static void make_tree(struct sequence *s, struct group_policy *groups, struct supervisor *all) {
        for (int i = 0; i < GROUPS; i++) {
                int parent = i > 0 && sequence_below(s, 4) > 0 ? (int)sequence_below(s, (uint64_t)i) : -1;

                groups[i] = (struct group_policy){
                        .parent = parent < 0 ? NULL : &groups[parent],
                        .strategy = (enum group_strategy)sequence_below(s, _GROUP_STRATEGY_N),
                        .limit = (uint32_t)sequence_below(s, 5),
                        .limit_period_usec = 1 + sequence_below(s, 3600 * SEC),
                };
                all[i].parent = parent;
                all[i].strategy = groups[i].strategy;
                all[i].limit = groups[i].limit;
                all[i].period = groups[i].limit_period_usec;
                all[i].n = 0;
        }
}

START_TEST(random_trees_over_years) {
        static struct supervisor all[GROUPS];
        struct group_policy groups[GROUPS];
        struct sequence s = SEQUENCE((uint64_t)_i + 1);
        uint64_t now = 4000 * SEC;

        make_tree(&s, groups, all);
        for (int step = 0; step < STEPS; step++) {
                int g = (int)sequence_below(&s, GROUPS), child = -1, expected;
                bool gave_up = sequence_below(&s, 5) == 0, fails;
                struct group_verdict v;

                now += sequence_below(&s, sequence_below(&s, 10) == 0 ? 86400 * 30 * SEC : 600 * SEC);
                expected = handle(all, g, -1, gave_up, now, &child, &fails);
                v = group_decide(&groups[g], gave_up, now);
                if (expected < 0 || (!fails && expected == g && child < 0 && !gave_up &&
                                     groups[g].strategy == GROUP_ONE_FOR_ONE)) {
                        ck_assert_int_eq(v.decision, GROUP_AS_PLANNED);
                        continue;
                }
                ck_assert_int_eq(v.decision, fails ? GROUP_FAIL : GROUP_RESTART);
                ck_assert_int_eq(number_of(groups, v.group), expected);
                if (!fails)
                        ck_assert_int_eq(number_of(groups, v.child), child);
        }
        for (int i = 0; i < GROUPS; i++)
                restart_limit_done(&groups[i].history);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("group");
        TCase *c = tcase_create("group");

        tcase_add_test(c, groups_are_otps_supervisors);
        tcase_add_test(c, without_a_group_nobody_else_is_concerned);
        tcase_add_loop_test(c, random_trees_over_years, 0, SEEDS);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
