/* SPDX-License-Identifier: MIT */

/*
 * Requests
 *
 * Unpacks within a budget of memory, looks up the row, checks the class, calls. What depends on a name is checked by the
 * function, before anything that it says could tell whether the name exists: to whom that is not permitted, a name that
 * there is not is denied in the same words. A function that fails has sent nothing: what it returns becomes the error reply
 * here, and nowhere else.
 */

#include "daemon/control/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/grants.h"
#include "daemon/control/server.h"
#include "daemon/group.h"
#include "daemon/instance.h"
#include "daemon/worker.h"

#define REQUEST(call) GANGER__V1__REQUEST__CALL_##call

/** What a request is about: whatever the peer must have that class on. */
enum about {
        ABOUT_DAEMON = 1,               /* gangerd itself, or everything */
        ABOUT_ANYTHING,                 /* any class on anything; what is told, or shown, depends on the rest */
        ABOUT_WORKERS,                  /* those that it names: checked by its function, with call_permit_worker(), … */
        ABOUT_OBJECT,                   /* … with call_permit_object() */
};

static const struct {
        const char *name;
        int (*fn)(struct call *call);
        enum about about;
        enum control_class needs;       /* of attach, dead, upgrade the least: some of it needs more, or something else */
} calls[] = {
        [REQUEST(VERSION)] = { "version", call_version, ABOUT_ANYTHING, CONTROL_VIEW },
        [REQUEST(STATUS)] = { "status", call_status, ABOUT_ANYTHING, CONTROL_VIEW },
        [REQUEST(START)] = { "start", call_start, ABOUT_WORKERS, CONTROL_OPERATE },
        [REQUEST(STOP)] = { "stop", call_stop, ABOUT_WORKERS, CONTROL_OPERATE },
        [REQUEST(RESTART)] = { "restart", call_restart, ABOUT_WORKERS, CONTROL_OPERATE },
        [REQUEST(DRAIN)] = { "drain", call_drain, ABOUT_WORKERS, CONTROL_OPERATE },
        [REQUEST(SCALE)] = { "scale", call_scale, ABOUT_WORKERS, CONTROL_OPERATE },
        [REQUEST(RELOAD)] = { "reload", call_reload, ABOUT_DAEMON, CONTROL_ADMIN },
        [REQUEST(LOGS)] = { "logs", call_logs, ABOUT_ANYTHING, CONTROL_VIEW },
        [REQUEST(EVENTS)] = { "events", call_events, ABOUT_ANYTHING, CONTROL_VIEW },
        [REQUEST(RINGS)] = { "rings", call_rings, ABOUT_ANYTHING, CONTROL_VIEW },
        [REQUEST(ATTACH)] = { "attach", call_attach, ABOUT_OBJECT, CONTROL_PRODUCE },
        [REQUEST(PEEK)] = { "peek", call_peek, ABOUT_OBJECT, CONTROL_CONSUME },
        [REQUEST(DEAD)] = { "dead", call_dead, ABOUT_OBJECT, CONTROL_CONSUME },
        [REQUEST(LOCKS)] = { "locks", call_locks, ABOUT_ANYTHING, CONTROL_VIEW },
        [REQUEST(RESET)] = { "reset", call_reset, ABOUT_OBJECT, CONTROL_ADMIN },
        [REQUEST(WAIT)] = { "wait", call_wait_for, ABOUT_WORKERS, CONTROL_VIEW },
        [REQUEST(SIGNAL)] = { "signal", call_signal, ABOUT_WORKERS, CONTROL_OPERATE },
        [REQUEST(RESET_FAILED)] = { "reset-failed", call_reset_failed, ABOUT_WORKERS, CONTROL_OPERATE },
        [REQUEST(REPORT)] = { "report", call_report, ABOUT_WORKERS, CONTROL_VIEW },
        [REQUEST(SOCKETS)] = { "sockets", call_sockets, ABOUT_ANYTHING, CONTROL_VIEW },
        [REQUEST(DAEMON_UPGRADE)] = { "daemon-upgrade", call_daemon_upgrade, ABOUT_DAEMON, CONTROL_ADMIN },
        [REQUEST(LOG_FILES)] = { "log-files", call_log_files, ABOUT_WORKERS, CONTROL_VIEW },
        [REQUEST(ROLL)] = { "roll", call_roll, ABOUT_WORKERS, CONTROL_OPERATE },
        [REQUEST(DOCTOR)] = { "doctor", call_doctor, ABOUT_ANYTHING, CONTROL_VIEW },
        [REQUEST(SECURITY)] = { "security", call_security, ABOUT_ANYTHING, CONTROL_VIEW },
        [REQUEST(UPGRADE)] = { "upgrade", call_upgrade, ABOUT_WORKERS, CONTROL_ADMIN },
        [REQUEST(SHUTDOWN)] = { "shutdown", call_shutdown, ABOUT_DAEMON, CONTROL_ADMIN },
};

/* ---- errors ------------------------------------------------------------------------------------ */

static Ganger__V1__ErrorCode error_code(int error) {
        switch (-error) {
        case EINVAL:
        case EBADMSG:
                return GANGER__V1__ERROR_CODE__ERROR_INVALID;
        case ENOENT:
                return GANGER__V1__ERROR_CODE__ERROR_NO_SUCH_NAME;
        case EACCES:
                return GANGER__V1__ERROR_CODE__ERROR_PERMISSION;
        case EBUSY:
                return GANGER__V1__ERROR_CODE__ERROR_BUSY;
        case ETIMEDOUT:
                return GANGER__V1__ERROR_CODE__ERROR_TIMEOUT;
        case E2BIG:
        case EMFILE:
        case EMSGSIZE:
        case ERANGE:
        case EUSERS:
                return GANGER__V1__ERROR_CODE__ERROR_LIMIT;
        default:
                return GANGER__V1__ERROR_CODE__ERROR_FAILED;
        }
}

static void send_error(struct connection *c, uint64_t id, Ganger__V1__ErrorCode code, char *text,
                       char *name) {
        Ganger__V1__Error error = GANGER__V1__ERROR__INIT;
        Ganger__V1__Reply reply = GANGER__V1__REPLY__INIT;

        error.code = code;
        error.message = text;
        error.name = name;
        reply.id = id;
        reply.error = &error;
        (void)connection_send(c, &reply, NULL, 0); /* never too long: both are cut */
}

/** A name as it goes back: what a peer typed may be anything. */
static char *name_for_reply(struct call *call) {
        char *name;

        if (!call->unknown)
                return (char *)"";
        name = arena_copy(&call->arena, call->unknown, strnlen(call->unknown, ERROR_TEXT_MAX) + 1);
        if (!name)
                return (char *)"";
        name[strnlen(call->unknown, ERROR_TEXT_MAX)] = 0;
        text_repair(name);
        return name;
}

static void call_fail(struct call *call, int r) {
        if (call->error.code == 0 || call->error.text[0] == 0)
                error_errno(&call->error, r, "%s", call->name);
        text_repair(call->error.text);
        send_error(call->connection, call->request->id, error_code(r), call->error.text,
                   name_for_reply(call));
}

void calls_refuse(struct connection *c, Ganger__V1__ErrorCode code, const char *text) {
        send_error(c, 0, code, (char *)text, (char *)"");
        connection_refuse(c);
}

/* ---- one call ---------------------------------------------------------------------------------- */

int call_reply(struct call *call, Ganger__V1__Reply *reply, const int *fds, size_t n_fds) {
        int r;

        reply->id = call->request->id;
        r = connection_send(call->connection, reply, fds, n_fds);
        if (r == -EMSGSIZE)
                error_set(&call->error, r,
                          "%s: the answer does not fit a frame of 1 MiB: ask for less at once",
                          call->name);
        return r;
}

int call_wait(struct call *call, struct pending *pending, const struct pending_ops *ops) {
        int r;

        r = pending_add(call->connection, pending, call->request->id, ops);
        if (r < 0)
                error_set(&call->error, r,
                          "%s: more than %d requests of this connection wait for their answers",
                          call->name, CONNECTION_REQUESTS_MAX);
        return r;
}

/* ---- who may ----------------------------------------------------------------------------------- */

static int deny(struct call *call, const char *name, enum control_class needs, const char *on) {
        struct connection *c = call->connection;

        call->unknown = name;
        return access_deny(&c->control->denials, &c->peer,
                           &(struct denial){ .socket = c->fd, .call = call->name, .name = name, .needs = needs, .on = on },
                           &call->error);
}

static int permit(struct call *call, const char *name, unsigned int classes, enum control_class needs, const char *on) {
        return classes & (unsigned int)needs ? 0 : deny(call, name, needs, on);
}

int call_permit_daemon(struct call *call, enum control_class needs) {
        struct connection *c = call->connection;

        return permit(call, NULL, grants_on_daemon(c->control, &c->peer), needs, "the daemon");
}

int call_permit_worker(struct call *call, const char *name, const struct worker *worker) {
        struct connection *c = call->connection;

        return permit(call, name, grants_on_worker(c->control, &c->peer, worker), call->needs, "it");
}

int call_permit_target(struct call *call, const char *name) {
        struct connection *c = call->connection;
        const struct instance *instance;
        const struct worker *worker = worker_find(call->gang, name);
        const struct group *group = worker ? NULL : group_find(call->gang, name);

        if (group)
                return permit(call, name, grants_on_group(c->control, &c->peer, group), call->needs, "it");
        instance = worker ? NULL : instance_find(call->gang, name);
        return call_permit_worker(call, name, instance ? instance->worker : worker ?: call_worker_of(call, name));
}

int call_permit_object(struct call *call, const char *name, const struct gang_object *object, enum control_class needs) {
        struct connection *c = call->connection;

        return permit(call, name, grants_on_object(c->control, &c->peer, object), needs, "it");
}

int call_permit_listen(struct call *call, const char *name) {
        struct connection *c = call->connection;

        return permit(call, name, grants_on_listen(c->control, &c->peer, name), CONTROL_VIEW, "it");
}

bool call_may_worker(const struct call *call, const struct worker *worker) {
        const struct connection *c = call->connection;

        return grants_on_worker(c->control, &c->peer, worker) & (unsigned int)call->needs;
}

bool call_may_all(const struct call *call) {
        const struct connection *c = call->connection;

        return grants_on_daemon(c->control, &c->peer) & (unsigned int)call->needs;
}

int call_permit_some(struct call *call) {
        if (call_may_all(call))
                return 0;
        list_for_each(it, &call->gang->workers)
                if (call_may_worker(call, list_entry(it, struct worker, link)))
                        return 0;
        return deny(call, NULL, call->needs, "any worker");
}

bool call_shows_object(const struct call *call, const struct gang_object *object) {
        const struct connection *c = call->connection;

        return grants_on_object(c->control, &c->peer, object) & CONTROL_VIEW;
}

/** What can be told before the names are looked at. */
static int permit_call(struct call *call, enum about about) {
        struct connection *c = call->connection;

        switch (about) {
        case ABOUT_DAEMON:
                return call_permit_daemon(call, call->needs);
        case ABOUT_ANYTHING:
                return grants_any(c->control, &c->peer) ? 0 : deny(call, NULL, call->needs, "anything");
        case ABOUT_WORKERS:
        case ABOUT_OBJECT:
                break;
        }
        return 0;
}

int call_check_names(struct call *call, size_t n_names) {
        if (n_names <= CALL_NAMES_MAX)
                return 0;
        return error_set(&call->error, -E2BIG, "%s: %zu names are more than %d", call->name, n_names,
                         CALL_NAMES_MAX);
}

int call_each_subject(struct call *call, char *const *names, size_t n_names, const struct call_subjects *fn, void *userdata) {
        int r = 0;

        for (size_t i = 0; i < n_names && r >= 0; i++)
                r = fn->named(userdata, names[i]);
        if (n_names > 0)
                return r < 0 ? r : 0;
        list_for_each(it, &call->gang->workers) {
                const struct worker *worker = list_entry(it, struct worker, link);

                if (r == 0 && call_may_worker(call, worker))
                        r = fn->worker(userdata, worker);
        }
        return r < 0 ? r : 0;
}

static void call_run(struct call *call) {
        size_t row = call->request->call_case;
        int r;

        if (row >= ARRAY_SIZE(calls) || !calls[row].fn) {
                call->name = "request";
                r = error_set(&call->error, -EINVAL, "this daemon does not know that request");
        } else {
                call->name = calls[row].name;
                call->needs = calls[row].needs;
                r = permit_call(call, calls[row].about);
                if (r == 0)
                        r = calls[row].fn(call);
        }
        if (r < 0)
                call_fail(call, r);
        arena_done(&call->arena);
}

/* ---- unpacking --------------------------------------------------------------------------------- */

/** What malloc() takes at least, whatever is asked for. */
#define ALLOCATION_MIN ((size_t)32)

static void *budget_alloc(void *userdata, size_t size) {
        size_t *left = userdata, cost = MAX(size, ALLOCATION_MIN);

        if (cost > *left)
                return NULL;
        *left -= cost;
        return malloc(size);
}

static void budget_free(void *userdata, void *p) {
        free(p);
}

/** A stranger may have become somebody by a reload; who was somebody is asked again by what he asks. */
static bool is_stranger(struct connection *c) {
        if (c->peer.stranger)
                c->peer.stranger = !grants_any(c->control, &c->peer);
        return c->peer.stranger;
}

void calls_dispatch(struct connection *c, const struct frame *frame) {
        size_t budget = is_stranger(c) ? CALL_MEMORY_STRANGER_MAX : CALL_MEMORY_MAX;
        ProtobufCAllocator allocator = { budget_alloc, budget_free, &budget };
        struct call call = { .connection = c, .gang = c->control->gang };
        Ganger__V1__Request *request;

        if (frame->n_fds > 0) {
                calls_refuse(c, GANGER__V1__ERROR_CODE__ERROR_INVALID, "no request takes file descriptors");
                return;
        }
        request = ganger__v1__request__unpack(&allocator, frame->size, frame->data);
        if (!request) {
                calls_refuse(c, GANGER__V1__ERROR_CODE__ERROR_INVALID,
                             "that is no Request of ganger.v1, or has too many parts");
                return;
        }
        call.request = request;
        call_run(&call);
        ganger__v1__request__free_unpacked(request, &allocator);
}
