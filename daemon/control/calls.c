/* SPDX-License-Identifier: MIT */

/*
 * Requests
 *
 * Unpacks within a budget of memory, looks up the row, checks the class, calls. A function that fails has
 * sent nothing: what it returns becomes the error reply here, and nowhere else.
 */

#include "daemon/control/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/server.h"

#define REQUEST(call) GANGER__V1__REQUEST__CALL_##call

/** No class of its own: what `attach` needs follows from what is asked, and it checks that first of all. */
#define CONTROL_ATTACH ((enum control_class)0)

static const struct {
        const char *name;
        int (*fn)(struct call *call);
        enum control_class needs;       /* of `dead` the least: some of it needs more */
} calls[] = {
        [REQUEST(VERSION)] = { "version", call_version, CONTROL_VIEW },
        [REQUEST(STATUS)] = { "status", call_status, CONTROL_VIEW },
        [REQUEST(START)] = { "start", call_start, CONTROL_OPERATE },
        [REQUEST(STOP)] = { "stop", call_stop, CONTROL_OPERATE },
        [REQUEST(RESTART)] = { "restart", call_restart, CONTROL_OPERATE },
        [REQUEST(DRAIN)] = { "drain", call_drain, CONTROL_OPERATE },
        [REQUEST(SCALE)] = { "scale", call_scale, CONTROL_OPERATE },
        [REQUEST(RELOAD)] = { "reload", call_reload, CONTROL_ADMIN },
        [REQUEST(LOGS)] = { "logs", call_logs, CONTROL_VIEW },
        [REQUEST(EVENTS)] = { "events", call_events, CONTROL_VIEW },
        [REQUEST(RINGS)] = { "rings", call_rings, CONTROL_VIEW },
        [REQUEST(ATTACH)] = { "attach", call_attach, CONTROL_ATTACH },
        [REQUEST(PEEK)] = { "peek", call_peek, CONTROL_CONSUME },
        [REQUEST(DEAD)] = { "dead", call_dead, CONTROL_CONSUME },
        [REQUEST(LOCKS)] = { "locks", call_locks, CONTROL_VIEW },
        [REQUEST(RESET)] = { "reset", call_reset, CONTROL_ADMIN },
        [REQUEST(WAIT)] = { "wait", call_wait_for, CONTROL_VIEW },
        [REQUEST(SIGNAL)] = { "signal", call_signal, CONTROL_OPERATE },
        [REQUEST(RESET_FAILED)] = { "reset-failed", call_reset_failed, CONTROL_OPERATE },
        [REQUEST(REPORT)] = { "report", call_report, CONTROL_VIEW },
        [REQUEST(SOCKETS)] = { "sockets", call_sockets, CONTROL_VIEW },
        [REQUEST(DAEMON_UPGRADE)] = { "daemon-upgrade", call_daemon_upgrade, CONTROL_ADMIN },
        [REQUEST(LOG_FILES)] = { "log-files", call_log_files, CONTROL_VIEW },
        [REQUEST(ROLL)] = { "roll", call_roll, CONTROL_OPERATE },
        [REQUEST(UPGRADE)] = { "upgrade", call_upgrade, CONTROL_ADMIN },
        [REQUEST(SHUTDOWN)] = { "shutdown", call_shutdown, CONTROL_ADMIN },
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

int call_permit(struct call *call, enum control_class needs) {
        struct connection *c = call->connection;

        return access_check(&c->control->denials, &c->peer, call->name, needs, &call->error);
}

int call_check_names(struct call *call, size_t n_names) {
        if (n_names <= CALL_NAMES_MAX)
                return 0;
        return error_set(&call->error, -E2BIG, "%s: %zu names are more than %d", call->name, n_names,
                         CALL_NAMES_MAX);
}

static void call_run(struct call *call) {
        size_t row = call->request->call_case;
        int r;

        if (row >= ARRAY_SIZE(calls) || !calls[row].fn) {
                call->name = "request";
                r = error_set(&call->error, -EINVAL, "this daemon does not know that request");
        } else {
                call->name = calls[row].name;
                r = calls[row].needs == CONTROL_ATTACH ? 0 : call_permit(call, calls[row].needs);
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

void calls_dispatch(struct connection *c, const struct frame *frame) {
        size_t budget = peer_is_stranger(&c->peer) ? CALL_MEMORY_STRANGER_MAX : CALL_MEMORY_MAX;
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
