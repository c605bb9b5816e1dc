/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CONTROL_CALLS_H
#define GANGER_DAEMON_CONTROL_CALLS_H

/*
 * Requests: from a frame to the function that answers it
 *
 * Each request of control.proto is a row of the table in calls.c: its name, its function, what it is about, the class it
 * needs.
 */

#include "base/error.h"
#include "daemon/control/access.h"
#include "daemon/control/arena.h"
#include "daemon/control/connection.h"
#include "proto/control.pb-c.h"
#include "wire/frame.h"

struct config_errors;
struct gang;
struct gang_object;
struct worker;

/** What unpacking a request may allocate: many tiny fields are some thirty times as large in memory. */
#define CALL_MEMORY_MAX ((size_t)8 << 20)
/** The same, for a peer that may ask nothing and will only be told so. */
#define CALL_MEMORY_STRANGER_MAX ((size_t)64 << 10)
/** Names in one request. */
#define CALL_NAMES_MAX 10000
/** Bytes that a list of messages or of names in a reply may take, so that the whole fits a frame. */
#define CALL_REPLY_ROOM (FRAME_SIZE_MAX - ((size_t)16 << 10))

/** A request that is being answered. */
struct call {
        struct connection *connection;
        struct gang *gang;
        const char *name;               /* "stop" */
        enum control_class needs;       /* on what it is about */
        const Ganger__V1__Request *request;
        struct arena arena;
        struct error error;             /* of a function that fails */
        const char *unknown;            /* with -ENOENT: the name that was not found; -EACCES: that may not be used */
};

/** Unpack a request, and answer it or see to it that it is. */
void calls_dispatch(struct connection *c, const struct frame *frame);

/** Tell the peer that it talks nonsense, and close the connection. */
void calls_refuse(struct connection *c, Ganger__V1__ErrorCode code, const char *text);

/** Answer. `id` is filled in. @return 0, or -EMSGSIZE (with the error set). */
int call_reply(struct call *call, Ganger__V1__Reply *reply, const int *fds, size_t n_fds);

/** The call is answered later. @return 0; -EMFILE: too many of this connection are (with the error set). */
int call_wait(struct call *call, struct pending *pending, const struct pending_ops *ops);

/*
 * May the peer ask this? Each returns 0, or -EACCES with the error set. They come before it is said that a name is unknown:
 * a name that there is not is denied to all who have not that class on the daemon.
 */
int call_permit_daemon(struct call *call, enum control_class needs);
/** @param worker  NULL: there is none of that name. Of its instances too. */
int call_permit_worker(struct call *call, const char *name, const struct worker *worker);
/** Whatever has the name: a worker, an instance, a group (of which each worker must be permitted). */
int call_permit_target(struct call *call, const char *name);
/** @param object  NULL: there is none of that name. */
int call_permit_object(struct call *call, const char *name, const struct gang_object *object, enum control_class needs);
/** To see its sockets. */
int call_permit_listen(struct call *call, const char *name);
/** Of all workers: is there one? */
int call_permit_some(struct call *call);

/** The same, without a word: of a worker; of everything. */
bool call_may_worker(const struct call *call, const struct worker *worker);
bool call_may_all(const struct call *call);
/** May the peer see that there is this object? */
bool call_shows_object(const struct call *call, const struct gang_object *object);

/** Of "resize/9" the worker, also if it has no such instance. @return NULL: there is none. */
struct worker *call_worker_of(struct call *call, const char *name);

/** No worker, instance, … has that name: says so, and which is nearest. @return -ENOENT. */
int call_unknown(struct call *call, const char *name);
int call_unknown_ring(struct call *call, const char *name);     /* or service */
int call_unknown_lock(struct call *call, const char *name);
int call_unknown_object(struct call *call, const char *name);   /* whatever its kind */
int call_unknown_listen(struct call *call, const char *name);

/** @return 0; -E2BIG: there are too many names (with the error set). */
int call_check_names(struct call *call, size_t n_names);

/**
 * What is told of names, or of all workers, as much as there is room for. @return 0; 1: there is no more room; or -errno.
 */
struct call_subjects {
        int (*named)(void *userdata, const char *name); /* also without room: one that is wrong is told at once */
        int (*worker)(void *userdata, const struct worker *worker);
};

/** Each of the names; without any, each worker that the caller may see. @return 0 or -errno. */
int call_each_subject(struct call *call, char *const *names, size_t n_names, const struct call_subjects *fn, void *userdata);

/* ---- those that answer: 0, or -errno with `call->error` ------------------------------------------ */

int call_version(struct call *call);
int call_status(struct call *call);
int call_start(struct call *call);
int call_stop(struct call *call);
int call_restart(struct call *call);
int call_scale(struct call *call);
int call_reload(struct call *call);
int call_shutdown(struct call *call);
int call_daemon_upgrade(struct call *call);
int call_logs(struct call *call);
int call_log_files(struct call *call);
int call_events(struct call *call);
int call_rings(struct call *call);
int call_attach(struct call *call);
int call_peek(struct call *call);
int call_dead(struct call *call);
int call_locks(struct call *call);
int call_report(struct call *call);
int call_wait_for(struct call *call);
int call_signal(struct call *call);
int call_reset_failed(struct call *call);
int call_drain(struct call *call);
int call_reset(struct call *call);
int call_sockets(struct call *call);
int call_roll(struct call *call);
int call_upgrade(struct call *call);
int call_doctor(struct call *call);
int call_security(struct call *call);

/** How far the roll of a worker is, or how the last one ended, in a reply. @return 0, -ENOMEM. */
int call_fill_roll(struct call *call, const struct worker *worker, Ganger__V1__Roll **ret);

/** Why a configuration is refused: all that is wrong with it, a line each, as far as it fits a frame. */
int call_refuse_config(struct call *call, const struct config_errors *errors);

#endif
