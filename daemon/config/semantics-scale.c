/* SPDX-License-Identifier: MIT */
/*
 * How many instances: spares, and scaling by itself
 */

#include "daemon/config/checker.h"

/* A pipe of which this worker has an end; NULL: none. */
static const char *find_pipe(const struct checker *c, char *const *names) {
        for (; *names; names++) {
                const struct object_definition *ring = config_object(c->config, *names);

                if (ring && ring->section == CONFIG_RING && ring->kind == OBJECT_PIPE)
                        return ring->name;
        }
        return NULL;
}

/* Does its program know of us, as far as can be seen? */
static bool uses_library(const struct checker *c, const struct worker_definition *w) {
        static const char *const keys[] = { "io", "receive", "send", "serve", "call", "use" };

        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
                if (was_written(c, keys[i]))
                        return true;
        return w->ready == WORKER_READY_LIBRARY;
}

void check_standby(const struct checker *c, const struct worker_definition *w) {
        const char *pipe = find_pipe(c, w->receive) ?: find_pipe(c, w->send);

        if (w->standby == 0)
                return;
        if (!uses_library(c, w))
                complain(c, "standby", "a program that neither has rings or locks, nor io, nor ready = library, cannot know that it is "
                         "a spare");
        if (pipe)
                complain(c, "standby", "ring '%s' is a pipe, of which one process can have an end", pipe);
        if (w->type == WORKER_ONESHOT)
                complain(c, "standby", "not with type = oneshot: one that ends needs no spare");
        if (w->start != WORKER_START_BOOT && !is_doubtful(c, "start"))
                complain(c, "standby", "only with start = boot: a spare runs already");
        if (w->instances + w->standby > CONFIG_INSTANCES_MAX)
                complain(c, "standby", "with instances that is more than %u", CONFIG_INSTANCES_MAX);
}
