/* SPDX-License-Identifier: MIT */

/*
 * Restart policy
 *
 * The one place that decides whether and when an ended process has a successor.
 *
 * Invariant: whatever is not wanted stays down; whatever is started again by policy was granted by the
 * limit; and no order of ends makes an instance restart more often than its back-off allows.
 */

#include "daemon/policy/restart.h"

#include <sys/wait.h>

static const struct {
        bool done, failure, abnormal;   /* after which it starts again */
} policies[_RESTART_POLICY_N] = {
        [RESTART_ALWAYS]      = { true,  true,  true },
        [RESTART_ON_FAILURE]  = { false, true,  true },
        [RESTART_ON_ABNORMAL] = { false, false, true },
        [RESTART_NEVER]       = { false, false, false },
};

/* Is it an end of which the rules can speak, and does a set have it? */
static bool matches(const struct exit_set *set, const struct restart_end *end) {
        return !end->spawn_failed && !end->condemned && exit_set_has(set, end->status);
}

bool restart_end_is_good(const struct restart_rules *rules, const struct restart_end *end) {
        if (end->spawn_failed || end->condemned)
                return false;
        return (WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0) || exit_set_has(&rules->success, end->status);
}

static bool policy_retries(enum restart_policy policy, const struct restart_rules *rules, const struct restart_end *end) {
        if (restart_end_is_good(rules, end))
                return policies[policy].done && !end->on_demand;
        if (end->condemned || (!end->spawn_failed && WIFSIGNALED(end->status)))
                return policies[policy].abnormal;
        return policies[policy].failure;
}

enum restart_verdict restart_decide(enum restart_policy policy, const struct restart_rules *rules,
                                    const struct restart_end *end) {
        if (!end->wanted)
                return RESTART_VERDICT_DONE;
        if (end->state == INSTANCE_DRAINING || end->state == INSTANCE_STOPPING)
                return RESTART_VERDICT_START;
        if (end->refused)
                return RESTART_VERDICT_FAILED;
        if (!matches(&rules->prevent, end) && (matches(&rules->force, end) || policy_retries(policy, rules, end)))
                return RESTART_VERDICT_RETRY;
        return restart_end_is_good(rules, end) ? RESTART_VERDICT_DONE : RESTART_VERDICT_FAILED;
}

void restart_history_done(struct restart_history *h) {
        restart_limit_done(&h->limit);
}

void restart_history_forgive(struct restart_history *h) {
        h->failures = 0;
        restart_limit_clear(&h->limit);
        h->loop = CRASH_LOOP_NULL;
}

static void retry(const struct restart_options *options, struct restart_history *h, const struct restart_end *end,
                  uint64_t now, uint64_t random, struct restart_plan *plan) {
        if (backoff_resets(&options->backoff, h->failures, end->ready_usec))
                h->failures = 0;
        if (!restart_limit_admit(&h->limit, options->limit, options->limit_period_usec, now)) {
                plan->limited = true;
                plan->event = INSTANCE_EV_EXITED_GIVE_UP;
                return;
        }

        plan->delay_usec = backoff_delay(&options->backoff, h->failures, random);
        if (h->failures < UINT32_MAX)
                h->failures++;
        h->restarts++;
        plan->event = plan->delay_usec ? INSTANCE_EV_EXITED_BACKOFF : INSTANCE_EV_EXITED_RESTART;
}

struct restart_plan restart_plan(const struct restart_options *options, struct restart_history *h,
                                 const struct restart_end *end, uint64_t now, uint64_t random) {
        enum restart_verdict verdict = restart_decide(options->policy, &options->rules, end);
        struct restart_plan plan = { .event = INSTANCE_EV_EXITED_DONE };

        /* What we ended ourselves says nothing of the program. */
        if (end->wanted && verdict != RESTART_VERDICT_START)
                plan.loops = crash_loop_note(&h->loop, !restart_end_is_good(&options->rules, end), end->ran_usec, now);
        if (verdict == RESTART_VERDICT_START)
                plan.event = INSTANCE_EV_EXITED_RESTART;
        else if (verdict == RESTART_VERDICT_RETRY)
                retry(options, h, end, now, random, &plan);
        else if (verdict == RESTART_VERDICT_FAILED)
                plan.event = INSTANCE_EV_EXITED_GIVE_UP;
        return plan;
}
