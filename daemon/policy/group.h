/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_POLICY_GROUP_H
#define GANGER_DAEMON_POLICY_GROUP_H

/*
 * What the end of one means for those that belong together
 *
 * The supervision strategies of Erlang/OTP, on a tree of groups. An instance that its own worker's policy would start
 * again asks its group, and so does one that gave up; a group that gives up asks its parent. Where OTP's supervisors
 * have but one limit, a worker here may have one of its own, too.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/policy/limit.h"

/** Who is started again when a member must be. */
enum group_strategy {
        GROUP_ONE_FOR_ONE,              /* that one */
        GROUP_ONE_FOR_ALL,              /* all of the group */
        GROUP_REST_FOR_ONE,             /* that one, and those that are defined after it */
        _GROUP_STRATEGY_N,
};

struct group_policy {
        struct group_policy *parent;    /* NULL: none */
        enum group_strategy strategy;
        uint32_t limit;                 /* N of restart-limit N/period; 0: none */
        uint64_t limit_period_usec;
        struct restart_limit history;   /* when something was started again by this group */
};

enum group_decision {
        GROUP_AS_PLANNED,               /* what the policy of the member says: nobody else is concerned */
        GROUP_RESTART,                  /* the strategy of `group` is applied to `child`, whose own limits start afresh */
        GROUP_FAIL,                     /* `group` gives up: all of it ends */
};

struct group_verdict {
        enum group_decision decision;
        struct group_policy *group;
        struct group_policy *child;     /* of GROUP_RESTART: the group in it that is concerned; NULL: the member */
};

/**
 * A member of a group has ended, and is to be started again, or gave up.
 *
 * To start something again counts in the limit of the group that does it, once, however many are concerned. A group whose
 * limit is exceeded gives up. One that has no limit gives up with a member that did, unless the strategy is one-for-one:
 * then the others go on without it.
 *
 * @param group  where the member is; NULL: in none.
 * @param now    CLOCK_MONOTONIC; never smaller than in an earlier call.
 */
struct group_verdict group_decide(struct group_policy *group, bool gave_up, uint64_t now);

#endif
