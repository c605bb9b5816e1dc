/* SPDX-License-Identifier: MIT */

/*
 * roll and upgrade: rolling restart, upgrade, promote, rollback
 *
 * All are answered at once, with how far it is. Whoever lost the answer asks again with the time at which it asked first:
 * what is under way since then, or has ended, is told of, and nothing is begun.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "daemon/control/calls.h"
#include "daemon/gang.h"
#include "daemon/group.h"
#include "daemon/release.h"
#include "daemon/roll.h"
#include "daemon/worker.h"

/* ---- the answer ---------------------------------------------------------------------------------- */

int call_fill_roll(struct call *call, const struct worker *worker, Ganger__V1__Roll **ret) {
        const struct roll *roll = worker->roll;
        Ganger__V1__Roll *m = arena_alloc(&call->arena, 1, sizeof *m);
        char *text = arena_alloc(&call->arena, ROLL_TEXT_MAX, 1);

        if (!m || !text)
                return -ENOMEM;
        ganger__v1__roll__init(m);
        roll_describe(worker, text, ROLL_TEXT_MAX);
        m->worker = worker->name;
        m->kind = (char *)roll_kind_name(roll->request.kind);
        m->phase = (char *)roll_state_name(roll);
        m->text = arena_text(&call->arena, text);
        m->reason = arena_text(&call->arena, roll->reason);
        if (!m->text || !m->reason)
                return -ENOMEM;
        m->by_hand = roll->by_hand;
        m->ready = roll_count_new(worker);
        m->wanted = worker->wanted;
        m->failures = roll_failures(worker);
        m->max_fail = roll->policy.max_fail;
        m->canary = roll->policy.canary;
        m->due_usec = roll->due_usec == USEC_INFINITY ? 0 : roll->due_usec;
        *ret = m;
        return 0;
}

/** @param all  of all workers, so of those that the peer may operate. */
static int answer(struct call *call, struct worker *const *workers, size_t n, bool all) {
        Ganger__V1__RollReply m = GANGER__V1__ROLL_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        int r = 0;

        m.rolls = arena_alloc(&call->arena, n, sizeof *m.rolls);
        if (!m.rolls)
                return -ENOMEM;
        for (size_t i = 0; i < n && r == 0; i++)
                if (workers[i]->roll)
                        r = call_fill_roll(call, workers[i], &m.rolls[m.n_rolls++]);
        if (r < 0)
                return r;
        reply.result_case = GANGER__V1__REPLY__RESULT_ROLL;
        reply.roll = &m;
        m.limited = all && !call_may_all(call);
        return call_reply(call, &reply, NULL, 0);
}

/* ---- whom it concerns ---------------------------------------------------------------------------- */

/** Those that were named, also by their groups, are picked. */
static int pick_names(struct call *call, char *const *names, size_t n_names) {
        for (size_t i = 0; i < n_names; i++) {
                struct worker *worker = worker_find(call->gang, names[i]);
                struct group *group = worker ? NULL : group_find(call->gang, names[i]);
                int r = call_permit_target(call, names[i]);

                if (r < 0)
                        return r;
                if (!worker && !group && instance_find(call->gang, names[i]))
                        return error_set(&call->error, -EINVAL, "'%s' is an instance: workers are rolled", names[i]);
                if (!worker && !group)
                        return call_unknown(call, names[i]);
                if (worker)
                        worker->picked = true;
                list_for_each(it, &call->gang->workers) {
                        struct worker *other = list_entry(it, struct worker, link);

                        if (group && group_has(group, other) && other->definition->type != WORKER_ONESHOT)
                                other->picked = true;
                }
        }
        return 0;
}

/** All that are to run, can be rolled, and are the peer's to roll. */
static int pick_all(struct call *call) {
        int r = call_permit_some(call);

        if (r < 0)
                return r;
        list_for_each(it, &call->gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                worker->picked = worker_is_wanted(worker) && worker->definition->type != WORKER_ONESHOT &&
                                 call_may_worker(call, worker);
        }
        return 0;
}

/** @return 0; or < 0, with nothing picked. */
static int collect(struct call *call, const Ganger__V1__RollRequest *m, struct worker ***ret, size_t *ret_n) {
        struct worker **workers = arena_alloc(&call->arena, call->gang->workers_by_name.n, sizeof *workers);
        size_t n = 0;
        int r = workers ? call_check_names(call, m->n_names) : -ENOMEM;

        if (r == 0 && m->all)
                r = pick_all(call);
        else if (r == 0)
                r = pick_names(call, m->names, m->n_names);
        list_for_each(it, &call->gang->workers) {
                struct worker *worker = list_entry(it, struct worker, link);

                if (worker->picked && r == 0)
                        workers[n++] = worker;
                worker->picked = false;
        }
        *ret = workers;
        *ret_n = n;
        return r;
}

/* ---- doing it ------------------------------------------------------------------------------------ */

/** Is its roll what was asked for then? */
static bool was_begun(const struct worker *worker, uint64_t asked_usec) {
        return worker->roll && asked_usec > 0 && worker->roll->request.asked_usec == asked_usec;
}

static bool was_answered(const struct worker *worker, uint64_t asked_usec) {
        return worker->roll && asked_usec > 0 && worker->roll->answered_usec == asked_usec;
}

static int restart(struct call *call, struct worker *worker, uint64_t asked_usec) {
        const struct roll_request request = {
                .kind = ROLL_RESTART, .asked_usec = asked_usec, .hold_usec = USEC_INFINITY,
        };

        return was_begun(worker, asked_usec) ? 0 : roll_begin(worker, &request, NULL, &call->error);
}

static int promote(struct call *call, struct worker *worker, uint64_t asked_usec) {
        if (was_answered(worker, asked_usec))
                return 0;
        if (!roll_is_active(worker) || worker->roll->policy.phase == ROLL_BACKWARD)
                return error_set(&call->error, -EINVAL, "worker '%s' has no upgrade under way that could be promoted",
                                 worker->name);
        roll_promote(worker, asked_usec);
        return 0;
}

static int begin_back(struct call *call, struct worker *worker, uint64_t asked_usec) {
        const struct roll_request request = {
                .kind = ROLL_BACK, .asked_usec = asked_usec, .hold_usec = USEC_INFINITY,
        };
        _cleanup_(release_freep) struct release *release = NULL;
        int r = roll_check(worker, &call->error);

        if (r >= 0)
                r = release_of_previous(&release, call->gang, worker, &call->error);
        if (r >= 0)
                r = roll_begin(worker, &request, release, &call->error);
        if (r >= 0)
                release = NULL;
        return r;
}

/** What is under way is taken back; else what was done last. */
static int back(struct call *call, struct worker *worker, uint64_t asked_usec) {
        if (was_answered(worker, asked_usec) || was_begun(worker, asked_usec))
                return 0;
        if (!roll_is_active(worker))
                return begin_back(call, worker, asked_usec);
        roll_take_back(worker, asked_usec);
        return 0;
}

static int do_one(struct call *call, struct worker *worker, const Ganger__V1__RollRequest *m) {
        switch (m->action) {
        case GANGER__V1__ROLL_ACTION__ROLL_RESTART:
                return restart(call, worker, m->before_usec);
        case GANGER__V1__ROLL_ACTION__ROLL_PROMOTE:
                return promote(call, worker, m->before_usec);
        case GANGER__V1__ROLL_ACTION__ROLL_BACK:
                return back(call, worker, m->before_usec);
        default:
                return error_set(&call->error, -EINVAL, "%s: there is no such action", call->name);
        }
}

int call_roll(struct call *call) {
        const Ganger__V1__RollRequest *m = call->request->roll;
        struct worker **workers;
        size_t n;
        int r;

        if (m->all ? m->n_names > 0 || m->action != GANGER__V1__ROLL_ACTION__ROLL_RESTART : m->n_names == 0)
                return error_set(&call->error, -EINVAL, "%s: either names or all", call->name);
        r = collect(call, m, &workers, &n);
        /* All that would be refused, before any is begun. */
        for (size_t i = 0; i < n && r == 0 && m->action == GANGER__V1__ROLL_ACTION__ROLL_RESTART; i++)
                if (!was_begun(workers[i], m->before_usec))
                        r = roll_check(workers[i], &call->error);
        for (size_t i = 0; i < n && r == 0; i++)
                r = do_one(call, workers[i], m);
        return r < 0 ? r : answer(call, workers, n, m->all);
}

/* ---- upgrade ------------------------------------------------------------------------------------- */

/** The words of the request, as a list that ends with NULL. */
static char **exec_of(struct call *call, const Ganger__V1__UpgradeRequest *m) {
        char **exec = arena_alloc(&call->arena, m->n_exec + 1, sizeof *exec);

        for (size_t i = 0; exec && i < m->n_exec; i++)
                exec[i] = m->exec[i];
        return exec;
}

static int make_release(struct call *call, struct worker *worker, struct release **ret, struct config_errors *errors) {
        const Ganger__V1__UpgradeRequest *m = call->request->upgrade;
        char **exec;

        if (m->n_exec == 0)
                return release_of_file(ret, call->gang, worker->name, errors);
        exec = exec_of(call, m);
        return exec ? release_of_exec(ret, call->gang, worker, exec, &call->error) : -ENOMEM;
}

int call_upgrade(struct call *call) {
        const Ganger__V1__UpgradeRequest *m = call->request->upgrade;
        _cleanup_(config_errors_done) struct config_errors errors = CONFIG_ERRORS_NULL;
        _cleanup_(release_freep) struct release *release = NULL;
        const struct roll_request request = {
                .kind = ROLL_UPGRADE, .asked_usec = m->before_usec, .canary = m->canary, .max_fail = m->max_fail,
                .hold_usec = m->hold_usec > 0 ? m->hold_usec : USEC_INFINITY, .from_file = m->n_exec == 0,
        };
        struct worker *worker = worker_find(call->gang, m->name);
        int r;

        /* Another program may do anything that its user may, and that is what the configuration is for. */
        r = m->n_exec > 0 ? call_permit_daemon(call, CONTROL_ADMIN) : call_permit_worker(call, m->name, worker);
        if (r < 0)
                return r;
        if (!worker)
                return call_unknown(call, m->name);
        if (was_begun(worker, m->before_usec))
                return answer(call, &worker, 1, false);
        if (m->hold_usec > 0 && m->canary == 0)
                return error_set(&call->error, -EINVAL, "%s: there is nothing to hold without canaries", call->name);
        r = roll_check(worker, &call->error);
        if (r == 0)
                r = make_release(call, worker, &release, &errors);
        if (r < 0 && errors.n > 0)
                return call_refuse_config(call, &errors);
        if (r == 0)
                r = roll_begin(worker, &request, release, &call->error);
        if (r < 0)
                return r;
        release = NULL;
        return answer(call, &worker, 1, false);
}
