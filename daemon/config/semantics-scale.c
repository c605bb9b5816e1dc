/* SPDX-License-Identifier: MIT */
/*
 * How many instances: spares, and scaling by itself
 */

#include "base/time.h"
#include "daemon/config/checker.h"
#include "daemon/config/keys.h"

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
                complain(c, "standby", "a program that neither has rings or locks, nor io, nor ready = library, cannot know "
                         "that it is a spare");
        if (pipe)
                complain(c, "standby", "ring '%s' is a pipe, of which one process can have an end", pipe);
        if (w->type == WORKER_ONESHOT)
                complain(c, "standby", "not with type = oneshot: one that ends needs no spare");
        if (w->start != WORKER_START_BOOT && !is_doubtful(c, "start"))
                complain(c, "standby", "only with start = boot: a spare runs already");
        if (w->instances_max + w->standby > CONFIG_INSTANCES_MAX)
                complain(c, "standby", "with instances that is more than %u", CONFIG_INSTANCES_MAX);
}

/* Something of which it can be told how much waits there. */
static bool has_backlog(const struct checker *c, const struct worker_definition *w) {
        for (char *const *name = w->receive; *name; name++) {
                const struct object_definition *ring = config_object(c->config, *name);

                if (!ring || (ring->section == CONFIG_RING && ring->kind == OBJECT_QUEUE))
                        return true;
        }
        return *w->serve != NULL;
}

void check_scaling(const struct checker *c, const struct worker_definition *w) {
        static const char *const keys[] = {
                "scale-on-depth", "scale-on-age", "scale-up-delay", "scale-down-delay", "scale-cool-down", "scale-step",
        };

        if (w->instances_max == w->instances) {
                for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
                        if (!key_is_initial(config_key_find(CONFIG_WORKER, keys[i]), w) && !is_doubtful(c, "instances"))
                                complain(c, keys[i], "only with instances = N..M");
                return;
        }
        if (!has_backlog(c, w))
                complain(c, "instances", "a range needs a queue to receive from, or a service to serve: by what waits there "
                         "it is decided");
        if (w->scale_on_depth == 0 && w->scale_on_age_usec == USEC_INFINITY)
                complain(c, "scale-on-depth", "without it, scale-on-age is needed");
        if (w->type == WORKER_ONESHOT)
                complain(c, "instances", "no range with type = oneshot");
}
