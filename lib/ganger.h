/* SPDX-License-Identifier: MIT */
#ifndef GANGER_H
#define GANGER_H

/*
 * libganger: messages between processes that survive the death of any of them
 *
 * A process joins its gang once (`ganger_join`), and opens a handle (`struct ganger_ring`, and others for other kinds) on
 * each ring, service or lock that it was given. A message that was received stays leased to the receiver until it
 * acknowledges, rejects or forwards it; if the process dies first, at whatever instruction, the message is delivered
 * again to another.
 *
 * Results. Functions return an `int`: 0 or more is success, less is `-errno`. What a function gives
 * back through a pointer is untouched when it fails. None prints, exits, or touches global state.
 *
 * Threads. A handle is used by one thread at a time; several threads use a handle each
 * (`ganger_ring_open` again). `struct ganger` itself may be used from any thread.
 *
 * Forks. A child does not inherit rings, services and locks: it must not use, close or leave what its parent had opened or
 * joined. It may join as a member of its own, and overwrite its copy of the `struct ganger *` with that; what was behind it
 * goes with the process.
 *
 * Signals. No function is async-signal-safe, except `ganger_interrupt`.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/** Membership of a gang: what the daemon gave this process. */
struct ganger;

/** A handle on a ring of kind `queue`. It is one participant: known to the ring by its number, recovered when it dies. */
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
 * Reads the handshake that gangerd (or a host: see below) left in the environment (`GANGER_HANDSHAKE`), removes that
 * variable, and takes over the file descriptors: those that it needs no more are closed, the others marked
 * close-on-exec. Does not block and does not talk to the daemon, so it works while the daemon is being
 * restarted. After a failure all is as it was before. Not to be called while other threads use the
 * environment.
 *
 * @param ret    receives the membership; free it with `ganger_leave`.
 * @param name   must be NULL.
 * @return 0, or
 *         -ENOENT      not started by gangerd or by a host, or its definition names no ring, service or lock, no `io`, no
 *                      `heartbeat` and no spares;
 *         -EPROTO      the handshake is damaged;
 *         -EPROTONOSUPPORT  it, or what it names, is of another version than this library's: link both sides with one;
 *         -EALREADY    this process has joined by this function already;
 *         -EINVAL      `name` is not NULL;
 *         -EOPNOTSUPP  membarrier(2) is forbidden to this process (seccomp), and what it was given relies on it;
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
 * Say that this process lives, for the key `heartbeat` of its worker: to be called more often than each
 * GANGER_HEARTBEAT_USEC (in the environment: microseconds; not set where nobody looks), from where the work is done.
 * One addition in shared memory, and no system call: it never blocks and cannot fail. Any thread may call it, and a
 * signal handler. In a process that is not an instance of a worker it does nothing that anybody sees. What was
 * counted outlives the daemon's manager; the next one gives a whole period.
 */
void ganger_heartbeat(struct ganger *g);

/**
 * Is this process a spare (`standby` in its worker)? While it is one, its receives wait, and it takes over when an
 * instance of its worker ends: from then on the answer is no. For a program that receives nothing, such as a leader,
 * which must not act before. Thread-safe and async-signal-safe. Also in the environment at the start: GANGER_STANDBY=1.
 * @return 1 if it is one, else 0.
 */
int ganger_is_standby(const struct ganger *g);

/**
 * Wait until this process is no spare any more. Returns at once in one that is none. Thread-safe.
 * @param timeout_usec  how long to wait, in microseconds: 0 does not wait, -1 waits for ever.
 * @return 0          it is not, or no longer, a spare;
 *         -EAGAIN    it is one, and timeout_usec is 0; -ETIMEDOUT;
 *         -ESHUTDOWN this instance is asked to drain: end;
 *         -EINTR     a signal handler ran.
 */
int ganger_wait_active(struct ganger *g, int64_t timeout_usec);

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
 * Linearises at one compare-and-swap of the slot's word. Never waits for a sender that is half done. In the midst of a
 * stream of messages it looks again after a microsecond or some before it says that there is none.
 *
 * While this instance is held (`gangerctl drain`, or it is a spare: `standby`) there is nothing to receive for it,
 * whatever is in the ring: a receive waits until it is held no more, and the descriptor is not readable for what comes.
 * So it is for all that is received, of whatever kind.
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
 *         -EMSGSIZE   longer than the ring takes (`ganger_ring_message_max`);
 *         -EAGAIN     the ring is full, or its heap has no room, in one piece, for this message (timeout 0);
 *         -ETIMEDOUT  it was so for that long;
 *         -EDQUOT     the ring has as many dead letters as it may, and refuses to take more messages until some are
 *                     retried or dropped (timeout 0; else this waits as for space);
 *         -EINTR, -EACCES, -EBADMSG  as in `ganger_ring_receive`.
 */
int ganger_ring_send(struct ganger_ring *ring, const void *data, size_t size, int64_t timeout_usec);

/**
 * Reserve a message to write in place: fill `ret->data`, set `ret->size`, then commit, cancel or forward
 * it soon. A reservation holds its place: when the ring has come round to it, other senders wait.
 * @param size  how much will be written at most; -EMSGSIZE if the ring takes no such message. If that is longer than a
 *              slot, so much of the heap is kept for it; what it does not need is given back when it is committed.
 * @return as `ganger_ring_send`.
 */
int ganger_ring_reserve(struct ganger_ring *ring, size_t size, struct ganger_message *ret,
                        int64_t timeout_usec);

/**
 * Send a reserved message: from here on it is accepted.
 * @return 0, -EMSGSIZE (`size` was set longer than a slot, or than what was reserved in the heap; still reserved),
 *         -EINVAL (not reserved).
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

/* ---- pipes ------------------------------------------------------------------------------------- */
/*
 * A pipe carries messages of any size from one writer to one reader, in order. A handle is one end of it. What was
 * published is there until it is consumed, whoever dies: the next reader begins with the first message that
 * the dead one had not consumed, and the next writer goes on behind the last one that was published.
 *
 * A ring of bytes with two positions; see L. Lamport, "Proving the correctness of multiprocess programs" (1977). Each
 * end keeps what it knows of the other's position to itself, as in FastFlow. Neither end uses an atomic read-modify-write.
 */

/** One end of a pipe. */
struct ganger_pipe;

/**
 * Open an end of a pipe. Linearises at the compare-and-swap by which it is taken.
 *
 * @param name   of the pipe; NULL for the only one that fits `flags`.
 * @param flags  GANGER_SEND (the writer) or GANGER_RECEIVE (the reader).
 * @param ret    the handle; free it with `ganger_pipe_close`.
 * @return 0, -EBUSY (a living process has that end, or one that was not recovered yet: try again when it is),
 *         -EBADMSG (the pipe is damaged), or as `ganger_ring_open`.
 */
int ganger_pipe_open(struct ganger *g, const char *name, unsigned int flags, struct ganger_pipe **ret);

/**
 * Close it, so that another may open that end. What was appended is published. What was peeked at and not consumed is
 * there for the next reader.
 * @param pipe  may be NULL.
 * @return NULL.
 */
struct ganger_pipe *ganger_pipe_close(struct ganger_pipe *pipe);

/** The name of the pipe, owned by the handle. */
const char *ganger_pipe_name(const struct ganger_pipe *pipe);

/** The longest message that the pipe takes, in bytes: less than half of its capacity. */
size_t ganger_pipe_message_max(const struct ganger_pipe *pipe);

/**
 * A file descriptor for poll(2), epoll(7) and event loops; the reader's. See `ganger_ring_fd`: call `ganger_pipe_peek` or
 * `ganger_pipe_receive` with a timeout of 0 until it does not return 0.
 * @return the descriptor, the same at each call; -EACCES (the handle does not receive), or an error of
 *         epoll_create1(2) or epoll_ctl(2).
 */
int ganger_pipe_fd(struct ganger_pipe *pipe);

/**
 * Copy `size` bytes into a message and publish it, with all that were appended before.
 * Linearises at one store of the writer's position.
 * @param timeout_usec  0: do not wait for space; negative: wait without limit; else at most so long (CLOCK_MONOTONIC).
 *         The wait is for the reader, or for one who takes the place of a dead one: none needs to be there.
 * @return 0: accepted, it will not be lost; else it was not sent:
 *         -EMSGSIZE   longer than `ganger_pipe_message_max`;
 *         -EAGAIN     there is no space (timeout 0);  -ETIMEDOUT  there was none for so long;
 *         -EINTR      a signal handler without SA_RESTART ran while it waited;
 *         -EACCES     the handle does not send;
 *         -EBADMSG    the pipe is damaged.
 */
int ganger_pipe_send(struct ganger_pipe *pipe, const void *data, size_t size, int64_t timeout_usec);

/**
 * As `ganger_pipe_send`, but the reader sees the message only after `ganger_pipe_publish`, a send, a commit, or the
 * close: many messages, one store. Until then it is lost if this process dies. When there is no space, what was appended
 * before is published all the same, whatever this returns: the reader could make none otherwise.
 */
int ganger_pipe_append(struct ganger_pipe *pipe, const void *data, size_t size, int64_t timeout_usec);

/** Publish all that was appended, by one store. Never blocks. @return 0 or -EACCES. */
int ganger_pipe_publish(struct ganger_pipe *pipe);

/**
 * Reserve a message to write in place, then commit it. The next reserve, append or send gives the reservation up.
 * @param size  how much will be written at most.
 * @param ret   where; 16-byte aligned, valid until then.
 * @return as `ganger_pipe_send`.
 */
int ganger_pipe_reserve(struct ganger_pipe *pipe, size_t size, void **ret, int64_t timeout_usec);

/**
 * The reserved message is complete: publish it, with all that were appended before.
 * @param size  of the message, at most what was reserved (-EMSGSIZE; it is still reserved).
 * @return 0: accepted; -EMSGSIZE; -EINVAL: nothing is reserved.
 */
int ganger_pipe_commit(struct ganger_pipe *pipe, size_t size);

/**
 * The next message that was not peeked at yet, in place. It is valid until it is consumed, and keeps its space until
 * then: to wait here with so much peeked at that the writer has no space is to wait for ever.
 *
 * @param ret_data      16-byte aligned, not to be written to.
 * @param timeout_usec  as in `ganger_ring_receive`.
 * @return 0, or
 *         -EAGAIN, -ETIMEDOUT, -ESHUTDOWN, -EINTR  as `ganger_ring_receive`;
 *         -EACCES     the handle does not receive;
 *         -EBADMSG    the pipe is damaged.
 */
int ganger_pipe_peek(struct ganger_pipe *pipe, const void **ret_data, size_t *ret_size, int64_t timeout_usec);

/**
 * Done with all that were peeked at: they do not come again, and the writer has their space. One store, at which it
 * linearises. Never blocks.
 * @return 0 or -EACCES.
 */
int ganger_pipe_consume(struct ganger_pipe *pipe);

/**
 * Copy the next message out, and consume it, with all that were peeked at before. If this process dies between the two, the
 * message comes again.
 * @return as `ganger_pipe_peek`; -EMSGSIZE: longer than `size`; it stays, and can be peeked at.
 */
int ganger_pipe_receive(struct ganger_pipe *pipe, void *buffer, size_t size, size_t *ret_size, int64_t timeout_usec);

/**
 * Copy up to `n` messages, and publish them with all that were appended before, by one store: waits for space for the first
 * as `ganger_pipe_send` does, and sends what there is space for besides. Where the pipe is full half-way, those before
 * are published first.
 * @param messages  where each lies and its size; not kept.
 * @param n         1 … INT_MAX (-EINVAL).
 * @return how many were accepted, 1 or more, from the first on: fewer than `n` if there was no space, or the next one is too
 *         long; else as `ganger_pipe_send`, and none was.
 */
int ganger_pipe_send_many(struct ganger_pipe *pipe, const struct iovec *messages, size_t n, int64_t timeout_usec);

/**
 * As `ganger_pipe_peek` for up to `n` messages: waits for the first, and takes what is there besides.
 * @param ret  an array of `n`; each 16-byte aligned, not to be written to.
 * @param n    1 … INT_MAX (-EINVAL).
 * @return how many, 1 or more; else as `ganger_pipe_peek`.
 */
int ganger_pipe_peek_many(struct ganger_pipe *pipe, struct iovec *ret, size_t n, int64_t timeout_usec);

/* ---- hosts: rings, services and locks without the daemon ---------------------------------------- */
/*
 * A program makes rings, services and locks (objects, below) for itself, its children, or unrelated programs, and does for
 * them what gangerd does for its workers: it admits each process as a member, and when one has died it recovers it.
 *
 *      ganger_host_new(&h, "crawler");
 *      ganger_host_add(h, "jobs", &(struct ganger_definition){ .kind = GANGER_QUEUE, .slots = 1024,
 *                                                              .message_max = 256, .max_deliveries = 3 });
 *      ganger_host_admit(h, NULL, 0, 1, &m);
 *      pid = fork();
 *      if (pid == 0)
 *              exit(ganger_member_join(m, &g) < 0 ? 1 : work(g));
 *      waitpid(pid, &status, 0);
 *      ganger_member_recover(m, "it crashed", NULL);
 *      m = ganger_member_free(m);
 *
 * Threads. A host may be used from any thread, a member by one at a time.
 *
 * Forks. In a child of the process that made the host only these work: ganger_member_join,
 * ganger_member_environment, ganger_member_descriptors, ganger_member_inherit, and ganger_member_free and
 * ganger_host_free, which then close the child's descriptors and free its memory, and do nothing to what is
 * shared (not if another thread used the host at the fork). The others are -EPERM.
 *
 * When the host itself dies, its members go on, but nobody recovers them any more: let children die with it
 * (PR_SET_PDEATHSIG). Its objects end with their last process.
 *
 * Waiting. The thread that recovers the dead must not wait without limit for what a member does: a call that is served, a
 * lock that is given back, a message, space. If that member dies meanwhile, the wait is for the recovery which the waiter
 * itself is to do, and never ends. It gives its waits a time, and looks after its members in between; or another thread
 * recovers.
 *
 * Not here: looking at a ring, and at its dead letters. A program that wants to see those itself sets
 * `max_deliveries` to 255, looks at `deliveries` of each message, and sends it to a ring of its own when it
 * is enough.
 */

/** A program that makes objects, gives them to processes, and recovers those that die. */
struct ganger_host;

/** One process that a host has admitted, or one to be. */
struct ganger_member;

/** What a host can make: the kinds of objects. The numbers never change. */
enum ganger_kind {
        GANGER_QUEUE = 1,       /**< a ring: any senders, any receivers, each message to one of them */
        GANGER_PIPE = 2,        /**< a ring: one sender, one receiver, messages of any size */
        GANGER_BROADCAST = 3,   /**< a ring: one sender, each message to every receiver */
        GANGER_SERVICE = 4,     /**< calls, and replies to them */
        GANGER_SEMAPHORE = 5,   /**< a lock: permits */
        GANGER_MONITOR = 6,     /**< a lock: a mutex, with conditions or without */
        GANGER_COUNTER = 7,     /**< a lock: counters that are read and changed as one */
};

/** Policies of a queue: what happens when there are `dead_max` dead letters and one more. */
enum {
        GANGER_DEAD_REFUSE = 0,         /**< senders are refused until some are retried or dropped */
        GANGER_DEAD_DROP_OLDEST = 1,    /**< the one that was sent first is dropped */
};

/** Policies of a broadcast: what happens when the ring is full; see "broadcasts". */
enum {
        GANGER_BROADCAST_LOSSY = 0,
        GANGER_BROADCAST_WAIT = 1,
        GANGER_BROADCAST_DROP = 2,
        GANGER_BROADCAST_REFUSE = 3,
};

/** Policies of a service: what happens to a call whose server died. */
enum {
        GANGER_SERVICE_AT_MOST_ONCE = 0, /**< it fails */
        GANGER_SERVICE_IDEMPOTENT = 1,  /**< another server tries, up to `max_deliveries` in all */
};

/** Policies of a semaphore. */
enum {
        GANGER_SEMAPHORE_PLAIN = 0,
        /**
         * The POSIX semaphore of the same name, too: programs that know sem_open(3) only have a share in the permits. It is
         * made with mode 0600 (-EEXIST: there is one), and its name goes when the host that made it is freed.
         */
        GANGER_SEMAPHORE_POSIX = 1,
};

/** What to make. What a kind has no use for is 0. */
struct ganger_definition {
        uint32_t kind;          /**< an `enum ganger_kind` */
        /**
         * queue: messages that it holds, a power of two, from 2 to 2^20; broadcast: readers, from 1 to 64, and 0 if
         * lossy; service: calls that are open at the same time, a power of two, from 2 to 4,096; semaphore: permits, from
         * 1 to 4,096; monitor: conditions, from 0 (a mutex) to 64; counter: counters, from 1 to 1,024
         */
        uint32_t slots;
        /**
         * bytes of the longest message (service: request or reply), from 1; queue, service: to 16 MiB; pipe: to capacity
         * / 2 - 8; broadcast: to capacity / 2 - 32
         */
        uint32_t message_max;
        /**
         * queue: from 1 to 255; delivered so often, a message becomes a dead letter. Service: 0 or 1; if idempotent, from
         * 1 to 255: how many servers may die of a call
         */
        uint32_t max_deliveries;
        uint32_t capacity;      /**< pipe, broadcast: bytes of the ring, a power of two, from 4 KiB (broadcast: 128) to 1 GiB */
        uint32_t policy;        /**< queue, broadcast, service, semaphore: one of those above */
        uint32_t dead_max;      /**< queue: dead letters that are kept; 0: no limit but the slots */
        uint32_t delay_msec;    /**< queue: how long a message that came back rests, in milliseconds */
        /**
         * queue: bytes that a slot holds itself, less than message_max; 0: message_max, and no heap. A longer message
         * lies in the heap of the queue.
         */
        uint32_t slot_size;
        /**
         * queue: bytes of the heap, from message_max to 1 GiB; 0: none. A message takes whole blocks of it, of 64 bytes
         * to 4 KiB.
         */
        uint32_t heap_size;
        uint32_t reserved[6];   /**< 0 */
};

/** What a member may do with one object. */
struct ganger_grant {
        const char *name;       /**< of the object */
        unsigned int flags;     /**< GANGER_RECEIVE, GANGER_SEND, or both; of a lock: 0, or both, which is the same */
};

/** What a recovery found. */
struct ganger_recovery {
        uint32_t returned;      /**< messages that are delivered again */
        uint32_t dead;          /**< messages that became dead letters */
        uint32_t cancelled;     /**< messages that were half written */
        uint32_t redone;        /**< steps of a forward, committed and not finished, that were finished */
        uint32_t locks;         /**< monitors whose lock it held: inconsistent now */
        uint32_t damaged;       /**< rings, services and locks of it whose memory is damaged: see `ganger_host_inspect` */
        uint32_t reserved[2];   /**< 0 */
};

/**
 * Make a host, without objects.
 * @param ret   free it with `ganger_host_free`.
 * @param name  what `ganger_worker` says in its members (letters, digits, `-`, `_`, `.`; at most 63 bytes);
 *              may be NULL: "".
 * @return 0, -EINVAL (no such name is allowed), -ENOMEM.
 */
int ganger_host_new(struct ganger_host **ret, const char *name);

/**
 * Free a host, its members (as `ganger_member_free` does, with all that it demands), and its mappings of the
 * objects.
 * @param h  may be NULL.
 * @return NULL.
 */
struct ganger_host *ganger_host_free(struct ganger_host *h);

/**
 * Make an object: a ring, a service or a lock. All its memory is allocated now. Who is admitted from now on can have it.
 * @param name        as of a host, but not NULL; copied.
 * @param definition  not needed any more when this returns.
 * @return 0, -EEXIST (there is one of that name; or a POSIX semaphore of another program, or of a gang that lives: what a
 *         killed one has left is replaced), -EINVAL (name or definition make no sense), -E2BIG (beyond a limit), -EPERM (a
 *         child of the host), -ENOMEM, -EMFILE, -ENOSPC.
 */
int ganger_host_add(struct ganger_host *h, const char *name, const struct ganger_definition *definition);

/** The longest text of `ganger_host_inspect`, with its end. */
#define GANGER_DAMAGE_MAX 192

/**
 * Look whether the memory of a ring, a service or a lock is damaged: whether something stands in it that no member can have
 * written there by these functions. Changes nothing, and nobody need stop. A message or a value that was overwritten looks
 * like any other, and is not found. What is damaged stays so: members get -EBADMSG where they meet it; all else goes on.
 * @param text  receives the first thing that is wrong, in words, as one line: which word, what it holds, what may stand
 *              there; "" if there is none. May be NULL.
 * @param size  of it, in bytes; what is longer is cut. GANGER_DAMAGE_MAX holds all.
 * @return 0 (nothing was found), -EBADMSG (it is damaged), -ENOENT (there is none of that name), -EPERM (a child of the
 *         host).
 */
int ganger_host_inspect(struct ganger_host *h, const char *name, char *text, size_t size);

/**
 * Admit a process: what it may use is set aside for it, with journals of its own, before there is a process.
 * It gets it in one of three ways: ganger_member_join (here, or after fork(2)), ganger_member_environment
 * (over execve(2)), ganger_member_send (over a socket). In one process, once: a replacement is admitted anew.
 *
 * In the process `ganger_instance` says the lowest number that no other member has.
 *
 * @param grants    names of objects, each once; NULL, with `n_grants` 0: every object that there is, for both.
 * @param handles   how many handles it may have on each object at the same time, from 1 to 64; 0: 4. An object has
 *                  2,047 for all its members. Over all objects a process may have 64 open.
 * @param ret       free it with `ganger_member_free`.
 * @return 0, -ENOENT (no such object), -EEXIST (one of them twice), -EINVAL (flags or numbers), -E2BIG (more
 *         than 120 objects), -EUSERS (an object has not so many handles left), -EPERM (a child of the host),
 *         -ENOMEM, -EMFILE.
 */
int ganger_host_admit(struct ganger_host *h, const struct ganger_grant *grants, size_t n_grants, unsigned int handles,
                      struct ganger_member **ret);

/**
 * Join as this member, in the process that made the host, or in a child that it forked. A child should then
 * free the host: that closes the descriptors of all that it was not admitted to. Has nothing to do with
 * `ganger_join`: a worker of gangerd may be a host too.
 * @return 0, -EALREADY (somebody has joined as this member), -EMFILE, -ENOMEM, and other errors of
 *         `ganger_join`.
 */
int ganger_member_join(struct ganger_member *m, struct ganger **ret);

/**
 * What a program that a child will execute needs in its environment to join by `ganger_join`:
 * "GANGER_HANDSHAKE=N".
 *
 * The descriptors of the member must be open in it too, under the numbers that they have here: they are
 * close-on-exec, and are let through by ganger_member_inherit (after fork(2)), or by
 * posix_spawn_file_actions_adddup2(&actions, fd, fd) for each of ganger_member_descriptors. They are 3 or
 * more, and as a rule 64 or more: a child that arranges descriptors of its own should keep clear of them.
 *
 * @param ret  the string, owned by the member; the same at each call.
 * @return 0, -EMFILE, -ENOMEM.
 */
int ganger_member_environment(struct ganger_member *m, const char **ret);

/**
 * The descriptors that go with ganger_member_environment; they stay the member's.
 * @param fds   receives at most `size` of them; may be NULL if that is 0.
 * @return how many there are in all (two for each object, and two), or an error of ganger_member_environment.
 */
int ganger_member_descriptors(struct ganger_member *m, int *fds, size_t size);

/**
 * In a child, after fork(2) and before execve(2): let the descriptors of this member through.
 * Async-signal-safe.
 * @return 0; -EINVAL: ganger_member_environment was not called before.
 */
int ganger_member_inherit(const struct ganger_member *m);

/**
 * Pass a member to the process at the other end of a connected Unix socket (stream or packets), which calls
 * ganger_join_socket at the same point of what they say to each other. It is one message; blocks while the
 * socket is full, if the socket blocks.
 *
 * The end of the connection is no sign that the process is dead, and a number may name another by now. Watch
 * a pidfd: SO_PEERPIDFD, or pidfd_open(2) of the pid in SO_PEERCRED.
 *
 * @return 0 (it is on its way: recover it like one that joined), -EAGAIN (a socket that does not block is
 *         full), -EPIPE, -ENOMEM, -EMFILE, and other errors of sendmsg(2).
 */
int ganger_member_send(struct ganger_member *m, int socket);

/**
 * Ask a member to drain: its receives end with -ESHUTDOWN from now on, also if it joins later.
 * Async-signal-safe.
 * @return 0, or -EPERM (in a child).
 */
int ganger_member_drain(struct ganger_member *m);

/**
 * Tell that a member was stopped (SIGSTOP; waitpid(2) with WUNTRACED says so) or goes on. One that sleeps and
 * is stopped may swallow a wake-up that was for another, until it goes on: while some are known to be
 * stopped, so many more are woken.
 * @param stopped  not 0: stopped.
 * @return 0, or -EPERM (in a child).
 */
int ganger_member_stopped(struct ganger_member *m, int stopped);

/**
 * A member is dead: deliver again what it had received, drop what it had half written, finish what it had
 * committed, and wake who may wait for it. The others go on meanwhile. May be repeated.
 *
 * Only when the process is known to be dead: it was reaped, or its pidfd is readable. Not for one that is
 * merely slow, nor while a child that it forked lives on with its handles.
 *
 * @param reason  stands with its messages; cut after GANGER_REASON_MAX bytes; may be NULL.
 * @param ret     what was found; may be NULL.
 * @return 0, or -EPERM (in a child).
 */
int ganger_member_recover(struct ganger_member *m, const char *reason, struct ganger_recovery *ret);

/**
 * Free a member; what it had of the objects is for others again. It must be dead, or have left (`ganger_leave`,
 * and nobody joins as it any more), or never have joined. Recovers it, if ganger_member_recover did not.
 * @param m  may be NULL.
 * @return NULL.
 */
struct ganger_member *ganger_member_free(struct ganger_member *m);

/**
 * Join with what a host sends over a connected Unix socket (ganger_member_send). Reads one message, no byte
 * beyond.
 * @param timeout_usec  how long to wait for it, as in `ganger_ring_receive`.
 * @return 0, or
 *         -EAGAIN, -ETIMEDOUT, -EINTR  as in `ganger_ring_receive`;
 *         -ECONNRESET  the other end is closed;
 *         -EPROTO      what came is no handshake, or its descriptors do not fit RLIMIT_NOFILE;
 *         or as `ganger_join`. Of what came nothing is kept then.
 */
int ganger_join_socket(struct ganger **ret, int socket, int64_t timeout_usec);

/**
 * Join with a handshake and descriptors that came some other way: in the reply to an attach request of
 * gangerd's control socket (ganger_control_attach does it all).
 * @param handshake  not needed any more when this returns.
 * @param fds        what came with it; the handshake names its descriptors by their places here. Taken over,
 *                   all of them, on success; on failure they stay the caller's.
 * @return as `ganger_join`; -EPROTO also: the handshake names more descriptors than there are.
 */
int ganger_join_descriptors(struct ganger **ret, const void *handshake, size_t size, const int *fds, size_t n_fds);

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

/** The name of the service, owned by the handle. */
const char *ganger_service_name(const struct ganger_service *service);

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
 *                      as there is no server at all, a call waits, and if its server dies, until that is recovered: not
 *                      for the thread of a host that would have to do it (see "hosts"). 0 makes no sense. Being asked to
 *                      drain does not end it.
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
 *
 * -EAGAIN always means that the call is still open, also when this has waited for so long: -ETIMEDOUT says that the time
 * which the call itself was given is over. `ganger_wait_any` waits for the first of several calls (GANGER_CALL).
 *
 * @param timeout_usec  how long to wait for it; 0: only look; negative: until the call's own time is over.
 * @return -EAGAIN     there is no reply yet, and the call stays open;
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

/* ---- semaphore --------------------------------------------------------------------------------- */
/*
 * So many permits, shared by all who were given the semaphore. Each permit is recorded as its holder's in the step that
 * takes it: if the holder dies, at whatever instruction, its permits go back and waiters are told. What a dead holder
 * was about to do with the thing that the permit stands for is for its successor to find out.
 *
 * With `posix` in its definition the semaphore is also the named POSIX semaphore `/NAME`, of mode 0600, for programs
 * that know sem_open(3) only. Processes of this library together never hold more than all permits, and a death among
 * them loses none. One that dies in the very call of sem_wait(3) or sem_post(3) may leave the value one too high, so
 * that a program from outside is let in once too often; that mends itself when the permits run out. What a program from
 * outside holds when it dies is lost, as with every POSIX semaphore. Such programs must be trusted: they can post what
 * they never took, and cut the file off.
 */

/** A handle on a semaphore. It is one participant, and may hold several permits. */
struct ganger_semaphore;

/**
 * Open a handle on a semaphore that this process was given.
 * @param name  of the semaphore; NULL for the only one.
 * @param ret   the handle; free it with `ganger_semaphore_close`.
 * @return 0, -ENOENT (no such semaphore was given), -ENOTUNIQ, -EUSERS (every handle that this process may have on it
 *         is open),
 *         -EPROTO (`posix`: its file is no semaphore), -ENOMEM, or an error of mmap(2).
 */
int ganger_semaphore_open(struct ganger *g, const char *name, struct ganger_semaphore **ret);

/**
 * Close a handle, and give back every permit that it holds.
 * @param semaphore  may be NULL.
 * @return NULL.
 */
struct ganger_semaphore *ganger_semaphore_close(struct ganger_semaphore *semaphore);

/** The name of the semaphore, owned by the handle. */
const char *ganger_semaphore_name(const struct ganger_semaphore *semaphore);

/**
 * Take a permit. Without anybody in the way this is one compare-and-swap, at which it linearises. Nobody is served in
 * turn: who comes may be faster than who waits. Asking this instance to drain does not end it.
 * @param timeout_usec  0: do not wait; negative: wait without limit; else at most so long (CLOCK_MONOTONIC).
 * @return 0, or
 *         -EAGAIN     none is free (timeout 0);  -ETIMEDOUT  none was for so long;
 *         -EINTR      a signal handler without SA_RESTART ran while it waited;
 *         -EBADMSG    the semaphore is damaged.
 */
int ganger_semaphore_acquire(struct ganger_semaphore *semaphore, int64_t timeout_usec);

/**
 * Give a permit back, the one that this handle took last. Linearises at one store; a system call is made only if
 * somebody waits. Never blocks.
 * @return 0, -EPERM: this handle holds none; -EBADMSG: the semaphore is damaged.
 */
int ganger_semaphore_release(struct ganger_semaphore *semaphore);

/**
 * How many permits are free just now: for people, since it may be another number when this returns.
 * With `posix`: the value.
 */
int ganger_semaphore_value(struct ganger_semaphore *semaphore);

/* ---- counter ----------------------------------------------------------------------------------- */
/*
 * A row of 64-bit numbers, 0 at first, shared by all who were given it. A process that dies has changed a number or
 * not, nothing between; and it is in nobody's way. Whatever it had changed stays.
 *
 * Functions begin again when somebody else changes the same number meanwhile; after about a million times they fail
 * with -EAGAIN, which takes others who do nothing else. Linearises at one compare-and-swap.
 */

/** A handle on a row of counters. */
struct ganger_counter;

/**
 * Open a handle on counters that this process was given.
 * @param name  NULL for the only ones.
 * @param ret   the handle; free it with `ganger_counter_close`.
 * @return 0, -ENOENT (none of that name were given), -ENOTUNIQ, -EUSERS (every handle that this process may have on them is
 *         open), -ENOMEM.
 */
int ganger_counter_open(struct ganger *g, const char *name, struct ganger_counter **ret);

/** Close a handle. The counters stay as they are. @param counter  may be NULL. @return NULL. */
struct ganger_counter *ganger_counter_close(struct ganger_counter *counter);

/** The name of the counters, owned by the handle. */
const char *ganger_counter_name(const struct ganger_counter *counter);

/**
 * Add, wrapping around.
 * @param index  from 0.
 * @param ret    the number before; may be NULL.
 * @return 0, -EINVAL: there is no such counter; -EAGAIN.
 */
int ganger_counter_add(struct ganger_counter *counter, unsigned int index, int64_t delta, int64_t *ret);

/** Read one. Linearises at a load. @return as `ganger_counter_add`. */
int ganger_counter_get(struct ganger_counter *counter, unsigned int index, int64_t *ret);

/** Set one. @return as `ganger_counter_add`. */
int ganger_counter_set(struct ganger_counter *counter, unsigned int index, int64_t value);

/**
 * Set one to `desired` if it is `*expected`.
 * @return 0 (it was, and is set), 1 (it was not: nothing is changed, and `*expected` is what it was), -EINVAL, -EAGAIN.
 */
int ganger_counter_compare_and_swap(struct ganger_counter *counter, unsigned int index, int64_t *expected, int64_t desired);

/**
 * Read the first `n` counters as they were at one instant. Writers neither wait for it nor notice it; so it reads again
 * when any of these counters changed meanwhile, some thousand times at most. (A double collect, as in Afek, Attiya,
 * Dolev, Gafni, Merritt and Shavit, Atomic snapshots of shared memory, 1993, each number with a count of its changes.)
 * @param values  room for `n`.
 * @return 0, -EINVAL: there are fewer; -EAGAIN: there was no pause between changes that was long enough.
 */
int ganger_counter_snapshot(struct ganger_counter *counter, int64_t *values, size_t n);

/* ---- monitors and mutexes ------------------------------------------------------------------------ */
/*
 * A monitor is a lock with conditions to wait for; a mutex is one whose conditions nobody uses. Both survive the death of
 * anybody at any instruction: the lock of a dead holder goes to the next one, who is told (-EOWNERDEAD), as with POSIX's
 * robust mutexes (pthread_mutex_consistent(3)). Until the death was seen and recovered (by the daemon, or the host), the
 * others wait.
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

/** The name of the monitor, owned by the handle. */
const char *ganger_monitor_name(const struct ganger_monitor *m);

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
const char *ganger_mutex_name(const struct ganger_mutex *m);
int ganger_mutex_lock(struct ganger_mutex *m, int64_t timeout_usec);
int ganger_mutex_unlock(struct ganger_mutex *m);
int ganger_mutex_consistent(struct ganger_mutex *m);

/* ---- messages that rest -------------------------------------------------------------------------- */
/*
 * What comes back, because it was rejected or its receiver died, may rest before it is delivered again: each ring has a
 * delay of its own (0, usually). A receiver that waits, and the descriptor of one that polls, wake up when it is due. The
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
 * has done some (`ganger_forward_many` does all or none). What is saved are calls and wake-ups: those who wait are
 * woken once for the whole batch, at its end.
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

/* ---- waiting for any of several ---------------------------------------------------------------- */

/** How many things one `ganger_wait_any` can wait for: each event of each item is one. */
#define GANGER_WAIT_MAX 128

/** What is waited for that is no handle: beside `enum ganger_kind`. */
enum {
        GANGER_CALL = 100,      /**< an open call (`struct ganger_call`): its end */
};

/**
 * A handle, and what is waited for:
 *
 *      kind              handle                       GANGER_RECEIVE       GANGER_SEND
 *      GANGER_QUEUE      struct ganger_ring *         a message            space for one
 *      GANGER_PIPE       struct ganger_pipe *         a message            room for one of `size` bytes
 *      GANGER_BROADCAST  struct ganger_broadcast *    a message            room for one of `size` bytes
 *      GANGER_SERVICE    struct ganger_service *      a call to serve      a slot, to begin a call
 *      GANGER_CALL       struct ganger_call *         its end
 *      GANGER_SEMAPHORE  struct ganger_semaphore *    a permit
 *      GANGER_MONITOR    struct ganger_monitor *, or
 *                        struct ganger_mutex *        the lock
 *
 * The reader of a broadcast that was dropped, a call whose time is over, and a lock that nobody can have any more are there,
 * too: the call that follows says so. With policies lossy and drop there is always room.
 */
struct ganger_wait {
        void *handle;           /**< see above */
        uint32_t kind;          /**< what it is a handle on: an `enum ganger_kind`, or GANGER_CALL */
        uint32_t events;        /**< GANGER_RECEIVE, GANGER_SEND, or both, as the handle has them */
        uint32_t ready;         /**< result: those of them that may be there */
        uint32_t size;          /**< of the message to send, in bytes (pipe, broadcast); 0: the longest that it takes */
};

/**
 * Wait until something may be there at any of several handles, of the same kind or of different ones.
 *
 * Takes nothing. Then receive, send, lock, or whatever it is, with a timeout of 0 at what is ready, at the first in the
 * order of `items` first, and without delay: others that wait for the same were told of the rest, but not of
 * that one. It may be gone by then (-EAGAIN): another was faster; wait again.
 *
 * The handles are the calling thread's; they may belong to several memberships. One item for each handle, beside one for
 * each of its open calls. A handle with a descriptor in an event loop (`ganger_ring_fd`) may be waited for here too. A
 * writer publishes what it has appended before it waits for room. Who sends messages that are longer than a slot of a queue
 * learns here that a slot is free, not that the heap has room: send those with a timeout.
 *
 * Nobody is served in turn: a lock may be reserved for one who waits for nothing else, and under contention that one has
 * it sooner. Who waits here for a lock is no waiter in `gangerctl locks`, and no part of a deadlock: something else may
 * end the wait.
 *
 * Not to be waited for are the conditions of a monitor (the lock would have to be released in the same step), counters (a
 * change looks for nobody who waits), semaphores with a POSIX semaphore (programs from outside tell nobody else), and room
 * in a broadcast whose policy is refuse (readers tell nobody of it).
 *
 * Linearises at a look at each that finds something. A system call while it sleeps: futex_waitv(2); before
 * Linux 5.16 ppoll(2), which a signal handler with SA_RESTART ends too.
 *
 * @param n             at least 1.
 * @param timeout_usec  as in `ganger_ring_receive`.
 * @return how many items have something in `ready` (1 or more), or, with every `ready` as it was,
 *         -EAGAIN, -ETIMEDOUT, -EINTR  as in `ganger_ring_receive`;
 *         -ESHUTDOWN  a membership of which a message, or a call to serve, is to be received is asked to drain;
 *         -EINVAL     no items, no handle, no such kind, or no such event of it; a call that is over;
 *         -EOPNOTSUPP  not to be waited for: see above;
 *         -EACCES     a handle is closed (a ring's), or not for this;
 *         -EMSGSIZE   `size` is more than the longest message;
 *         -E2BIG      more than GANGER_WAIT_MAX;
 *         -ENOMEM, -EMFILE (before Linux 5.16).
 */
int ganger_wait_any(struct ganger_wait *items, size_t n, int64_t timeout_usec);

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
