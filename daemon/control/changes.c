/* SPDX-License-Identifier: MIT */

/*
 * start, stop, restart, scale, drain, wait, signal, reset-failed; reload and shutdown
 *
 * A change is begun at once, and answered when every instance is where it was to go, or does not get there. A
 * client that goes away only stops waiting. Invariant: room for the waiting request is taken before the
 * change is begun, so an error reply means that nothing was done.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/change.h"
#include "daemon/control/calls.h"
#include "daemon/gang.h"
#include "daemon/manager.h"
#include "daemon/reload.h"
#include "daemon/worker.h"

/** A change that somebody waits for. */
struct change_wait {
        struct pending pending;
        struct change *change;
        bool limited;                   /* of all, it is about those that the peer may operate */
};

/* ---- answering --------------------------------------------------------------------------------- */

static int change_reply_fill(struct arena *a, const struct change *change, Ganger__V1__ChangeReply *m) {
        Ganger__V1__Change *rows = arena_alloc(a, change->n, sizeof *rows);

        m->changes = arena_alloc(a, change->n, sizeof *m->changes);
        if (!rows || !m->changes)
                return -ENOMEM;
        for (; m->n_changes < change->n; m->n_changes++) {
                const struct change_target *target = &change->targets[m->n_changes];
                Ganger__V1__Change *row = &rows[m->n_changes];

                ganger__v1__change__init(row);
                row->key = (char *)target->key;
                row->state = (char *)target->state;
                row->ok = target->ok;
                row->message = arena_text(a, target->ok ? "" : target->message);
                if (!row->message)
                        return -ENOMEM;
                m->changes[m->n_changes] = row;
        }
        return 0;
}

static void on_change(struct change *change, void *userdata) {
        struct change_wait *w = userdata;
        struct connection *c = w->pending.connection;
        Ganger__V1__ChangeReply m = GANGER__V1__CHANGE_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        struct arena arena = ARENA_NULL;

        w->change = NULL;
        reply.id = w->pending.id;
        reply.result_case = GANGER__V1__REPLY__RESULT_CHANGE;
        reply.change = &m;
        m.limited = w->limited;
        if (change_reply_fill(&arena, change, &m) < 0 || connection_send(c, &reply, NULL, 0) < 0)
                connection_break(c); /* it asks again: all of it is idempotent */
        arena_done(&arena);
        pending_end(&w->pending);
}

/* ---- waiting ----------------------------------------------------------------------------------- */

static int change_wait_pull(struct pending *pending) {
        return 0;
}

static void change_wait_free(struct pending *pending) {
        struct change_wait *w = list_entry(pending, struct change_wait, pending);

        if (w->change)
                change_cancel(w->change);
        free(w);
}

static const struct pending_ops change_wait_ops = { .pull = change_wait_pull, .free = change_wait_free };

static int change_wait_new(struct call *call, struct change_wait **ret) {
        struct change_wait *w = calloc(1, sizeof *w);
        int r;

        if (!w)
                return -ENOMEM;
        r = call_wait(call, &w->pending, &change_wait_ops);
        if (r < 0) {
                free(w);
                return r;
        }
        *ret = w;
        return 0;
}

/* ---- the calls --------------------------------------------------------------------------------- */

/** Each name once: a change takes memory for all instances of each. */
static int names_unique(struct call *call, const char *const *names, size_t *n, const char *const **ret) {
        struct map_node *nodes = arena_alloc(&call->arena, *n, sizeof *nodes);
        const char **unique = arena_alloc(&call->arena, *n, sizeof *unique);
        struct map seen = MAP_NULL;
        size_t n_unique = 0;
        int r = nodes && unique ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < *n; i++) {
                r = map_add(&seen, &nodes[i], names[i]);
                if (r == 0)
                        unique[n_unique++] = names[i];
                else if (r == -EEXIST)
                        r = 0;
        }
        map_done(&seen);
        if (r < 0)
                return r;
        *n = n_unique;
        *ret = unique;
        return 0;
}

static bool may_change(void *userdata, const struct worker *worker) {
        return call_may_worker(userdata, worker);
}

/** Each that is named must be permitted; of all, those are meant that are. */
static int change_permit(struct call *call, struct change_request *request) {
        int r = 0;

        for (size_t i = 0; i < request->n_names && r == 0; i++)
                r = call_permit_target(call, request->names[i]);
        if (!request->all)
                return r;
        request->permits = may_change;
        request->permits_userdata = call;
        return call_permit_some(call);
}

static int change_call(struct call *call, struct change_request *request) {
        const char *unknown = NULL;
        struct change_wait *w = NULL;
        int r;

        if (request->n_names == 0 && !request->all)
                return error_set(&call->error, -EINVAL, "%s: neither names nor all", call->name);
        if (request->n_names > 0 && request->all)
                return error_set(&call->error, -EINVAL, "%s: either names or all, not both", call->name);
        r = call_check_names(call, request->n_names);
        if (r == 0)
                r = names_unique(call, request->names, &request->n_names, &request->names);
        if (r == 0)
                r = change_permit(call, request);
        if (r == 0)
                r = change_wait_new(call, &w);
        if (r < 0)
                return r;
        w->limited = request->all && !call_may_all(call);
        r = change_begin(call->gang, request, on_change, w, &w->change, &unknown, &call->error);
        if (r < 0)
                pending_end(&w->pending);
        return r == -ENOENT && unknown ? call_unknown(call, unknown) : r;
}

int call_start(struct call *call) {
        const Ganger__V1__StartRequest *m = call->request->start;

        return change_call(call, &(struct change_request){
                .kind = CHANGE_START, .names = (const char *const *)m->names, .n_names = m->n_names,
                .all = m->all, .no_wait = m->no_wait,
        });
}

int call_stop(struct call *call) {
        const Ganger__V1__StopRequest *m = call->request->stop;

        return change_call(call, &(struct change_request){
                .kind = CHANGE_STOP, .names = (const char *const *)m->names, .n_names = m->n_names,
                .all = m->all, .no_wait = m->no_wait,
        });
}

int call_restart(struct call *call) {
        const Ganger__V1__RestartRequest *m = call->request->restart;

        return change_call(call, &(struct change_request){
                .kind = CHANGE_RESTART, .names = (const char *const *)m->names, .n_names = m->n_names,
                .all = m->all, .no_wait = m->no_wait, .before_usec = m->before_usec,
        });
}

int call_wait_for(struct call *call) {
        const Ganger__V1__WaitRequest *m = call->request->wait;

        return change_call(call, &(struct change_request){
                .kind = m->stopped ? CHANGE_WAIT_STOPPED : CHANGE_WAIT_READY, .names = (const char *const *)m->names,
                .n_names = m->n_names,
        });
}

int call_signal(struct call *call) {
        const Ganger__V1__SignalRequest *m = call->request->signal;

        if (m->signal < 1 || m->signal >= NSIG)
                return error_set(&call->error, -EINVAL, "%s: there is no signal %d", call->name, (int)m->signal);
        return change_call(call, &(struct change_request){
                .kind = CHANGE_SIGNAL, .names = (const char *const *)m->names, .n_names = m->n_names, .signal = m->signal,
        });
}

int call_reset_failed(struct call *call) {
        const Ganger__V1__ResetFailedRequest *m = call->request->reset_failed;

        return change_call(call, &(struct change_request){
                .kind = CHANGE_RESET, .names = (const char *const *)m->names, .n_names = m->n_names, .all = m->all,
        });
}

int call_drain(struct call *call) {
        const Ganger__V1__DrainRequest *m = call->request->drain;

        return change_call(call, &(struct change_request){
                .kind = m->resume ? CHANGE_RESUME : CHANGE_DRAIN, .names = (const char *const *)m->names,
                .n_names = m->n_names, .all = m->all, .no_wait = m->no_wait,
        });
}

int call_scale(struct call *call) {
        const Ganger__V1__ScaleRequest *m = call->request->scale;
        struct change_wait *w = NULL;
        int r;

        r = call_permit_worker(call, m->name, worker_find(call->gang, m->name));
        if (r < 0)
                return r;
        if (!worker_find(call->gang, m->name))
                return call_unknown(call, m->name);
        r = change_wait_new(call, &w);
        if (r < 0)
                return r;
        r = change_scale(call->gang, m->name, m->instances, m->automatic, m->no_wait, on_change, w, &w->change,
                         &call->error);
        if (r < 0)
                pending_end(&w->pending);
        return r;
}

/* ---- reload ------------------------------------------------------------------------------------ */

int call_refuse_config(struct call *call, const struct config_errors *errors) {
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        Ganger__V1__Error m = GANGER__V1__ERROR__INIT;
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        config_errors_print(errors, f);
        if (fclose(f) != 0)
                return -ENOMEM;
        size = MIN(size, CALL_REPLY_ROOM);
        while (size > 0 && text[size - 1] == '\n')
                size--;
        text[size] = 0;
        text_repair(text);
        m.message = text;
        reply.error = &m;
        return call_reply(call, &reply, NULL, 0);
}

/** What was done, a line each. */
static int reload_done(struct call *call, char *changes, Ganger__V1__Reply *reply) {
        Ganger__V1__ReloadReply m = GANGER__V1__RELOAD_REPLY__INIT;
        char *state = NULL;
        size_t n = 1;

        for (const char *p = changes; *p; p++)
                n += *p == '\n';
        text_repair(changes);
        m.changes = arena_alloc(&call->arena, n, sizeof *m.changes);
        if (!m.changes)
                return -ENOMEM;
        for (char *line = strtok_r(changes, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
                m.changes[m.n_changes++] = line;
        reply->result_case = GANGER__V1__REPLY__RESULT_RELOAD;
        reply->reload = &m;
        return call_reply(call, reply, NULL, 0);
}

int call_reload(struct call *call) {
        _cleanup_(config_errors_done) struct config_errors errors = CONFIG_ERRORS_NULL;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        _cleanup_(freep) char *changes = NULL;
        int r;

        r = reload(call->gang, call->request->reload->dry_run, &changes, &errors);
        if (r == 0)
                return reload_done(call, changes, &reply);
        if (errors.n > 0)
                return call_refuse_config(call, &errors);
        /* Whatever it is, it is no name that the client gave: it was tried and did not work. */
        error_errno(&call->error, r, "reload");
        return r == -EBUSY ? r : -EIO;
}

int call_shutdown(struct call *call) {
        Ganger__V1__ShutdownReply m = GANGER__V1__SHUTDOWN_REPLY__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;
        int r;

        reply.result_case = GANGER__V1__REPLY__RESULT_SHUTDOWN;
        reply.shutdown = &m;
        r = call_reply(call, &reply, NULL, 0);
        if (r == 0)
                manager_stop(call->gang);
        return r;
}
