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
 * Reject: this message could not be worked on. It is delivered again in its place, after the ring's delay if it has
 * one, or set aside as a dead letter when it was delivered `max-deliveries` times.
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
 *         -EDQUOT     the ring has as many dead letters as it may, and refuses to take more messages until some are
 *                     retried or dropped (timeout 0; else this waits as for space);
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

/* ---- messages that rest -------------------------------------------------------------------------- */
/*
 * What comes back, because it was rejected or its receiver died, may rest before it is delivered again: each
 * ring has a delay of its own (0, usually). A receiver that waits, and the descriptor of one that polls, wake up when it is due. The
 * clock is CLOCK_MONOTONIC, and it may be a millisecond late.
 */

/** The longest rest, in microseconds: a week. */
#define GANGER_DELAY_MAX_USEC INT64_C(604800000000)

/**
 * As `ganger_reject`, but the message rests for so long, whatever the delay of the ring.
 * @param delay_usec  0: none; up to GANGER_DELAY_MAX_USEC.
 * @return as `ganger_reject`; -EINVAL also for another delay.
 */
int ganger_reject_after(struct ganger_message *m, const char *reason, int64_t delay_usec);

/* ---- batches ------------------------------------------------------------------------------------- */
/*
 * Many messages with one call. Each is accepted, delivered and finished by itself, so a process that dies half-way
 * has done some (`ganger_forward_many` does all or none). What is saved are calls and wake-ups: those who wait are woken once
 * for the whole batch, at its end.
 */

/**
 * Receive up to `n` messages: waits for the first as `ganger_ring_receive` does, and takes what is there besides.
 * @param ret  an array of `n`; what was received is at its beginning.
 * @param n    at least 1 (-EINVAL). A receiver holds what it takes: with many, others may have nothing to do.
 * @return how many, 1 or more; else as `ganger_ring_receive`.
 */
int ganger_ring_receive_many(struct ganger_ring *ring, struct ganger_message *ret, size_t n, int64_t timeout_usec);

/**
 * Acknowledge `n` messages that this thread has received, from whichever rings.
 * @return 0, or -EINVAL: one of them is not a received message, and nothing was done; or one is a copy of another, and
 *         that other, as all the rest, is done.
 */
int ganger_acknowledge_many(struct ganger_message *m, size_t n);

/**
 * Reserve up to `n` messages: waits for the first as `ganger_ring_reserve` does, and takes what space there is besides.
 * @return how many, 1 or more; else as `ganger_ring_reserve`; -EINVAL: `n` is 0.
 */
int ganger_ring_reserve_many(struct ganger_ring *ring, size_t size, struct ganger_message *ret, size_t n,
                             int64_t timeout_usec);

/**
 * Send `n` messages that this thread has reserved, in the order of the array, on whichever rings.
 * @return 0; -EINVAL, -EMSGSIZE: as `ganger_commit`, of one of them; nothing was done.
 */
int ganger_commit_many(struct ganger_message *m, size_t n);

/* ---- numbered messages --------------------------------------------------------------------------- */
/*
 * A producer that is killed in a send leaves its replacement in doubt: was the last message accepted? A producer that
 * numbers its messages is told. It has a key that its replacement knows too, such as `ganger_instance`, and gives each
 * message a number higher than the last: the line or the offset in its input, say.
 */

/** Keys that one ring can have over its life. They are never taken back, so they should be few, and used again. */
#define GANGER_PRODUCERS_MAX 128

/**
 * Be the producer of that key on this ring, with this handle, until it is closed. Linearises at a compare-and-swap.
 * @param producer  any number but UINT64_MAX (-EINVAL).
 * @param ret_sequence  the highest number that was accepted from it, whichever process it was; 0: none.
 * @return 0, also if it is already;
 *         -EBUSY     another handle is, or its process died and is not recovered yet (a replacement of the daemon's is
 *                    started after that);
 *         -EALREADY  this handle is another producer;
 *         -EUSERS    the ring has had GANGER_PRODUCERS_MAX keys;
 *         -EACCES    the handle does not send (or is closed).
 */
int ganger_ring_produce(struct ganger_ring *ring, uint64_t producer, uint64_t *ret_sequence);

/**
 * As `ganger_ring_send`, for the message of that number. Killed at any instruction, the message was accepted if and
 * only if the next `ganger_ring_produce` says so.
 * @param sequence  higher than the last; numbers may be left out.
 * @return also -EALREADY: this number, or a higher one, was accepted before; nothing was sent;
 *              -EINVAL: the handle is no producer.
 */
int ganger_ring_send_sequenced(struct ganger_ring *ring, uint64_t sequence, const void *data, size_t size,
                               int64_t timeout_usec);

/** As `ganger_commit`, for the message of that number. @return also -EALREADY (still reserved). */
int ganger_commit_sequenced(struct ganger_message *m, uint64_t sequence);

/**
 * Ask, with any handle, for the highest number that was accepted from a producer. While that sends, it is one that
 * was right during the call.
 * @return 0, -ENOENT (there was no such producer), -EACCES (the handle is closed).
 */
int ganger_ring_sequence(struct ganger_ring *ring, uint64_t producer, uint64_t *ret);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
