/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CLIENT_CLIENT_H
#define GANGER_CLIENT_CLIENT_H

/*
 * What calls and streams of the control client share. Not installed.
 */

#include "base/error.h"
#include "client/link.h"
#include "ganger-control.h"
#include "proto/control.pb-c.h"

/** Makes a function part of the shared library's interface. */
#define CONTROL_PUBLIC __attribute__((__visibility__("default")))

/**
 * How long nobody may listen, once a connection was lost, before the daemon counts as gone. The listening
 * socket outlives the manager, so this is for a restart of the daemon as a whole.
 */
#define ABSENT_USEC (1 * USEC_PER_SEC)
/** Waits before connecting again: none, then this, doubled each time up to the maximum. */
#define RETRY_USEC (10 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (200 * USEC_PER_MSEC)

struct ganger_control {
        char *path;
        struct link link;
        uint64_t timeout_usec;
        uint64_t last_id;
        struct error error;
};

/** When to connect again after a connection was lost, and when to give up. Pure: times are arguments. */
struct retry {
        uint64_t at_usec, wait_usec;
        uint64_t give_up_usec;          /* at the latest */
        uint64_t absent_until_usec;     /* 0: somebody listened when we last looked */
};

/** A connection was lost for the first time. */
void retry_init(struct retry *r, uint64_t now_usec, uint64_t give_up_usec);

/**
 * It was lost again, or could not be made.
 * @param absent  nobody listens.
 * @return 0: try again at `at_usec`; -ECONNRESET: give up.
 */
int retry_failed(struct retry *r, uint64_t now_usec, bool absent);

/** Whether a request streams, and thus goes to ganger_control_stream(). */
bool request_streams(const Ganger__V1__Request *request);

/** The reply in a frame. @return 0; -EPROTO: it is none, or its result is not the one of the request. */
int reply_unpack(const struct frame *frame, const Ganger__V1__Request *request, Ganger__V1__Reply **ret);

/** Whether a reply is to this request. A refusal of the whole connection is to any: it has no id. */
bool reply_belongs(const Ganger__V1__Reply *reply, const Ganger__V1__Request *request);

/** The error in a reply as -errno, its text in `error`. */
int reply_error(const Ganger__V1__Reply *reply, struct error *error);

/** Put a failure of the transport in words. @return `code`. */
int transport_error(struct error *error, int code, const char *path);

static inline void replyp(Ganger__V1__Reply **reply) {
        if (*reply)
                ganger__v1__reply__free_unpacked(*reply, NULL);
}

#endif
