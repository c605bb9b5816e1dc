/* SPDX-License-Identifier: MIT */

/*
 * What must hold of how a program runs: whether it ends by itself, and how it is known to be ready and well
 */

#include <string.h>

#include "base/time.h"
#include "daemon/config/checker.h"
#include "daemon/config/definition.h"
#include "daemon/config/keys.h"

/* ---- what ends by itself ----------------------------------------------------------------------- */

void check_kind_of_run(const struct checker *c, struct worker_definition *w) {
        static const char *const needs_every[] = { "overlap", "jitter" };
        bool every = w->every_usec != USEC_INFINITY;

        for (size_t i = 0; i < ARRAY_SIZE(needs_every); i++)
                if (was_written(c, needs_every[i]) && !every && !was_written(c, "every"))
                        complain(c, needs_every[i], "only with every = TIME");
        if (every && w->jitter_usec >= w->every_usec)
                complain(c, "jitter", "it is not less than every");
        if (w->remain && w->type != WORKER_ONESHOT && !is_doubtful(c, "type"))
                complain(c, "remain", "only with type = oneshot");
        if (w->remain && every)
                complain(c, "remain", "not with every: it would not be run again");
        if (w->remain && w->start == WORKER_START_ON_DEMAND)
                complain(c, "remain", "not with start = on-demand: what demands it would not be served again");
        if (w->type != WORKER_ONESHOT && !every)
                return;
        if (!was_written(c, "restart"))
                w->restart = RESTART_NEVER;
        else if (w->restart == RESTART_ALWAYS)
                complain(c, "restart", "not always with %s: it is to end",
                         w->type == WORKER_ONESHOT ? "type = oneshot" : "every");
        if (w->type != WORKER_ONESHOT)
                return;
        if (w->ready != WORKER_READY_IMMEDIATE)
                complain(c, "ready", "not with type = oneshot: it is ready when it has ended well");
        if (w->io != WORKER_IO_NONE)
                complain(c, "io", "not with type = oneshot: it serves messages for as long as it runs");
        if (!was_written(c, "ready-timeout"))
                w->ready_timeout_usec = config_key_find(CONFIG_WORKER, "ready-timeout")->max;
}

/* ---- what its end means for the daemon ----------------------------------------------------------- */

void check_end_actions(const struct checker *c, const struct end_actions *actions) {
        if (actions->success_status != INTEGER_UNSET && actions->success == END_ACTION_NONE &&
            !is_doubtful(c, "success-action"))
                complain(c, "success-action-exit-status", "only with success-action = exit");
        if (actions->failure_status != INTEGER_UNSET && actions->failure == END_ACTION_NONE &&
            !is_doubtful(c, "failure-action"))
                complain(c, "failure-action-exit-status", "only with failure-action = exit");
}

/* That which never comes is a mistake, and not what was meant. */
void check_end_action(const struct checker *c, const struct worker_definition *w) {
        check_end_actions(c, &w->end_actions);
        if (w->end_actions.success == END_ACTION_EXIT && w->restart == RESTART_ALWAYS && !is_doubtful(c, "restart") &&
            !was_written(c, "restart-prevent"))
                complain(c, "success-action", "not with restart = always: it is started again after every end");
        if (w->end_actions.success == END_ACTION_EXIT && w->remain)
                complain(c, "success-action", "not with remain: it counts as running when it has ended");
}

/* ---- how it is known to be ready and well --------------------------------------------------------- */

/* An address goes with its kind of probe. */
static void check_address(const struct checker *c, const char *key, const char *of, enum probe_kind kind,
                          const char *address) {
        struct probe_address parsed;

        if (kind == PROBE_EXEC)
                kind = PROBE_NONE;
        if (kind == PROBE_NONE && address && !is_doubtful(c, of))
                complain(c, key, "only with %s = tcp, unix or http", of);
        else if (kind != PROBE_NONE && !address && !was_written(c, key))
                complain(c, of, "%s is missing", key);
        else if (kind != PROBE_NONE && address && probe_address_parse(kind, address, &parsed) < 0)
                complain(c, key, "'%s' is not an address for %s = %s", address, of, probe_words[kind]);
}

/* So does a program. */
static void check_program(const struct checker *c, const char *key, const char *of, enum probe_kind kind,
                          char *const *program) {
        if (kind == PROBE_EXEC && !program[0] && !was_written(c, key))
                complain(c, of, "%s is missing", key);
        else if (kind != PROBE_EXEC && program[0] && !is_doubtful(c, of))
                complain(c, key, "only with %s = exec", of);
}

void check_probes(const struct checker *c, const struct worker_definition *w) {
        check_address(c, "ready-address", "ready", ready_probe(w->ready), w->ready_address);
        check_address(c, "health-address", "health", w->health, w->health_address);
        check_program(c, "ready-exec", "ready", ready_probe(w->ready), w->ready_exec);
        check_program(c, "health-exec", "health", w->health, w->health_exec);
        if (w->ready == WORKER_READY_LOG && !w->ready_log && !was_written(c, "ready-log"))
                complain(c, "ready", "ready-log is missing");
        if (w->ready != WORKER_READY_LOG && w->ready_log && !is_doubtful(c, "ready"))
                complain(c, "ready-log", "only with ready = log");
}

/* What a program says of itself. */
void check_ready(const struct checker *c, const struct worker_definition *w) {
        const struct {
                const char *key;
                bool is_set;
        } main_process_only[] = {
                { "ready-fd", w->ready_fd >= 0 },
                { "watchdog", w->watchdog_usec != USEC_INFINITY },
                { "fd-store-max", w->fd_store_max > 0 },
        };

        size_t n_before = count_worker_sockets(c, w) + w->fd_store_max;

        if (w->ready == WORKER_READY_FD && !was_written(c, "ready-fd"))
                complain(c, "ready", "ready-fd is missing");
        if (w->ready != WORKER_READY_FD && w->ready_fd >= 0 && !is_doubtful(c, "ready"))
                complain(c, "ready-fd", "only with ready = fd");
        if (w->ready_fd >= 0 && (size_t)w->ready_fd < 3 + n_before)
                complain(c, "ready-fd", "the descriptors from 3 to %zu are for its sockets and what is stored", 2 + n_before);
        for (size_t i = 0; i < ARRAY_SIZE(main_process_only) && w->io != WORKER_IO_NONE; i++)
                if (main_process_only[i].is_set)
                        complain(c, main_process_only[i].key, "not with io = %s, where the bridge is the main process",
                                 worker_io_name(w->io));
}
