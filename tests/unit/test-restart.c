/* SPDX-License-Identifier: MIT */
/* Restart policy: the table of verdicts, and a simulated year of a worker with the state table around it. */

#include <signal.h>
#include <sys/wait.h>

#include "base/cleanup.h"
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
                { { .spawn_failed = true, .status = SIGKILL },       { R, R, F, F } },
        };
        static const enum instance_state by_itself[] = { INSTANCE_STARTING, INSTANCE_READY };
        static const enum instance_state by_us[] = { INSTANCE_DRAINING, INSTANCE_STOPPING };

        ck_assert(WIFSIGNALED(SIGSEGV | 0x80) && WEXITSTATUS(EXITED(255)) == 255);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                for (enum restart_policy p = 0; p < _RESTART_POLICY_N; p++)
                        for (size_t k = 0; k < 2; k++) {
                                struct restart_end end = cases[i].end;

                                end.state = by_itself[k];
                                ck_assert_int_eq(restart_decide(p, &end), RESTART_VERDICT_DONE);
                                end.wanted = true;
                                ck_assert_msg((int)restart_decide(p, &end) == cases[i].verdicts[p],
                                              "case %zu, policy %d", i, (int)p);
                                end.state = by_us[k];
                                ck_assert_int_eq(restart_decide(p, &end), RESTART_VERDICT_START);
                                end.wanted = false;
                                ck_assert_int_eq(restart_decide(p, &end), RESTART_VERDICT_DONE);
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
        uint64_t now = USEC_PER_SEC, delay, before = 0;
        bool limited;

        ck_assert_int_eq(restart_plan(&options, &h, &end, now, 0, &delay, &limited),
                         INSTANCE_EV_EXITED_RESTART);
        for (int i = 1; i < 4; i++) {
                ck_assert_int_eq(restart_plan(&options, &h, &end, now += delay, 0, &delay, &limited),
                                 INSTANCE_EV_EXITED_BACKOFF);
                ck_assert_uint_gt(delay, before);
                ck_assert(!limited);
                before = delay;
        }
        ck_assert_int_eq(restart_plan(&options, &h, &end, now, 0, &delay, &limited),
                         INSTANCE_EV_EXITED_GIVE_UP);
        ck_assert(limited && delay == 0);
        ck_assert_uint_eq(h.restarts, 4);

        /* By hand: as if nothing had been. */
        restart_history_forgive(&h);
        ck_assert_int_eq(restart_plan(&options, &h, &end, now, 0, &delay, &limited),
                         INSTANCE_EV_EXITED_RESTART);
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
                uint64_t delay;
                bool limited;

                ck_assert_int_eq(restart_plan(&options, &h, &end, i, i, &delay, &limited),
                                 INSTANCE_EV_EXITED_RESTART);
                ck_assert(!limited && delay == 0);
        }
        ck_assert(h.failures == 0 && h.restarts == 0 && h.limit.n == 0);
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

static void end_process(struct life *l, uint64_t ready_usec) {
        static const int statuses[] = { EXITED(0), EXITED(1), SIGKILL, SIGSEGV };
        struct restart_end end = {
                .spawn_failed = ready_usec == 0 && sequence_below(&l->s, 8) == 0,
                .condemned = l->state == INSTANCE_STARTING && sequence_below(&l->s, 4) == 0,
                .status = statuses[sequence_below(&l->s, ARRAY_SIZE(statuses))],
                .state = l->state,
                .wanted = l->wanted,
                .ready_usec = ready_usec,
        };
        uint32_t restarts = l->h.restarts;
        enum instance_event event;
        uint64_t delay;
        bool limited;

        event = restart_plan(&l->options, &l->h, &end, l->now, sequence_next(&l->s), &delay, &limited);
        ck_assert((event == INSTANCE_EV_EXITED_BACKOFF) == (delay > 0));
        ck_assert(!limited || event == INSTANCE_EV_EXITED_GIVE_UP);
        ck_assert(l->wanted || event == INSTANCE_EV_EXITED_DONE);
        ck_assert_uint_le(delay, MAX(l->options.backoff.delay_usec, l->options.backoff.delay_max_usec));
        ck_assert_uint_le(l->h.restarts, restarts + 1);
        apply(l, event);
        l->now += delay;
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
                        uint64_t delay;
                        bool limited;

                        end.ready_usec = sequence_below(&s, 6) ? 1 : BACKOFF_RESET_USEC;
                        now += end.ready_usec;
                        restart_plan(&options, &h, &end, now, sequence_next(&s), &delay, &limited);
                        now += delay;
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
        return harness_run(HARNESS_SUITE("restart", policies_decide_as_documented,
                                         a_crash_loop_backs_off_and_gives_up,
                                         what_we_end_ourselves_counts_for_nothing,
                                         a_year_of_any_worker_keeps_to_the_rules,
                                         nobody_restarts_faster_than_the_back_off));
}
