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

enum restart_verdict restart_decide(enum restart_policy policy, const struct restart_end *end) {
        bool again;

        if (!end->wanted)
                return RESTART_VERDICT_DONE;
        if (end->state == INSTANCE_DRAINING || end->state == INSTANCE_STOPPING)
                return RESTART_VERDICT_START;

        if (end->condemned || (!end->spawn_failed && WIFSIGNALED(end->status)))
                again = policies[policy].abnormal;
        else if (end->spawn_failed || WEXITSTATUS(end->status) != 0)
                again = policies[policy].failure;
        else
                return policies[policy].done ? RESTART_VERDICT_RETRY : RESTART_VERDICT_DONE;
        return again ? RESTART_VERDICT_RETRY : RESTART_VERDICT_FAILED;
}

void restart_history_done(struct restart_history *h) {
        restart_limit_done(&h->limit);
}

void restart_history_forgive(struct restart_history *h) {
        h->failures = 0;
        restart_limit_clear(&h->limit);
}

static enum instance_event retry(const struct restart_options *options, struct restart_history *h,
                                 const struct restart_end *end, uint64_t now, uint64_t random,
                                 uint64_t *ret_delay_usec, bool *ret_limited) {
        uint64_t delay;

        if (backoff_resets(&options->backoff, h->failures, end->ready_usec))
                h->failures = 0;
        if (!restart_limit_admit(&h->limit, options->limit, options->limit_period_usec, now)) {
                *ret_limited = true;
                return INSTANCE_EV_EXITED_GIVE_UP;
        }

        delay = backoff_delay(&options->backoff, h->failures, random);
        if (h->failures < UINT32_MAX)
                h->failures++;
        h->restarts++;
        *ret_delay_usec = delay;
        return delay ? INSTANCE_EV_EXITED_BACKOFF : INSTANCE_EV_EXITED_RESTART;
}

enum instance_event restart_plan(const struct restart_options *options, struct restart_history *h,
                                 const struct restart_end *end, uint64_t now, uint64_t random,
                                 uint64_t *ret_delay_usec, bool *ret_limited) {
        *ret_delay_usec = 0;
        *ret_limited = false;

        switch (restart_decide(options->policy, end)) {
        case RESTART_VERDICT_START:
                return INSTANCE_EV_EXITED_RESTART;
        case RESTART_VERDICT_RETRY:
                return retry(options, h, end, now, random, ret_delay_usec, ret_limited);
        case RESTART_VERDICT_FAILED:
                return INSTANCE_EV_EXITED_GIVE_UP;
        case RESTART_VERDICT_DONE:
        default:
                return INSTANCE_EV_EXITED_DONE;
        }
}
