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

/* ---- monitors and mutexes ------------------------------------------------------------------------ */
/*
 * A monitor is a lock with conditions to wait for; a mutex is one whose conditions nobody uses. Both survive the death of
 * anybody at any instruction: the lock of a dead holder goes to the next one, who is told (-EOWNERDEAD), as with POSIX's
 * robust mutexes (pthread_mutex_consistent(3)). Until the daemon has seen the death, the others wait.
 *
 * "Holding the lock" is a handle's, not a thread's: see `struct ganger_monitor`.
 */

/** A handle on a monitor. It is one participant: whoever uses it holds the lock or not. */
struct ganger_monitor;

/**
 * Open a handle on a monitor that this process was given.
 * @param name  of the monitor; NULL for the only one.
 * @param ret   the handle; free it with `ganger_monitor_close`.
 * @return 0, -ENOENT (no such monitor was given), -ENOTUNIQ (NULL, but there are several), -EUSERS (every handle that this
 *         process may have on it, or at all, is open), -ENOMEM.
 */
int ganger_monitor_open(struct ganger *g, const char *name, struct ganger_monitor **ret);

/**
 * Close a handle, which nobody uses. Closing it while it holds the lock is dying while holding it: the next one gets
 * -EOWNERDEAD.
 * @param m  may be NULL.
 * @return NULL.
 */
struct ganger_monitor *ganger_monitor_close(struct ganger_monitor *m);

/**
 * Take the lock.
 *
 * Linearises at one compare-and-swap of the monitor's word. Being asked to drain does not end the wait. Whoever comes while
 * the lock is free may take it before one who was woken for it, until that one was woken in vain several times: then it is
 * the next one to have it. So nobody waits for ever for a lock that is given back again and again.
 *
 * @param timeout_usec  0: do not wait; negative: wait without limit; else at most so long (CLOCK_MONOTONIC).
 * @return with the lock held: 0, or
 *         -EOWNERDEAD      whoever held it last died: what it guards may be half changed. Put that right, and call
 *                          `ganger_monitor_consistent` before `ganger_monitor_unlock`;
 *         without it:
 *         -EAGAIN          somebody holds it (timeout 0);  -ETIMEDOUT  for so long;
 *         -EDEADLK         this handle holds it already;
 *         -ENOTRECOVERABLE somebody unlocked it without putting it right: nobody will have it again;
 *         -EINTR           a signal handler without SA_RESTART ran while it waited.
 */
int ganger_monitor_lock(struct ganger_monitor *m, int64_t timeout_usec);

/**
 * Give the lock back, and wake one who waits for it. After -EOWNERDEAD, without `ganger_monitor_consistent`: nobody has
 * the lock any more; all who wait for it, and all who come, get -ENOTRECOVERABLE. Linearises at one store. Never blocks.
 * @return 0, -EPERM (this handle does not hold it).
 */
int ganger_monitor_unlock(struct ganger_monitor *m);

/**
 * After -EOWNERDEAD: what the lock guards is whole again. To be called with the lock held.
 * @return 0, -EPERM (this handle does not hold it), -EINVAL (nobody died, or it was called already).
 */
int ganger_monitor_consistent(struct ganger_monitor *m);

/**
 * Give the lock back and wait for a signal, in one step: whoever signals after having had the lock finds us waiting. Then
 * take the lock again, however long that takes.
 *
 * As in Mesa (Lampson and Redell, 1980), 0 means: look again. Others may have had the lock between the signal and us,
 * and a wait may end without a signal (at each death of a member, for one). But none is lost: a signal that was spent on
 * somebody who died of it is given to the others. So:
 *
 *         while (!there_is_work())
 *                 r = ganger_monitor_wait(m, 0, -1);      // and deal with r
 *
 * @param condition     0 … one less than the monitor has.
 * @param timeout_usec  as in `ganger_monitor_lock`; it is for the signal, not for the lock.
 * @return with the lock held: 0, or
 *         -EAGAIN (timeout 0), -ETIMEDOUT  no signal came;
 *         -ESHUTDOWN       this instance is asked to drain: the wait did not begin. (A wait that goes on when this is asked
 *                          returns 0; the next one does not begin.)
 *         -EINTR           a signal handler without SA_RESTART ran while it waited;
 *         -EOWNERDEAD      as in `ganger_monitor_lock`; at once, if that was told before and the state was not declared
 *                          consistent;
 *         without it:
 *         -ENOTRECOVERABLE as in `ganger_monitor_lock`;
 *         -EPERM           this handle did not hold it;
 *         -EINVAL          there is no such condition.
 */
int ganger_monitor_wait(struct ganger_monitor *m, unsigned int condition, int64_t timeout_usec);

/**
 * Wake one, or all, of those who wait for a condition. Makes no system call where nobody waits, and does not block.
 *
 * Change what they wait for with the lock held; the signal itself may be sent with it or after it. Whoever dies between the
 * change and the signal leaves nobody asleep: recovery wakes all.
 *
 * @return 0, -EINVAL (there is no such condition).
 */
int ganger_monitor_signal(struct ganger_monitor *m, unsigned int condition);
int ganger_monitor_broadcast(struct ganger_monitor *m, unsigned int condition);

/** A handle on a monitor, for those that need the lock alone. */
struct ganger_mutex;

/** As the functions for monitors; any monitor will do, also one without conditions. */
int ganger_mutex_open(struct ganger *g, const char *name, struct ganger_mutex **ret);
struct ganger_mutex *ganger_mutex_close(struct ganger_mutex *m);
int ganger_mutex_lock(struct ganger_mutex *m, int64_t timeout_usec);
int ganger_mutex_unlock(struct ganger_mutex *m);
int ganger_mutex_consistent(struct ganger_mutex *m);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
