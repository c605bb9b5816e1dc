/* SPDX-License-Identifier: MIT */
/*
 * What tells one process of an instance, and all that it starts, from every other
 */

#include "daemon/invocation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gang.h"
#include "daemon/proc.h"

void invocation_make(struct invocation *ret) {
        snprintf(ret->id, sizeof ret->id, "%016" PRIx64 "%016" PRIx64, gang_random(), gang_random());
}

void invocation_set(struct invocation *ret, const char *id) {
        size_t n = strlen(id);

        ret->id[0] = '\0';
        if (n == INVOCATION_DIGITS && strspn(id, "0123456789abcdef") == n)
                memcpy(ret->id, id, n + 1);
}

const char *invocation_keeper(char *buf, pid_t keeper) {
        struct proc_stat stat;

        snprintf(buf, INVOCATION_KEEPER_MAX, "%d.%" PRIu64, (int)keeper,
                 proc_read_stat(keeper, &stat) < 0 ? 0 : stat.started);
        return buf;
}
