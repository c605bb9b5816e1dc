/* SPDX-License-Identifier: MIT */
#ifndef GANGER_H
#define GANGER_H

/*
 * libganger: messages between processes that survive the death of any of them
 *
 * A process joins its gang once (`ganger_join`), and opens a handle (`struct ganger_ring`) on each ring
 * that it was given. A message that was received stays leased to the receiver until it acknowledges,
 * rejects or forwards it; if the process dies first, at whatever instruction, the message is delivered
 * again to another.
 *
 * Results. Functions return an `int`: 0 or more is success, less is `-errno`. What a function gives
 * back through a pointer is untouched when it fails. None prints, exits, or touches global state.
 *
 * Threads. A handle is used by one thread at a time; several threads use a handle each
 * (`ganger_ring_open` again). `struct ganger` itself may be used from any thread.
 *
 * Forks. A child does not inherit the rings: it must not use its parent's handles.
 *
 * Signals. No function is async-signal-safe, except `ganger_interrupt`.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/** Membership of a gang: what the daemon gave this process. */
struct ganger;

/** A handle on a ring. It is one participant: known to the ring by its number, recovered when it dies. */
struct ganger_ring;

/**
 * A message that was received, or that is being written.
 *
 * Made by `ganger_receive` or `ganger_reserve`, finished by exactly one of acknowledge, reject, forward
 * (received) or commit, cancel, forward (reserved). `data` points into the ring: it is valid until then.
 */
struct ganger_message {
        void *data;             /**< the payload, 16-byte aligned; read-only by agreement once received */
        size_t size;            /**< bytes; a writer sets it, at most `ganger_ring_message_max` */
        uint64_t id;            /**< names the message within its ring; the same at each delivery */
        uint32_t deliveries;    /**< 1 at the first delivery, up to 255; 0 for one being written */
        uint32_t slot;          /**< the library's own */
        struct ganger_ring *ring; /**< the handle it belongs to */
};

/** What a handle is for. */
enum {
        GANGER_RECEIVE = 1 << 0,
        GANGER_SEND = 1 << 1,
};

/** The longest reason that `ganger_reject` keeps, in bytes; longer ones are cut. */
#define GANGER_REASON_MAX 46

/* ---- membership -------------------------------------------------------------------------------- */

/**
 * Join the gang that this process was started for.
 *
 * Reads the handshake that gangerd left in the environment (`GANGER_HANDSHAKE`), removes that variable,
 * and takes over the file descriptors: those that it needs no more are closed, the others marked
 * close-on-exec. Does not block and does not talk to the daemon, so it works while the daemon is being
 * restarted. After a failure all is as it was before. Not to be called while other threads use the
 * environment.
 *
 * @param ret    receives the membership; free it with `ganger_leave`.
 * @param name   must be NULL.
 * @return 0, or
 *         -ENOENT      not started by gangerd, or its definition names no ring and no `io`;
 *         -EPROTO      the handshake is damaged or of another version;
 *         -EALREADY    this process has joined already;
 *         -EINVAL      `name` is not NULL;
 *         -EOPNOTSUPP  membarrier(2) is forbidden to this process (seccomp), and its rings rely on it;
 *         -ENOMEM, -EMFILE, and other errors of mmap(2).
 */
int ganger_join(struct ganger **ret, const char *name);

/**
 * Leave. Closes every handle that is open; messages not acknowledged are delivered again, at once. No
 * other thread may use a handle, or a message, from now on.
 * @param g  may be NULL.
 * @return NULL, so that `g = ganger_leave(g)` leaves no stale pointer.
 */
struct ganger *ganger_leave(struct ganger *g);

/**
 * Tell the daemon that this instance is ready (`ready = library` or `notify`).
 * The same as READY=1 of sd_notify(3). Never blocks for long: one datagram, for which it waits 5 s at
 * most (-EAGAIN).
 * @return 0, also where nobody waits to be told; or an error of socket(2) or sendto(2).
 */
int ganger_ready(struct ganger *g);

/**
 * Tell the daemon in a line of text what this instance does; shown by `gangerctl status`.
 * Nobody hears it with `ready = immediate`.
 * @param text  UTF-8, one line, at most 512 bytes (-EINVAL).
 * @return as `ganger_ready`.
 */
int ganger_status(struct ganger *g, const char *text);

/** The worker's name ("resize"), owned by `g`; "" in a process that is not an instance of a worker. */
const char *ganger_worker(const struct ganger *g);

/** The number of this instance, from 0. */
unsigned int ganger_instance(const struct ganger *g);

/**
 * Make every receive of this process end with -ESHUTDOWN, now and from now on, as when the daemon asks
 * it to drain. Sending goes on. Async-signal-safe: meant for a SIGTERM handler.
 */
void ganger_interrupt(struct ganger *g);

/* ---- simple use: rings by name ----------------------------------------------------------------- */
/*
 * The first use of a name opens a handle, which `g` keeps. For one thread: other threads open
 * handles of their own.
 */

/**
 * Receive from the ring of that name. See `ganger_ring_receive`.
 * @param ring  its name, or NULL for the only ring that this process receives from.
 * @return also -ENOENT: no ring of that name was given to this process for receiving;
 *              -ENOTUNIQ: NULL, but there are several.
 */
int ganger_receive(struct ganger *g, const char *ring, struct ganger_message *ret, int64_t timeout_usec);

/** Send to the ring of that name. See `ganger_ring_send`, and `ganger_receive` for the name. */
int ganger_send(struct ganger *g, const char *ring, const void *data, size_t size, int64_t timeout_usec);

/* ---- handles ----------------------------------------------------------------------------------- */

/**
 * Open a handle on a ring that this process was given.
 *
 * @param name   of the ring; NULL for the only one that fits `flags`.
 * @param flags  GANGER_RECEIVE, GANGER_SEND, or both.
 * @param ret    the handle; free it with `ganger_ring_close`.
 * @return 0, -ENOENT (no such ring was given), -EACCES (given, but not for this), -ENOTUNIQ, -EINVAL,
 *         -EUSERS (every handle that this process may have on this ring is open), -ENOMEM.
 */
int ganger_ring_open(struct ganger *g, const char *name, unsigned int flags, struct ganger_ring **ret);

/**
 * Close a handle. What it has reserved is cancelled, and what it has received is delivered again.
 * @param ring  may be NULL.
 * @return NULL.
 */
struct ganger_ring *ganger_ring_close(struct ganger_ring *ring);

/** The name of the ring, owned by the handle. */
const char *ganger_ring_name(const struct ganger_ring *ring);

/** The longest message that the ring takes, in bytes. */
size_t ganger_ring_message_max(const struct ganger_ring *ring);

/**
 * A file descriptor for poll(2), epoll(7) and event loops; owned by the handle.
 *
 * It is readable when there may be a message, or when this instance is asked to drain; at the first time
 * always. Then call `ganger_ring_receive` with a timeout of 0 until it does not return 0: -EAGAIN means
 * that the descriptor is armed again. Do not read from it. Until the first call of this function the
 * handle costs senders nothing; after it, a send makes a system call only while an armed handle waits.
 *
 * @return the descriptor, the same at each call; -EACCES (the handle does not receive), or an error of
 *         epoll_create1(2) or epoll_ctl(2).
 */
int ganger_ring_fd(struct ganger_ring *ring);

/* ---- receiving --------------------------------------------------------------------------------- */

/**
 * Receive a message, and lease it.
 *
 * Linearises at one compare-and-swap of the slot's word. Never waits for a sender that is half done.
 *
 * @param timeout_usec  0: do not wait; negative: wait without limit; else at most so long (CLOCK_MONOTONIC).
 * @return 0, or
 *         -EAGAIN     there is none (timeout 0);
 *         -ETIMEDOUT  there was none for so long;
 *         -ESHUTDOWN  this instance is asked to drain: take no more, finish what you hold, exit;
 *         -EINTR      a signal handler without SA_RESTART ran while it waited;
 *         -EACCES     the handle does not receive (or is closed);
 *         -EBADMSG    the ring is damaged.
 */
int ganger_ring_receive(struct ganger_ring *ring, struct ganger_message *ret, int64_t timeout_usec);

/**
 * Acknowledge: the message is done with, and its slot is free. Wakes a sender that waits for space.
 * @return 0, or -EINVAL: not a received message of an open handle (or finished already).
 */
int ganger_acknowledge(struct ganger_message *m);

/**
 * Reject: this message could not be worked on. It is delivered again in its place, or set aside as a
 * dead letter when it was delivered `max-deliveries` times.
 * @param reason  shown with the dead letter; cut after GANGER_REASON_MAX bytes; may be NULL.
 * @return 0 (will be delivered again), 1 (set aside as a dead letter), or -EINVAL.
 */
int ganger_reject(struct ganger_message *m, const char *reason);

/* ---- sending ----------------------------------------------------------------------------------- */

/**
 * Copy `size` bytes into a message and send it.
 * @param timeout_usec  how long to wait for space, as in `ganger_ring_receive`.
 * @return 0: accepted, it will not be lost; else it was not sent:
 *         -EMSGSIZE   longer than a slot (`ganger_ring_message_max`);
 *         -EAGAIN     the ring is full (timeout 0);  -ETIMEDOUT  it was full for so long;
 *         -EINTR, -EACCES, -EBADMSG  as in `ganger_ring_receive`.
 */
int ganger_ring_send(struct ganger_ring *ring, const void *data, size_t size, int64_t timeout_usec);

/**
 * Reserve a message to write in place: fill `ret->data`, set `ret->size`, then commit, cancel or forward
 * it soon. A reservation holds its place: when the ring has come round to it, other senders wait.
 * @param size  how much will be written at most; -EMSGSIZE if that does not fit.
 * @return as `ganger_ring_send`.
 */
int ganger_ring_reserve(struct ganger_ring *ring, size_t size, struct ganger_message *ret,
                        int64_t timeout_usec);

/**
 * Send a reserved message: from here on it is accepted.
 * @return 0, -EMSGSIZE (`size` was set longer than a slot; still reserved), -EINVAL (not reserved).
 */
int ganger_commit(struct ganger_message *m);

/** Give a reservation up. Its place in the ring stays unused until the ring has come round. @return 0 or -EINVAL. */
int ganger_cancel(struct ganger_message *m);

/**
 * Send `out` and acknowledge `in`, both or neither, whenever this process dies (exactly once from ring
 * to ring). Commits at one store in this process's journal. The handles must belong to one `struct
 * ganger`, and be this thread's.
 * @return 0; -EINVAL: `in` is not held, or `out` not reserved; -EXDEV: handles of different memberships;
 *         -EMSGSIZE: the size of `out` was set too long. After an error nothing was done.
 */
int ganger_forward(struct ganger_message *in, struct ganger_message *out);

/** How many messages one `ganger_forward_many` may finish, received and reserved together. */
#define GANGER_FORWARD_MAX 62

/**
 * As `ganger_forward`, for any number of received and of reserved messages: all are acknowledged and
 * sent, or none. With a ring that a process both receives from and sends to, it carries its own state
 * from step to step without a gap.
 * @return also -E2BIG: more than GANGER_FORWARD_MAX; -EINVAL: none at all, or one of them twice.
 */
int ganger_forward_many(struct ganger_message *const *in, size_t n_in, struct ganger_message *const *out,
                        size_t n_out);

/* ---- services ---------------------------------------------------------------------------------- */

/**
 * A handle on a service: one participant of it, that calls (GANGER_SEND), serves (GANGER_RECEIVE), or both.
 *
 * A call is served by one server at a time, and its reply can reach its caller and nobody else. If the server dies
 * first, at whatever instruction, the caller is told at once, by whoever recovers the dead; or, where the service
 * is declared idempotent, another server is given the call, up to `max-deliveries` times in all. If the caller dies
 * first, the call is served no more, or its reply is dropped.
 */
struct ganger_service;

/**
 * A call to serve: made by `ganger_service_receive`, finished by exactly one of `ganger_service_reply` and
 * `ganger_service_fail`. `data` and `reply` point into the service's memory: they are valid until then.
 */
struct ganger_request {
        const void *data;       /**< the request, 16-byte aligned */
        size_t size;            /**< bytes */
        void *reply;            /**< the reply may be written here, in place: `ganger_service_message_max` bytes */
        uint64_t id;            /**< names the call within its service; the same at each delivery */
        uint64_t deadline_usec; /**< CLOCK_MONOTONIC: after it nobody waits for the reply; UINT64_MAX: no limit */
        uint32_t deliveries;    /**< 1 at the first delivery, up to 255 */
        uint32_t caller;        /**< the library's own */
        struct ganger_service *service; /**< the handle it belongs to */
};

/** A call that is open: made by `ganger_service_begin`, over after `ganger_service_finish` or `_abandon`. */
struct ganger_call {
        uint64_t id;            /**< names the call within its service */
        uint64_t deadline_usec; /**< as in `struct ganger_request` */
        struct ganger_service *service; /**< the handle it belongs to; NULL once it is over */
};

/**
 * Open a handle on a service that this process was given.
 * @param name   NULL: the only service that fits `flags`.
 * @param flags  GANGER_SEND (call), GANGER_RECEIVE (serve), or both.
 * @param ret    the handle; free it with `ganger_service_close`. Calls and requests of it are void after that.
 * @return 0; -ENOENT (no service of that name), -EACCES (not given for that), -ENOTUNIQ, -EUSERS (no seat is left),
 *         -EINVAL, -ENOMEM.
 */
int ganger_service_open(struct ganger *g, const char *name, unsigned int flags, struct ganger_service **ret);

/**
 * Close a handle. Its open calls are abandoned; for what it has received it counts as a server that died.
 * @param service  may be NULL.
 * @return NULL.
 */
struct ganger_service *ganger_service_close(struct ganger_service *service);

/** The longest request, and the longest reply, in bytes. */
size_t ganger_service_message_max(const struct ganger_service *service);

/**
 * Call: send a request, wait for the reply. Linearises at one store of the slot's word, after which servers see it,
 * and for the reply at the server's compare-and-swap of the same word.
 *
 * @param reply         where the reply is copied to; after -EREMOTEIO and -ECONNRESET a text that says why, cut to
 *                      fit, with a 0 at its end.
 * @param reply_size    bytes at `reply`; 0: neither is wanted.
 * @param ret_size      how long the reply is; may be NULL.
 * @param timeout_usec  for all of it: waiting for a slot, for a server, for the reply. Negative: no limit; as long
 *                      as there is no server at all, a call waits. 0 makes no sense. Being asked to drain does not
 *                      end it.
 * @return 0, or
 *         -ETIMEDOUT   there was no reply for so long; perhaps it was served all the same;
 *         -ECONNRESET  its server died. The service is not idempotent, and nobody knows what was done; or so many
 *                      servers died of it;
 *         -EREMOTEIO   its server answered that it failed (`ganger_service_fail`);
 *         -ENOBUFS     the reply is longer than `reply_size`, and was dropped;
 *         -EMSGSIZE    the request is longer than `ganger_service_message_max`; nothing was called;
 *         -EINTR       a signal handler without SA_RESTART ran while it waited: given up, as after -ETIMEDOUT;
 *         -EINVAL      the timeout is 0;  -EACCES  the handle does not call;  -EBADMSG  the service is damaged.
 */
int ganger_service_call(struct ganger_service *service, const void *request, size_t size, void *reply,
                        size_t reply_size, size_t *ret_size, int64_t timeout_usec);

/**
 * Begin a call, and do not wait: so one thread can have several open. Each takes a slot of the service until it is
 * finished or abandoned.
 * @param timeout_usec  after it the call is served no more; negative: no limit; not 0.
 * @return 0; -EAGAIN: no slot is free; -EMSGSIZE, -EINVAL, -EACCES as of `ganger_service_call`.
 */
int ganger_service_begin(struct ganger_service *service, const void *request, size_t size, int64_t timeout_usec,
                         struct ganger_call *ret);

/**
 * Finish a call: take its reply.
 * @param timeout_usec  how long to wait for it; 0: only look; negative: until the call's own time is over.
 * @return -EAGAIN     not yet (whatever the timeout): the call stays open;
 *         -EINTR      as -EAGAIN, a signal handler ran;
 *         -ETIMEDOUT  the call's own time is over, and so is the call;
 *         -EINVAL     it was over before; else as `ganger_service_call`, and the call is over.
 */
int ganger_service_finish(struct ganger_call *call, void *reply, size_t reply_size, size_t *ret_size,
                          int64_t timeout_usec);

/** Give a call up: it is served no more, or its reply is dropped. @return 0; -EINVAL: it was over before. */
int ganger_service_abandon(struct ganger_call *call);

/**
 * Take a call to serve. Linearises at one compare-and-swap of the slot's word. Calls whose time is over are passed
 * over. About in the order in which they were made: before any call, each other slot of the service is served at
 * most once by each server.
 * @param timeout_usec  0: do not wait; negative: wait without limit; else at most so long (CLOCK_MONOTONIC).
 * @return 0; -EAGAIN, -ETIMEDOUT, -ESHUTDOWN, -EINTR, -EACCES as of `ganger_ring_receive`.
 */
int ganger_service_receive(struct ganger_service *service, struct ganger_request *ret, int64_t timeout_usec);

/** A file descriptor for event loops: as `ganger_ring_fd`, with `ganger_service_receive`. */
int ganger_service_fd(struct ganger_service *service);

/**
 * Reply. Makes a system call only if the caller sleeps.
 * @param data  what is copied; or `request->reply`, if it was written there.
 * @return 0; 1: nobody waits for it any more, it was dropped; -EMSGSIZE (still to be finished); -EINVAL: not a
 *         request that this handle has received (or it is finished already).
 */
int ganger_service_reply(struct ganger_request *request, const void *data, size_t size);

/**
 * Answer that it failed: the caller gets -EREMOTEIO and the reason. Nobody else is given the call.
 * @param reason  cut after `ganger_service_message_max` bytes; may be NULL.
 * @return as `ganger_service_reply`.
 */
int ganger_service_fail(struct ganger_request *request, const char *reason);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
