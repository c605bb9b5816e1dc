/* SPDX-License-Identifier: MIT */

/*
 * doctor and security: what is in force, and what is not
 *
 * The daemon answers in parts, of which the output gets one: they are put together here, and stay as long as that.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/verbs.h"

/** Answers that were put together: whoever asks for ever is told so. */
#define PARTS_MAX 100000

/** All parts of an answer. */
struct parts {
        Ganger__V1__Reply **replies;
        size_t n;
};

static void parts_done(struct parts *parts) {
        for (size_t i = 0; i < parts->n; i++)
                ganger_control_reply_free(parts->replies[i]);
        free(parts->replies);
}

/* Ask for one more. @return STATUS_DONE: it is the last. */
static int parts_add(struct ctl *ctl, struct parts *parts, Ganger__V1__Request *request) {
        Ganger__V1__Reply **replies = reallocarray(parts->replies, parts->n + 1, sizeof *replies);
        int r;

        if (!replies || parts->n == PARTS_MAX)
                return complain(STATUS_FAILED, "%s", strerror(replies ? E2BIG : ENOMEM));
        parts->replies = replies;
        r = ctl_call(ctl, request, false, &replies[parts->n]);
        parts->n += r == STATUS_DONE;
        return r;
}

/* Appends pointers. @return false: no memory. */
static bool join(void *list, size_t *n, void *more, size_t n_more) {
        void ***to = list, **grown = reallocarray(*to, *n + n_more + 1, sizeof *grown);

        if (!grown)
                return false;
        if (n_more > 0)
                memcpy(grown + *n, more, n_more * sizeof *grown);
        *to = grown;
        *n += n_more;
        return true;
}

/* ---- doctor ---------------------------------------------------------------------------------------- */

static int ask_doctor(struct ctl *ctl, struct parts *parts, Ganger__V1__DoctorReply *all) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__DoctorRequest call = GANGER__V1__DOCTOR_REQUEST__INIT;
        const Ganger__V1__DoctorReply *part;
        int r;

        call.names = ctl->args;
        call.n_names = (size_t)ctl->n_args;
        call.machine = call.brief = ctl->n_args == 0;
        request.call_case = GANGER__V1__REQUEST__CALL_DOCTOR;
        request.doctor = &call;
        do {
                r = parts_add(ctl, parts, &request);
                if (r != STATUS_DONE)
                        return r;
                part = parts->replies[parts->n - 1]->doctor;
                if (!join(&all->machine, &all->n_machine, part->machine, part->n_machine) ||
                    !join(&all->instances, &all->n_instances, part->instances, part->n_instances))
                        return complain(STATUS_FAILED, "%s", strerror(ENOMEM));
                call.skip = (uint32_t)all->n_instances;
                call.machine = false;
        } while (part->more && part->n_instances > 0);
        return STATUS_DONE;
}

int verb_doctor(struct ctl *ctl) {
        Ganger__V1__DoctorReply all = GANGER__V1__DOCTOR_REPLY__INIT;
        _cleanup_(parts_done) struct parts parts = { NULL };
        size_t differ = 0;
        int r = ask_doctor(ctl, &parts, &all);

        if (r == STATUS_DONE)
                ctl->out.ops->doctor(&ctl->out, &all, ctl->n_args > 0);
        for (size_t i = 0; i < all.n_instances; i++)
                differ += all.instances[i]->differ;
        free(all.machine);
        free(all.instances);
        return r == STATUS_DONE && differ > 0 ? STATUS_FAILED : r;
}

/* ---- security -------------------------------------------------------------------------------------- */

static int compare_exposures(const void *a, const void *b) {
        const Ganger__V1__Exposure *x = *(Ganger__V1__Exposure *const *)a, *y = *(Ganger__V1__Exposure *const *)b;

        return x->exposure != y->exposure ? (x->exposure < y->exposure) - (x->exposure > y->exposure) :
                                            strcmp(x->worker, y->worker);
}

static int ask_security(struct ctl *ctl, struct parts *parts, Ganger__V1__SecurityReply *all) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
        Ganger__V1__SecurityRequest call = GANGER__V1__SECURITY_REQUEST__INIT;
        const Ganger__V1__SecurityReply *part;
        int r;

        call.names = ctl->args;
        call.n_names = (size_t)ctl->n_args;
        request.call_case = GANGER__V1__REQUEST__CALL_SECURITY;
        request.security = &call;
        do {
                r = parts_add(ctl, parts, &request);
                if (r != STATUS_DONE)
                        return r;
                part = parts->replies[parts->n - 1]->security;
                if (!join(&all->workers, &all->n_workers, part->workers, part->n_workers))
                        return complain(STATUS_FAILED, "%s", strerror(ENOMEM));
                call.skip = (uint32_t)all->n_workers;
        } while (part->more && part->n_workers > 0);
        qsort(all->workers, all->n_workers, sizeof(*all->workers), compare_exposures);
        return STATUS_DONE;
}

int verb_security(struct ctl *ctl) {
        Ganger__V1__SecurityReply all = GANGER__V1__SECURITY_REPLY__INIT;
        _cleanup_(parts_done) struct parts parts = { NULL };
        uint32_t threshold = option_given(&ctl->options, OPTION_THRESHOLD) ? ctl->options.threshold : UINT32_MAX;
        int r = ask_security(ctl, &parts, &all);

        if (r == STATUS_DONE)
                ctl->out.ops->security(&ctl->out, &all, ctl->n_args > 0);
        if (r == STATUS_DONE && all.n_workers > 0 && all.workers[0]->exposure > threshold)
                r = STATUS_FAILED;
        free(all.workers);
        return r;
}
