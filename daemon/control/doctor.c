/* SPDX-License-Identifier: MIT */
/*
 * doctor: what the machine has, and what is in force of processes
 *
 * All of it is read while the manager does nothing else, a few files of /proc for each process. So an answer has a bounded
 * number of instances, and who wants more asks again.
 */

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "daemon/control/calls.h"
#include "daemon/doctor/check.h"
#include "daemon/doctor/machine.h"
#include "daemon/gang.h"
#include "daemon/instance.h"
#include "daemon/worker.h"

/** Instances in one answer, each with all of its settings and with those only that differ. */
#define DOCTOR_INSTANCES_MAX 16
#define DOCTOR_INSTANCES_BRIEF_MAX 64
/** Settings of one: rows of the table of checks, and its definition. */
#define SETTINGS_MAX 128
/** Of a message in another one, beside its texts. */
#define FIELDS_SIZE ((size_t)24)

struct answer {
        struct call *call;
        bool brief;
        size_t skip;                    /* instances yet to be passed over */
        size_t room;                    /* instances that it has yet room for */
        size_t bytes;                   /* about as many as it takes so far */
        Ganger__V1__DoctorReply reply;
        struct process_look own;
        struct checks checks;
        bool has_checks;                /* they are of the definition of some instance before */
        Ganger__V1__InstanceInForce *instance; /* that is being filled */
};

/* ---- the machine ----------------------------------------------------------------------------------- */

static int fill_fact(struct answer *a, size_t i) {
        Ganger__V1__MachineFact *m = arena_alloc(&a->call->arena, 1, sizeof *m);
        struct machine_fact fact;

        if (!m)
                return -ENOMEM;
        machine_look(a->call->gang, &a->own, i, &fact);
        ganger__v1__machine_fact__init(m);
        m->name = (char *)fact.name;
        m->state = (char *)machine_state_name(fact.state);
        m->value = arena_copy(&a->call->arena, fact.value, strlen(fact.value) + 1);
        if (!m->value)
                return -ENOMEM;
        text_repair(m->value);
        a->bytes += strlen(m->value) + strlen(m->name) + FIELDS_SIZE;
        a->reply.machine[a->reply.n_machine++] = m;
        return 0;
}

static int fill_machine(struct answer *a) {
        int r = 0;

        a->reply.machine = arena_alloc(&a->call->arena, machine_facts(), sizeof *a->reply.machine);
        if (!a->reply.machine)
                return -ENOMEM;
        for (size_t i = 0; i < machine_facts() && r >= 0; i++)
                r = fill_fact(a, i);
        return r;
}

/* ---- an instance ------------------------------------------------------------------------------------ */

static void count(Ganger__V1__InstanceInForce *m, enum check_verdict verdict) {
        m->asked += verdict != CHECK_NOT_ASKED;
        m->differ += verdict == CHECK_DIFFERS;
        m->unknown += verdict == CHECK_UNKNOWN;
}

static int add_setting(void *userdata, const char *key, enum check_verdict verdict, const struct check_text *text) {
        struct answer *a = userdata;
        Ganger__V1__InstanceInForce *m = a->instance;
        Ganger__V1__SettingInForce *s;

        count(m, verdict);
        if (a->brief && verdict != CHECK_DIFFERS)
                return 0;
        s = arena_alloc(&a->call->arena, 1, sizeof *s);
        if (!s || m->n_settings == SETTINGS_MAX)
                return -ENOMEM;
        ganger__v1__setting_in_force__init(s);
        s->key = (char *)key;
        s->wanted = arena_copy(&a->call->arena, text->wanted, strlen(text->wanted) + 1);
        s->found = arena_copy(&a->call->arena, text->found, strlen(text->found) + 1);
        s->verdict = (char *)check_verdict_name(verdict);
        if (!s->wanted || !s->found)
                return -ENOMEM;
        text_repair(s->wanted);
        text_repair(s->found);
        a->bytes += strlen(key) + strlen(s->wanted) + strlen(s->found) + FIELDS_SIZE;
        m->settings[m->n_settings++] = s;
        return 0;
}

/* Of a reload, or of a roll: it is going to be replaced. */
static int check_definition(struct answer *a, const struct instance *instance) {
        static const struct check_text older = { .wanted = "that in force", .found = "another one" };

        if (instance->definition == worker_definition_hash(instance_definition(instance)))
                return 0;
        return add_setting(a, "definition", CHECK_DIFFERS, &older);
}

static void find_wanted(struct answer *a, const struct worker_definition *definition) {
        if (a->has_checks && a->checks.definition == definition)
                return;
        if (a->has_checks)
                checks_done(&a->checks);
        checks_init(&a->checks, definition, &a->call->gang->dynamic_users, a->call->gang->runtime_dir, &a->own);
        a->has_checks = true;
}

static int fill_settings(struct answer *a, const struct instance *instance) {
        Ganger__V1__InstanceInForce *m = a->instance;
        struct process_look look;
        uint64_t age = now_usec() - instance->started_usec;
        int r = process_look(instance->pid, &look);

        if (r >= 0) {
                m->pid = (int32_t)instance->pid;
                m->settings = arena_alloc(&a->call->arena, SETTINGS_MAX, sizeof *m->settings);
                r = m->settings ? check_definition(a, instance) : -ENOMEM;
        }
        if (r >= 0) {
                find_wanted(a, instance_definition(instance));
                r = checks_run(&a->checks, &look, now_realtime_usec() - age, add_setting, a);
        }
        process_look_done(&look);
        return r == -ESRCH ? 0 : r;
}

/* @return 1: there is no more room. */
static int add_instance(struct answer *a, const struct instance *instance) {
        Ganger__V1__InstanceInForce *m;

        if (a->skip > 0) {
                a->skip--;
                return 0;
        }
        if (a->room == 0 || a->bytes > CALL_REPLY_ROOM / 2) {
                a->reply.more = true;
                return 1;
        }
        m = arena_alloc(&a->call->arena, 1, sizeof *m);
        if (!m)
                return -ENOMEM;
        ganger__v1__instance_in_force__init(m);
        m->key = (char *)instance->key;
        m->state = (char *)instance_shown_state(instance);
        a->instance = m;
        a->bytes += strlen(m->key) + FIELDS_SIZE;
        a->room--;
        a->reply.instances[a->reply.n_instances++] = m;
        return instance->pid > 0 ? fill_settings(a, instance) : 0;
}

static int add_worker(void *userdata, const struct worker *worker) {
        struct answer *a = userdata;
        int r = 0;

        for (size_t i = 0; i < worker->n_instances && r == 0; i++)
                r = add_instance(a, worker->instances[i]);
        return r;
}

static int add_named(void *userdata, const char *name) {
        struct answer *a = userdata;
        struct call *call = a->call;
        const struct worker *worker = worker_find(call->gang, name);
        const struct instance *one = worker ? NULL : instance_find(call->gang, name);
        int r = call_permit_worker(call, name, worker ?: one ? one->worker : call_worker_of(call, name));

        if (r < 0)
                return r;
        return worker ? add_worker(a, worker) : one ? add_instance(a, one) : call_unknown(call, name);
}

static int answer(struct answer *a, const Ganger__V1__DoctorRequest *request) {
        static const struct call_subjects subjects = { add_named, add_worker };
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        int r = 0;

        a->room = a->brief ? DOCTOR_INSTANCES_BRIEF_MAX : DOCTOR_INSTANCES_MAX;
        a->reply.instances = arena_alloc(&a->call->arena, a->room, sizeof *a->reply.instances);
        if (!a->reply.instances)
                return -ENOMEM;
        if (request->machine)
                r = fill_machine(a);
        if (r >= 0)
                r = call_each_subject(a->call, request->names, request->n_names, &subjects, a);
        if (r < 0)
                return r;
        reply.result_case = GANGER__V1__REPLY__RESULT_DOCTOR;
        reply.doctor = &a->reply;
        return call_reply(a->call, &reply, NULL, 0);
}

int call_doctor(struct call *call) {
        const Ganger__V1__DoctorRequest *request = call->request->doctor;
        struct answer a = { .call = call, .brief = request->brief, .skip = request->skip,
                            .reply = GANGER__V1__DOCTOR_REPLY__INIT };
        int r = call_check_names(call, request->n_names);

        if (r < 0)
                return r;
        r = process_look(getpid(), &a.own);
        if (r >= 0)
                r = answer(&a, request);
        if (a.has_checks)
                checks_done(&a.checks);
        process_look_done(&a.own);
        return r;
}
