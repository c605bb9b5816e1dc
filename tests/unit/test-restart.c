/* SPDX-License-Identifier: MIT */
/* Restart policy: the table of verdicts, and a simulated year of a worker with the state table around it. */

#include <signal.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/time.h"
#include "daemon/policy/restart.h"
#include "harness.h"
#include "sequence.h"

#define SEEDS 40
#define YEAR_USEC (UINT64_C(365) * 24 * 3600 * USEC_PER_SEC)
#define ENDS_MAX 20000

#define EXITED(status) ((status) << 8)

START_TEST(policies_decide_as_documented) {
        enum { D = RESTART_VERDICT_DONE, R = RESTART_VERDICT_RETRY, F = RESTART_VERDICT_FAILED };
        static const struct {
                struct restart_end end;
                int verdicts[_RESTART_POLICY_N];        /* of enum restart_verdict */
        } cases[] = {
                /*                                           always on-failure on-abnormal never */
                { { .status = EXITED(0) },                           { R, D, D, D } },
                { { .status = EXITED(1) },                           { R, R, F, F } },
                { { .status = EXITED(255) },                         { R, R, F, F } },
                { { .status = SIGKILL },                             { R, R, R, F } },
                { { .status = SIGTERM },                             { R, R, R, F } },
                { { .status = SIGSEGV | 0x80 },                      { R, R, R, F } },
                { { .status = EXITED(0), .condemned = true },        { R, R, R, F } },
                { { .status = SIGKILL, .condemned = true },          { R, R, R, F } },
                { { .spawn_failed = true },                          { R, R, F, F } },
                { { .spawn_failed = true, .refused = true },         { F, F, F, F } },
                { { .status = EXITED(0), .on_demand = true },        { D, D, D, D } },
                { { .status = EXITED(1), .on_demand = true },        { R, R, F, F } },
                { { .status = SIGKILL, .on_demand = true },          { R, R, R, F } },
                { { .spawn_failed = true, .status = SIGKILL },       { R, R, F, F } },
        };
        static const struct restart_rules none;
        static const enum instance_state by_itself[] = { INSTANCE_STARTING, INSTANCE_READY };
        static const enum instance_state by_us[] = { INSTANCE_DRAINING, INSTANCE_STOPPING };

        ck_assert(WIFSIGNALED(SIGSEGV | 0x80) && WEXITSTATUS(EXITED(255)) == 255);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                for (enum restart_policy p = 0; p < _RESTART_POLICY_N; p++)
                        for (size_t k = 0; k < 2; k++) {
                                struct restart_end end = cases[i].end;

                                end.state = by_itself[k];
                                ck_assert_int_eq(restart_decide(p, &none, &end), RESTART_VERDICT_DONE);
                                end.wanted = true;
                                ck_assert_msg((int)restart_decide(p, &none, &end) == cases[i].verdicts[p],
                                              "case %zu, policy %d", i, (int)p);
                                end.state = by_us[k];
                                ck_assert_int_eq(restart_decide(p, &none, &end), RESTART_VERDICT_START);
                                end.wanted = false;
                                ck_assert_int_eq(restart_decide(p, &none, &end), RESTART_VERDICT_DONE);
                        }
}
END_TEST

START_TEST(a_crash_loop_backs_off_and_gives_up) {
        const struct restart_options options = {
                .policy = RESTART_ALWAYS,
                .backoff = { 100 * USEC_PER_MSEC, 5 * USEC_PER_SEC },
                .limit = 4,
                .limit_period_usec = 60 * USEC_PER_SEC,
        };
        const struct restart_end end = { .status = EXITED(0), .state = INSTANCE_READY, .wanted = true };
        struct restart_history h = RESTART_HISTORY_NULL;
        uint64_t now = USEC_PER_SEC, before = 0;
        struct restart_plan plan;

        plan = restart_plan(&options, &h, &end, now, 0);
        ck_assert_int_eq(plan.event, INSTANCE_EV_EXITED_RESTART);
        for (int i = 1; i < 4; i++) {
                plan = restart_plan(&options, &h, &end, now += plan.delay_usec, 0);
                ck_assert_int_eq(plan.event, INSTANCE_EV_EXITED_BACKOFF);
                ck_assert_uint_gt(plan.delay_usec, before);
                ck_assert(!plan.limited);
                before = plan.delay_usec;
        }
        plan = restart_plan(&options, &h, &end, now, 0);
        ck_assert_int_eq(plan.event, INSTANCE_EV_EXITED_GIVE_UP);
        ck_assert(plan.limited && plan.delay_usec == 0);
        ck_assert_uint_eq(h.restarts, 4);

        /* By hand: as if nothing had been. */
        restart_history_forgive(&h);
        ck_assert_int_eq(restart_plan(&options, &h, &end, now, 0).event, INSTANCE_EV_EXITED_RESTART);
        ck_assert_uint_eq(h.restarts, 5);
        restart_history_done(&h);
}
END_TEST

START_TEST(what_we_end_ourselves_counts_for_nothing) {
        const struct restart_options options = {
                .policy = RESTART_NEVER,
                .limit = 1,
                .limit_period_usec = USEC_INFINITY,
        };
        const struct restart_end end = { .status = SIGKILL, .state = INSTANCE_STOPPING, .wanted = true };
        struct restart_history h = RESTART_HISTORY_NULL;

        for (uint64_t i = 0; i < 100; i++) {
                struct restart_plan plan = restart_plan(&options, &h, &end, i, i);

                ck_assert_int_eq(plan.event, INSTANCE_EV_EXITED_RESTART);
                ck_assert(!plan.limited && !plan.loops && plan.delay_usec == 0);
        }
        ck_assert(h.failures == 0 && h.restarts == 0 && h.limit.n == 0 && h.loop.n == 0);
        restart_history_done(&h);
}
END_TEST

static struct exit_set set_of(const char *end) {
        struct exit_set set = EXIT_SET_NULL;

        if (end)
                ck_assert_int_eq(exit_set_add(&set, end), 0);
        return set;
}

/* What each list does, for each policy; and that all three say nothing of what we did ourselves. */
START_TEST(rules_decide_as_documented) {
        enum { D = RESTART_VERDICT_DONE, R = RESTART_VERDICT_RETRY, F = RESTART_VERDICT_FAILED };
        static const struct {
                const char *success, *prevent, *force;
                struct restart_end end;
                int verdicts[_RESTART_POLICY_N];
        } cases[] = {
                /*                                                    always on-failure on-abnormal never */
                { "75", NULL, NULL, { .status = EXITED(75) },                 { R, D, D, D } },
                { "TEMPFAIL", NULL, NULL, { .status = EXITED(75) },           { R, D, D, D } },
                { "75", NULL, NULL, { .status = EXITED(76) },                 { R, R, F, F } },
                { "75", NULL, NULL, { .status = EXITED(0) },                  { R, D, D, D } },
                { "SIGUSR1", NULL, NULL, { .status = SIGUSR1 },               { R, D, D, D } },
                { "10", NULL, NULL, { .status = SIGUSR1 },                    { R, R, R, F } },
                { "SIGSEGV", NULL, NULL, { .status = SIGSEGV | 0x80 },        { R, D, D, D } },
                { NULL, "1", NULL, { .status = EXITED(1) },                   { F, F, F, F } },
                { NULL, "SIGKILL", NULL, { .status = SIGKILL },               { F, F, F, F } },
                { NULL, "SUCCESS", NULL, { .status = EXITED(0) },             { D, D, D, D } },
                { "3", "3", NULL, { .status = EXITED(3) },                    { D, D, D, D } },
                { NULL, NULL, "3", { .status = EXITED(3) },                   { R, R, R, R } },
                { NULL, NULL, "0", { .status = EXITED(0) },                   { R, R, R, R } },
                { NULL, NULL, "USR2", { .status = SIGUSR2 },                  { R, R, R, R } },
                { NULL, "3", "3", { .status = EXITED(3) },                    { F, F, F, F } },
                { "3", NULL, "3", { .status = EXITED(3) },                    { R, R, R, R } },
                { "KILL", "KILL", NULL, { .status = SIGKILL, .condemned = true }, { R, R, R, F } },
                { NULL, NULL, "KILL", { .status = SIGKILL, .condemned = true }, { R, R, R, F } },
                { "0", "0", NULL, { .spawn_failed = true },                   { R, R, F, F } },
                { NULL, NULL, "0", { .spawn_failed = true },                  { R, R, F, F } },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                for (enum restart_policy p = 0; p < _RESTART_POLICY_N; p++) {
                        struct restart_rules rules = { set_of(cases[i].success), set_of(cases[i].prevent),
                                                       set_of(cases[i].force) };
                        struct restart_end end = cases[i].end;

                        end.state = INSTANCE_READY;
                        ck_assert_int_eq(restart_decide(p, &rules, &end), RESTART_VERDICT_DONE);
                        end.wanted = true;
                        ck_assert_msg((int)restart_decide(p, &rules, &end) == cases[i].verdicts[p], "case %zu, policy %d",
                                      i, (int)p);
                        end.state = INSTANCE_STOPPING;
                        ck_assert_int_eq(restart_decide(p, &rules, &end), RESTART_VERDICT_START);
                }
}
END_TEST

/* Every end there is, against a list that has all ends but it, and one that has it alone. */
START_TEST(each_list_has_what_it_names_and_nothing_else) {
        for (int a = 0; a < 256 + 64; a++) {
                struct restart_rules rules = { 0 };
                char text[SIGNAL_FORMAT_MAX];

                snprintf(text, sizeof text, "%d", a);
                if (a >= 256)
                        signal_format(text, sizeof text, a - 255);
                if (a >= 256 && a - 255 >= 32 && a - 255 < SIGRTMIN)
                        continue; /* those that the C library keeps for itself */
                rules.prevent = set_of(text);
                for (int b = 0; b < 256 + 64; b++) {
                        struct restart_end end = {
                                .status = b < 256 ? EXITED(b) : b - 255, .state = INSTANCE_READY, .wanted = true,
                        };
                        bool again = restart_decide(RESTART_ALWAYS, &rules, &end) == RESTART_VERDICT_RETRY;

                        ck_assert_msg(again == (a != b), "%d in a list of %s", b, text);
                }
        }
}
END_TEST

/* One crash each 11 s, with a limit of 5/10s: the limit never gives up, and yet it is told, ever more seldom. */
START_TEST(a_slow_crash_loop_is_told) {
        const struct restart_options options = {
                .policy = RESTART_ALWAYS,
                .backoff = { 100 * USEC_PER_MSEC, 30 * USEC_PER_SEC },
                .limit = 5,
                .limit_period_usec = 10 * USEC_PER_SEC,
        };
        struct restart_end end = {
                .status = EXITED(1), .state = INSTANCE_READY, .wanted = true,
                .ready_usec = 11 * USEC_PER_SEC, .ran_usec = 11 * USEC_PER_SEC,
        };
        struct restart_history h = RESTART_HISTORY_NULL;
        struct restart_plan plan;
        uint64_t now = USEC_PER_SEC;
        unsigned int told = 0;

        for (unsigned int i = 1; i <= 3 * 3600 / 11; i++) {
                plan = restart_plan(&options, &h, &end, now += end.ran_usec, 0);
                ck_assert(!plan.limited);
                told += plan.loops;
                ck_assert_int_eq(plan.loops, i == 10 || i == 20 || i == 40 || i == 80 || i == 160 || i == 320 || i == 640);
                ck_assert_int_eq(crash_loop_holds(&h.loop, 5 * USEC_PER_SEC), i >= 10);
        }
        ck_assert_uint_eq(told, 7);
        ck_assert_uint_eq(h.loop.since_usec, 12 * USEC_PER_SEC);
        /* It is over once a process runs for long; what ends it is no part of a new one. */
        ck_assert(!crash_loop_holds(&h.loop, CRASH_LOOP_RUN_USEC));
        end.ran_usec = CRASH_LOOP_RUN_USEC;
        ck_assert(!restart_plan(&options, &h, &end, now += end.ran_usec, 0).loops);
        ck_assert_uint_eq(h.loop.n, 1);
        restart_history_done(&h);
}
END_TEST

START_TEST(what_ends_well_is_no_crash_loop) {
        const struct restart_options options = {
                .policy = RESTART_ALWAYS, .rules.success = set_of("75"),
        };
        struct restart_end end = { .state = INSTANCE_READY, .wanted = true, .ran_usec = USEC_PER_SEC };
        struct restart_history h = RESTART_HISTORY_NULL;

        for (uint64_t i = 1; i < 100; i++) {
                end.status = i % CRASH_LOOP_ENDS == 0 ? EXITED(75) : i % CRASH_LOOP_ENDS == 1 ? EXITED(0) : SIGSEGV;
                ck_assert(!restart_plan(&options, &h, &end, i * USEC_PER_SEC, 0).loops);
                ck_assert(!crash_loop_holds(&h.loop, 0));
        }
        restart_history_done(&h);
}
END_TEST

/* A worker with any options and any fate, under the table. */
struct life {
        struct sequence s;
        struct restart_options options;
        struct restart_history h;
        enum instance_state state;
        bool wanted;
        uint64_t now;
};

static void apply(struct life *l, enum instance_event event) {
        struct transition t;

        ck_assert_msg(instance_transition(l->state, event, &t) == 0, "%s in %s", instance_event_name(event),
                      instance_state_name(l->state));
        l->wanted = instance_event_wants(event, l->wanted);
        l->state = t.next;
}

static const char *random_end(struct sequence *s) {
        static const char *const ends[] = { NULL, "SUCCESS", "1", "75", "KILL", "SEGV", "USR1" };

        return ends[sequence_below(s, ARRAY_SIZE(ends))];
}

static void end_process(struct life *l, uint64_t ready_usec) {
        static const int statuses[] = { EXITED(0), EXITED(1), SIGKILL, SIGSEGV, EXITED(75), SIGUSR1 };
        struct restart_end end = {
                .spawn_failed = ready_usec == 0 && sequence_below(&l->s, 8) == 0,
                .condemned = l->state == INSTANCE_STARTING && sequence_below(&l->s, 4) == 0,
                .status = statuses[sequence_below(&l->s, ARRAY_SIZE(statuses))],
                .state = l->state,
                .wanted = l->wanted,
                .ready_usec = ready_usec,
                .ran_usec = ready_usec,
        };
        uint32_t restarts = l->h.restarts;
        struct restart_plan plan = restart_plan(&l->options, &l->h, &end, l->now, sequence_next(&l->s));

        ck_assert((plan.event == INSTANCE_EV_EXITED_BACKOFF) == (plan.delay_usec > 0));
        ck_assert(!plan.limited || plan.event == INSTANCE_EV_EXITED_GIVE_UP);
        ck_assert(l->wanted || plan.event == INSTANCE_EV_EXITED_DONE);
        ck_assert(!plan.loops || l->h.loop.n >= CRASH_LOOP_ENDS);
        ck_assert_uint_le(plan.delay_usec, MAX(l->options.backoff.delay_usec, l->options.backoff.delay_max_usec));
        ck_assert_uint_le(l->h.restarts, restarts + 1);
        apply(l, plan.event);
        l->now += plan.delay_usec;
        if (l->state == INSTANCE_BACKOFF)
                apply(l, INSTANCE_EV_TIMEOUT);
}

/* One process: it starts, is perhaps ready, is perhaps asked something, ends. */
static void live_once(struct life *l) {
        uint64_t ready_usec = 0;

        l->now += 1 + sequence_below(&l->s, 50 * USEC_PER_MSEC);
        if (sequence_below(&l->s, 3)) {
                apply(l, INSTANCE_EV_READY);
                ready_usec = 1 + sequence_wide(&l->s) % (24 * 3600 * USEC_PER_SEC);
                l->now += ready_usec;
        }
        if (sequence_below(&l->s, 10) == 0)
                apply(l, INSTANCE_EV_RESTART);
        if (sequence_below(&l->s, 50) == 0)
                apply(l, INSTANCE_EV_STOP);
        end_process(l, ready_usec);
        if (l->state == INSTANCE_DOWN || l->state == INSTANCE_FAILED) {
                l->now += sequence_below(&l->s, 3600 * USEC_PER_SEC);
                restart_history_forgive(&l->h);
                apply(l, INSTANCE_EV_START);
        }
        ck_assert_int_eq(l->state, INSTANCE_STARTING);
}

START_TEST(a_year_of_any_worker_keeps_to_the_rules) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
                struct life l = { .s = SEQUENCE(seed), .state = INSTANCE_DOWN, .now = USEC_PER_SEC };

                l.options = (struct restart_options){
                        .policy = (enum restart_policy)sequence_below(&l.s, _RESTART_POLICY_N),
                        .backoff = { sequence_wide(&l.s) % (60 * USEC_PER_SEC),
                                     sequence_wide(&l.s) % (600 * USEC_PER_SEC) },
                        .rules = { set_of(random_end(&l.s)), set_of(random_end(&l.s)), set_of(random_end(&l.s)) },
                        .limit = (uint32_t)sequence_below(&l.s, 10),
                        .limit_period_usec = sequence_wide(&l.s) % (3600 * USEC_PER_SEC),
                };
                apply(&l, INSTANCE_EV_START);
                for (int i = 0; i < ENDS_MAX && l.now < YEAR_USEC; i++)
                        live_once(&l);
                restart_history_done(&l.h);
        }
}
END_TEST

/* The worst worker there is: ends at once, or just after a row would end; no limit. */
START_TEST(nobody_restarts_faster_than_the_back_off) {
        const struct restart_options options = {
                .policy = RESTART_ALWAYS,
                .backoff = { 100 * USEC_PER_MSEC, 30 * USEC_PER_SEC },
        };

        for (uint64_t seed = 0; seed < SEEDS; seed++) {
                struct sequence s = SEQUENCE(seed);
                struct restart_history h = RESTART_HISTORY_NULL;
                uint64_t now = USEC_PER_SEC, hour = now, restarts = 0;

                for (int i = 0; i < ENDS_MAX; i++) {
                        struct restart_end end = {
                                .status = EXITED(1), .state = INSTANCE_READY, .wanted = true,
                        };

                        end.ready_usec = sequence_below(&s, 6) ? 1 : BACKOFF_RESET_USEC;
                        now += end.ready_usec;
                        now += restart_plan(&options, &h, &end, now, sequence_next(&s)).delay_usec;
                        restarts++;
                        if (now < hour + 3600 * USEC_PER_SEC)
                                continue;
                        /* A row of 7 takes 4.7 s at least, and 10 s more to begin the next. */
                        ck_assert_uint_lt(restarts, 1800);
                        hour = now;
                        restarts = 0;
                }
                restart_history_done(&h);
        }
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("restart", policies_decide_as_documented, rules_decide_as_documented,
                                         each_list_has_what_it_names_and_nothing_else, a_slow_crash_loop_is_told,
                                         what_ends_well_is_no_crash_loop,
                                         a_crash_loop_backs_off_and_gives_up,
                                         what_we_end_ourselves_counts_for_nothing,
                                         a_year_of_any_worker_keeps_to_the_rules,
                                         nobody_restarts_faster_than_the_back_off));
}
