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
        GANGER_OLDEST = 1 << 2,         /**< of a broadcast's reader: begin with the oldest message that is kept */
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

/* ---- broadcasts -------------------------------------------------------------------------------- */
/*
 * A broadcast carries messages of any size from one writer at a time to any number of readers; every reader sees
 * every message, in order, from the moment on when it opened its handle. When a writer dies, the next one goes on
 * behind the last message that was published; one that was half written was never there. What happens when the ring
 * is full of what some reader has not read is the policy of the ring:
 *
 *      lossy   the oldest messages are overwritten. A reader that was overtaken goes on with the oldest one that is
 *              kept, and is told how many it missed. The writer never waits; readers leave no trace in memory
 *      wait    the writer waits for the slowest reader
 *      refuse  the message is refused
 *      drop    the slowest reader is dropped: it is told so, and may subscribe again
 *
 * But for lossy ones there is a greatest number of readers. A reader that dies is forgotten at once when it is
 * recovered, and stops nobody any longer. A process that only receives maps the messages read-only: its mistakes
 * cannot spoil them for others. That is no protection from malice: the descriptor that it was handed would allow it
 * to map them for writing.
 *
 * Records that may be overwritten while they are copied are validated as in H.-J. Boehm, "Can seqlocks get along with
 * programming language memory models?" (2012), by an intent counter as in Aeron's broadcast buffer.
 */

/** The writer of a broadcast, or one of its readers. */
struct ganger_broadcast;

/**
 * Open a handle on a broadcast. Never blocks.
 *
 * @param name   of the broadcast; NULL for the only one that fits `flags`.
 * @param flags  GANGER_SEND: become the writer; linearises at a compare-and-swap. GANGER_RECEIVE: become a reader,
 *         which sees what is published from now on; with GANGER_OLDEST also what is still kept. Linearises when the
 *         position is confirmed, one load.
 * @param ret    the handle; free it with `ganger_broadcast_close`.
 * @return 0, -EBUSY (a living process is the writer, or one that was not recovered yet: try again when it is),
 *         -EUSERS (also: as many readers as there may be), -EBADMSG (the ring is damaged), or as `ganger_ring_open`.
 */
int ganger_broadcast_open(struct ganger *g, const char *name, unsigned int flags, struct ganger_broadcast **ret);

/**
 * Close it: another may write, or nobody waits for this reader any longer. What was appended is published.
 * @param b  may be NULL.
 * @return NULL.
 */
struct ganger_broadcast *ganger_broadcast_close(struct ganger_broadcast *b);

/** The name of the broadcast, owned by the handle. */
const char *ganger_broadcast_name(const struct ganger_broadcast *b);

/** The longest message that it takes, in bytes: less than half of its capacity. */
size_t ganger_broadcast_message_max(const struct ganger_broadcast *b);

/**
 * A file descriptor for poll(2), epoll(7) and event loops; a reader's. See `ganger_ring_fd`: call
 * `ganger_broadcast_receive` or `ganger_broadcast_peek` with a timeout of 0 until it does not return 0.
 * @return the descriptor, the same at each call; -EACCES (the handle does not receive), or an error of
 *         epoll_create1(2) or epoll_ctl(2).
 */
int ganger_broadcast_fd(struct ganger_broadcast *b);

/**
 * Copy `size` bytes into a message and publish it, with all that were appended before. Linearises at one store.
 * @param timeout_usec  with policy wait: 0: do not wait for the slowest reader; negative: wait without limit; else at
 *         most so long (CLOCK_MONOTONIC). With other policies it never waits.
 * @return 0: published; else it was not:
 *         -EMSGSIZE   longer than `ganger_broadcast_message_max`;
 *         -EAGAIN     some reader has not read enough (policy wait with timeout 0; policy refuse);
 *         -ETIMEDOUT  the same for so long;
 *         -EINTR      a signal handler without SA_RESTART ran while it waited;
 *         -EACCES     the handle does not send;
 *         -EBADMSG    the ring is damaged.
 */
int ganger_broadcast_send(struct ganger_broadcast *b, const void *data, size_t size, int64_t timeout_usec);

/**
 * As `ganger_broadcast_send`, but readers see the message only after `ganger_broadcast_publish`, a send, a commit, or
 * the close: many messages, one store. Until then it is lost if this process dies. Now and then, when room is to be
 * made, what was appended before is published all the same, whatever this returns.
 */
int ganger_broadcast_append(struct ganger_broadcast *b, const void *data, size_t size, int64_t timeout_usec);

/** Publish all that was appended, by one store. Never blocks. @return 0 or -EACCES. */
int ganger_broadcast_publish(struct ganger_broadcast *b);

/**
 * Reserve a message to write in place, then commit it. The next reserve, append or send gives the reservation up.
 * @param size  how much will be written at most.
 * @param ret   where; 16-byte aligned, valid until then.
 * @return as `ganger_broadcast_send`.
 */
int ganger_broadcast_reserve(struct ganger_broadcast *b, size_t size, void **ret, int64_t timeout_usec);

/**
 * The reserved message is complete: publish it, with all that were appended before.
 * @param size  of the message, at most what was reserved (-EMSGSIZE; it is still reserved).
 * @return 0: published; -EMSGSIZE; -EINVAL: nothing is reserved.
 */
int ganger_broadcast_commit(struct ganger_broadcast *b, size_t size);

/**
 * Copy the next message out; with policies other than lossy, it is consumed too. Linearises at the load that shows
 * that it was not overwritten meanwhile, or else was published. What is in `buffer` after a failure means nothing.
 *
 * @param size          of the buffer, in bytes.
 * @param ret_size      of the message; may be NULL.
 * @param ret_missed    how many messages before this one were overwritten before they could be read: exact, and 0
 *         unless the policy is lossy; may be NULL.
 * @param timeout_usec  as in `ganger_ring_receive`.
 * @return 0, or
 *         -EAGAIN, -ETIMEDOUT, -ESHUTDOWN, -EINTR  as `ganger_ring_receive`;
 *         -EMSGSIZE   longer than `size`; it stays, and can be received with a larger buffer;
 *         -ENOTCONN   this reader was dropped (policy drop): see `ganger_broadcast_subscribe`;
 *         -EACCES     the handle does not receive;
 *         -EBADMSG    the ring is damaged.
 */
int ganger_broadcast_receive(struct ganger_broadcast *b, void *buffer, size_t size, size_t *ret_size, uint64_t *ret_missed,
                             int64_t timeout_usec);

/**
 * Look at the next message in place; not if the policy is lossy. The same one again, until it is consumed. With
 * policies wait and refuse it is safe until then. With policy drop it may be overwritten at any moment, while it is
 * looked at too: believe what was read of it only when `ganger_broadcast_consume` returned 0.
 *
 * @param ret_data  16-byte aligned, not to be written to.
 * @return as `ganger_broadcast_receive`, but for -EMSGSIZE; -EOPNOTSUPP: the policy is lossy.
 */
int ganger_broadcast_peek(struct ganger_broadcast *b, const void **ret_data, size_t *ret_size, int64_t timeout_usec);

/**
 * Done with the message that was peeked at: the writer may have its space. Linearises at one store.
 * @return 0; -EINVAL: nothing was peeked at; -ENOTCONN: this reader was dropped, and the message may have been
 *         overwritten while it was looked at.
 */
int ganger_broadcast_consume(struct ganger_broadcast *b);

/**
 * Subscribe again after having been dropped (-ENOTCONN). The reader kept its place meanwhile.
 * @param flags       0, or GANGER_OLDEST, as in `ganger_broadcast_open`.
 * @param ret_missed  how many messages came after the last one that was received or consumed, and are skipped; may be
 *         NULL.
 * @return 0; -EISCONN: not dropped; -EINVAL (flags); -EACCES; -EBADMSG.
 */
int ganger_broadcast_subscribe(struct ganger_broadcast *b, unsigned int flags, uint64_t *ret_missed);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
