/* SPDX-License-Identifier: MIT */
/*
 * What the end of one means for those that belong together
 *
 * What must hold, and test-group.c shows: a group never starts something again more often than its limit allows, and each
 * question ends at one group.
 */

#include "daemon/policy/group.h"

#include <stddef.h>

/** Does the group go on without a child that gave up? */
static bool goes_on_without(const struct group_policy *group) {
        return group->limit == 0 && group->strategy == GROUP_ONE_FOR_ONE;
}

/** May it start something again? @param gave_up  a child that was given up is, only where that is counted. */
static bool may_restart(struct group_policy *group, bool gave_up, uint64_t now) {
        if (gave_up && group->limit == 0)
                return false;
        return restart_limit_admit(&group->history, group->limit, group->limit_period_usec, now);
}

struct group_verdict group_decide(struct group_policy *group, bool gave_up, uint64_t now) {
        struct group_policy *child = NULL;

        for (; group; child = group, group = group->parent, gave_up = true) {
                if (gave_up && goes_on_without(group))
                        break;
                if (!may_restart(group, gave_up, now))
                        continue;
                if (!gave_up && group->strategy == GROUP_ONE_FOR_ONE)
                        return (struct group_verdict){ GROUP_AS_PLANNED, NULL, NULL };
                return (struct group_verdict){ GROUP_RESTART, group, child };
        }
        if (!child)
                return (struct group_verdict){ GROUP_AS_PLANNED, NULL, NULL };
        return (struct group_verdict){ GROUP_FAIL, child, NULL };
}
