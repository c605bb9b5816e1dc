/* SPDX-License-Identifier: MIT */
/*
 * security: how exposed workers are
 *
 * Of a worker that runs, what is read back of its most exposed instance; of another one, what its definition says. Workers
 * in an answer, and instances of one that are looked at, are bounded: all is read while the manager does nothing else.
 */

#include <errno.h>
#include <string.h>

#include "daemon/control/calls.h"
#include "daemon/doctor/exposure.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/worker.h"

/** Workers in one answer; instances of one that are looked at, the first that run. */
#define SECURITY_WORKERS_MAX 16
#define SECURITY_INSTANCES_MAX 4

struct answer {
        struct call *call;
        size_t skip;                    /* workers yet to be passed over */
        Ganger__V1__SecurityReply reply;
        struct process_look own;
};

static int fill_checks(struct call *call, Ganger__V1__Exposure *m, const struct exposure_facts *facts) {
        Ganger__V1__ExposureCheck *checks = arena_alloc(&call->arena, exposure_rows(), sizeof *checks);

        m->checks = arena_alloc(&call->arena, exposure_rows(), sizeof *m->checks);
        if (!checks || !m->checks)
                return -ENOMEM;
        for (size_t i = 0; i < exposure_rows(); i++) {
                const struct exposure_row *row = exposure_row(i);

                ganger__v1__exposure_check__init(&checks[i]);
                checks[i].name = (char *)row->name;
                checks[i].missing = (char *)row->missing;
                checks[i].weight = row->weight;
                checks[i].badness = exposure_badness(i, facts);
                checks[i].share = exposure_share(i, facts);
                m->checks[m->n_checks++] = &checks[i];
        }
        return 0;
}

/* @return NULL: none runs. */
static const struct instance *look_at_instances(const struct answer *a, const struct worker *worker,
                                                struct exposure_facts *facts) {
        const struct instance *found = NULL;

        for (size_t i = 0, n = 0; i < worker->n_instances && n < SECURITY_INSTANCES_MAX; i++) {
                const struct instance *instance = worker->instances[i];
                struct exposure_facts these;
                struct process_look look;
                struct checks checks;

                if (instance->pid == 0)
                        continue;
                n++;
                if (process_look(instance->pid, &look) >= 0) {
                        checks_init(&checks, instance_definition(instance), &worker->gang->dynamic_users,
                                    worker->gang->runtime_dir, &a->own);
                        exposure_facts_of_process(&these, &checks, &look);
                        checks_done(&checks);
                        if (!found || exposure_of(&these) > exposure_of(facts)) {
                                *facts = these;
                                found = instance;
                        }
                }
                process_look_done(&look);
        }
        return found;
}

static void look_at_definition(const struct answer *a, const struct worker *worker, struct exposure_facts *facts) {
        struct checks checks;

        checks_init(&checks, worker->definition, &worker->gang->dynamic_users, worker->gang->runtime_dir, &a->own);
        exposure_facts_of_definition(facts, &checks);
        checks_done(&checks);
}

/* @return 1: there is no more room. */
static int add_worker(void *userdata, const struct worker *worker) {
        struct answer *a = userdata;
        const struct instance *instance;
        struct exposure_facts facts;
        Ganger__V1__Exposure *m;

        if (a->skip > 0) {
                a->skip--;
                return 0;
        }
        if (a->reply.n_workers == SECURITY_WORKERS_MAX) {
                a->reply.more = true;
                return 1;
        }
        m = arena_alloc(&a->call->arena, 1, sizeof *m);
        if (!m)
                return -ENOMEM;
        ganger__v1__exposure__init(m);
        a->reply.workers[a->reply.n_workers++] = m;
        instance = look_at_instances(a, worker, &facts);
        if (!instance)
                look_at_definition(a, worker, &facts);
        m->worker = worker->name;
        m->exposure = exposure_of(&facts);
        m->level = (char *)exposure_level(m->exposure);
        m->source = (char *)(instance ? "process" : "definition");
        m->key = (char *)(instance ? instance->key : "");
        m->pid = instance ? (int32_t)instance->pid : 0;
        return fill_checks(a->call, m, &facts);
}

static int add_named(void *userdata, const char *name) {
        struct answer *a = userdata;
        const struct worker *worker = worker_find(a->call->gang, name);
        int r = call_permit_worker(a->call, name, worker ?: call_worker_of(a->call, name));

        if (r < 0)
                return r;
        if (worker)
                return add_worker(a, worker);
        if (!call_worker_of(a->call, name))
                return call_unknown(a->call, name);
        a->call->unknown = name;
        return error_set(&a->call->error, -ENOENT, "security: '%.128s' is an instance; name its worker", name);
}

static int answer(struct answer *a, const Ganger__V1__SecurityRequest *request) {
        static const struct call_subjects subjects = { add_named, add_worker };
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        int r;

        a->reply.workers = arena_alloc(&a->call->arena, SECURITY_WORKERS_MAX, sizeof *a->reply.workers);
        if (!a->reply.workers)
                return -ENOMEM;
        r = call_each_subject(a->call, request->names, request->n_names, &subjects, a);
        if (r < 0)
                return r;
        reply.result_case = GANGER__V1__REPLY__RESULT_SECURITY;
        reply.security = &a->reply;
        return call_reply(a->call, &reply, NULL, 0);
}

int call_security(struct call *call) {
        const Ganger__V1__SecurityRequest *request = call->request->security;
        struct answer a = { .call = call, .skip = request->skip, .reply = GANGER__V1__SECURITY_REPLY__INIT };
        int r = call_check_names(call, request->n_names);

        if (r < 0)
                return r;
        r = process_look(getpid(), &a.own);
        if (r >= 0)
                r = answer(&a, request);
        process_look_done(&a.own);
        return r;
}
