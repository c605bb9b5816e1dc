/* SPDX-License-Identifier: MIT */

/*
 * What must hold of how a program is known to work: what it holds, and what it counts, can be seen
 */

#include "base/time.h"
#include "daemon/config/checker.h"
#include "daemon/config/definition.h"

/* Whether it takes anything that is leased; in doubt (a ring that is not defined, which is told elsewhere) yes. */
static bool takes_leases(const struct checker *c, const struct worker_definition *w) {
        for (char *const *name = w->receive; *name; name++) {
                const struct object_definition *ring = config_object(c->config, *name);

                if (!ring || ring->kind == OBJECT_QUEUE)
                        return true;
        }
        return w->serve[0] || is_doubtful(c, "receive") || is_doubtful(c, "serve");
}

void check_liveness(const struct checker *c, const struct worker_definition *w) {
        if (w->stall_timeout_usec != USEC_INFINITY && !takes_leases(c, w))
                complain(c, "stall-timeout", "it receives from no queue, and serves no service");
        if (w->heartbeat_usec != USEC_INFINITY && w->io != WORKER_IO_NONE)
                complain(c, "heartbeat", "not with io = %s: the program must use libganger", worker_io_name(w->io));
}
