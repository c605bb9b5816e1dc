/* SPDX-License-Identifier: MIT */

/*
 * Replies: which belongs to which request, and errors in -errno
 *
 * What comes from the daemon is checked here once: a reply without an error has the result of its request,
 * or, in a stream, its last reply has none. So nobody dereferences a result that is not there.
 */

#include <errno.h>

#include "base/cleanup.h"
#include "client/client.h"

#define REPLY(name) GANGER__V1__REPLY__RESULT_##name

static const struct {
        Ganger__V1__Reply__ResultCase result;
        bool streams;
} calls[] = {
        [GANGER__V1__REQUEST__CALL_VERSION] = { REPLY(VERSION), false },
        [GANGER__V1__REQUEST__CALL_STATUS] = { REPLY(STATUS), false },
        [GANGER__V1__REQUEST__CALL_START] = { REPLY(CHANGE), false },
        [GANGER__V1__REQUEST__CALL_STOP] = { REPLY(CHANGE), false },
        [GANGER__V1__REQUEST__CALL_RESTART] = { REPLY(CHANGE), false },
        [GANGER__V1__REQUEST__CALL_DRAIN] = { REPLY(CHANGE), false },
        [GANGER__V1__REQUEST__CALL_SCALE] = { REPLY(CHANGE), false },
        [GANGER__V1__REQUEST__CALL_RELOAD] = { REPLY(RELOAD), false },
        [GANGER__V1__REQUEST__CALL_LOGS] = { REPLY(LOG), true },
        [GANGER__V1__REQUEST__CALL_EVENTS] = { REPLY(EVENT), true },
        [GANGER__V1__REQUEST__CALL_RINGS] = { REPLY(RINGS), false },
        [GANGER__V1__REQUEST__CALL_ATTACH] = { REPLY(ATTACH), false },
        [GANGER__V1__REQUEST__CALL_PEEK] = { REPLY(PEEK), false },
        [GANGER__V1__REQUEST__CALL_DEAD] = { REPLY(DEAD), false },
        [GANGER__V1__REQUEST__CALL_SHUTDOWN] = { REPLY(SHUTDOWN), false },
        [GANGER__V1__REQUEST__CALL_LOCKS] = { REPLY(LOCKS), false },
        [GANGER__V1__REQUEST__CALL_RESET] = { REPLY(RESET), false },
        [GANGER__V1__REQUEST__CALL_WAIT] = { REPLY(CHANGE), false },
        [GANGER__V1__REQUEST__CALL_SIGNAL] = { REPLY(CHANGE), false },
        [GANGER__V1__REQUEST__CALL_RESET_FAILED] = { REPLY(CHANGE), false },
        [GANGER__V1__REQUEST__CALL_REPORT] = { REPLY(REPORT), false },
        [GANGER__V1__REQUEST__CALL_SOCKETS] = { REPLY(SOCKETS), false },
        [GANGER__V1__REQUEST__CALL_DAEMON_UPGRADE] = { REPLY(DAEMON_UPGRADE), false },
        [GANGER__V1__REQUEST__CALL_LOG_FILES] = { REPLY(LOG_FILES), false },
        [GANGER__V1__REQUEST__CALL_ROLL] = { REPLY(ROLL), false },
        [GANGER__V1__REQUEST__CALL_UPGRADE] = { REPLY(ROLL), false },
        [GANGER__V1__REQUEST__CALL_DOCTOR] = { REPLY(DOCTOR), false },
        [GANGER__V1__REQUEST__CALL_SECURITY] = { REPLY(SECURITY), false },
};

static const int errors[] = {
        [GANGER__V1__ERROR_CODE__ERROR_FAILED] = -EREMOTEIO,
        [GANGER__V1__ERROR_CODE__ERROR_INVALID] = -EINVAL,
        [GANGER__V1__ERROR_CODE__ERROR_NO_SUCH_NAME] = -ESRCH,
        [GANGER__V1__ERROR_CODE__ERROR_PERMISSION] = -EPERM,
        [GANGER__V1__ERROR_CODE__ERROR_BUSY] = -EBUSY,
        [GANGER__V1__ERROR_CODE__ERROR_TIMEOUT] = -ETIME,
        [GANGER__V1__ERROR_CODE__ERROR_LIMIT] = -E2BIG,
};

bool request_streams(const Ganger__V1__Request *request) {
        return (size_t)request->call_case < ARRAY_SIZE(calls) && calls[request->call_case].streams;
}

bool reply_belongs(const Ganger__V1__Reply *reply, const Ganger__V1__Request *request) {
        return reply->id == request->id || (reply->id == 0 && reply->error);
}

static bool fits(const Ganger__V1__Reply *reply, const Ganger__V1__Request *request) {
        size_t call = (size_t)request->call_case;

        if (reply->error)
                return true;
        if (call >= ARRAY_SIZE(calls) || calls[call].result == GANGER__V1__REPLY__RESULT__NOT_SET)
                return false;
        if (reply->result_case == GANGER__V1__REPLY__RESULT__NOT_SET)
                return calls[call].streams && !reply->more;
        return reply->result_case == calls[call].result;
}

int reply_unpack(const struct frame *frame, const Ganger__V1__Request *request, Ganger__V1__Reply **ret) {
        _cleanup_(replyp) Ganger__V1__Reply *reply = NULL;

        reply = ganger__v1__reply__unpack(NULL, frame->size, frame->data);
        if (!reply || (reply->id == request->id && !fits(reply, request)))
                return -EPROTO;
        *ret = TAKE(reply);
        return 0;
}

int reply_error(const Ganger__V1__Reply *reply, struct error *error) {
        size_t code = (size_t)reply->error->code;
        const char *text = reply->error->message;

        return error_set(error, code < ARRAY_SIZE(errors) ? errors[code] : -EREMOTEIO, "%s",
                         text && *text ? text : "gangerd refused without a reason");
}

int transport_error(struct error *error, int code, const char *path) {
        switch (code) {
        case -ENOENT:
        case -ECONNREFUSED:
                return error_errno(error, code, "no gangerd answers at %s", path);
        case -ECONNRESET:
                return error_set(error, code, "gangerd at %s ended the connection, and did not come back", path);
        case -ETIMEDOUT:
                return error_set(error, code, "gangerd at %s did not answer in time", path);
        case -EPROTO:
        case -EMSGSIZE:
                return error_set(error, code, "what came from %s is no reply of gangerd", path);
        default:
                return error_errno(error, code, "%s", path);
        }
}
