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
 * Forks. A child does not inherit the rings: it must not use its parent's handles. It may join as a member of its own.
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
 * Reads the handshake that gangerd (or a host: see below) left in the environment (`GANGER_HANDSHAKE`), removes that variable,
 * and takes over the file descriptors: those that it needs no more are closed, the others marked
 * close-on-exec. Does not block and does not talk to the daemon, so it works while the daemon is being
 * restarted. After a failure all is as it was before. Not to be called while other threads use the
 * environment.
 *
 * @param ret    receives the membership; free it with `ganger_leave`.
 * @param name   must be NULL.
 * @return 0, or
 *         -ENOENT      not started by gangerd or by a host, or its definition names no ring and no `io`;
 *         -EPROTO      the handshake is damaged or of another version;
 *         -EALREADY    this process has joined by this function already;
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

/* ---- hosts: rings without the daemon ----------------------------------------------------------- */
/*
 * A program makes rings for itself, its children, or unrelated programs, and does for them what gangerd does
 * for its workers: it admits each process as a member, and when one has died it recovers it.
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
 * (PR_SET_PDEATHSIG). Its rings end with their last process.
 *
 * Not here: looking at a ring, and at its dead letters. A program that wants to see those itself sets
 * `max_deliveries` to 255, looks at `deliveries` of each message, and sends it to a ring of its own when it
 * is enough.
 */

/** A program that makes rings, gives them to processes, and recovers those that die. */
struct ganger_host;

/** One process that a host has admitted, or one to be. */
struct ganger_member;

/** What a host can make. The numbers never change. */
enum ganger_kind {
        GANGER_QUEUE = 1,       /**< a ring: any senders, any receivers, each message to one of them */
};

/** What to make. What a kind has no use for is 0. */
struct ganger_definition {
        uint32_t kind;          /**< GANGER_QUEUE */
        uint32_t slots;         /**< queue: messages that it holds; a power of two, from 2 to 2^20 */
        uint32_t message_max;   /**< queue: bytes of the longest message, from 1 to 16 MiB */
        uint32_t max_deliveries; /**< queue: from 1 to 255; delivered so often, a message becomes a dead letter */
        uint32_t capacity;
        uint32_t policy;
        uint32_t dead_max;
        uint32_t delay_msec;
        uint32_t reserved[8];   /**< 0 */
};

/** What a member may do with one ring. */
struct ganger_grant {
        const char *name;
        unsigned int flags;     /**< GANGER_RECEIVE, GANGER_SEND, or both */
};

/** What a recovery found. */
struct ganger_recovery {
        uint32_t returned;      /**< messages that are delivered again */
        uint32_t dead;          /**< messages that became dead letters */
        uint32_t cancelled;     /**< messages that were half written */
        uint32_t redone;        /**< steps of a forward, committed and not finished, that were finished */
        uint32_t reserved[4];   /**< 0 */
};

/**
 * Make a host, without rings.
 * @param ret   free it with `ganger_host_free`.
 * @param name  what `ganger_worker` says in its members (letters, digits, `-`, `_`, `.`; at most 63 bytes);
 *              may be NULL: "".
 * @return 0, -EINVAL (no such name is allowed), -ENOMEM.
 */
int ganger_host_new(struct ganger_host **ret, const char *name);

/**
 * Free a host, its members (as `ganger_member_free` does, with all that it demands), and its mappings of the
 * rings.
 * @param h  may be NULL.
 * @return NULL.
 */
struct ganger_host *ganger_host_free(struct ganger_host *h);

/**
 * Make a ring. All its memory is allocated now. Who is admitted from now on can have it.
 * @param name        as of a host, but not NULL; copied.
 * @param definition  not needed any more when this returns.
 * @return 0, -EEXIST (there is one of that name), -EINVAL (name or definition make no sense), -E2BIG (beyond
 *         a limit), -EPERM (a child of the host), -ENOMEM, -EMFILE, -ENOSPC.
 */
int ganger_host_add(struct ganger_host *h, const char *name, const struct ganger_definition *definition);

/**
 * Admit a process: what it may use is set aside for it, with journals of its own, before there is a process.
 * It gets it in one of three ways: ganger_member_join (here, or after fork(2)), ganger_member_environment
 * (over execve(2)), ganger_member_send (over a socket). In one process, once: a replacement is admitted anew.
 *
 * In the process `ganger_instance` says the lowest number that no other member has.
 *
 * @param grants    names of rings, each once; NULL, with `n_grants` 0: every ring that there is, for both.
 * @param handles   how many handles it may have on each ring at the same time, from 1 to 64; 0: 4. A ring has
 *                  2,047 for all its members. Over all rings a process may have 64 open.
 * @param ret       free it with `ganger_member_free`.
 * @return 0, -ENOENT (no such ring), -EEXIST (one of them twice), -EINVAL (flags or numbers), -E2BIG (more
 *         than 120 rings), -EUSERS (a ring has not so many handles left), -EPERM (a child of the host),
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
 * @return how many there are in all (two for each ring, and two), or an error of ganger_member_environment.
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
 * Free a member; what it had on the rings is for others again. It must be dead, or have left (`ganger_leave`,
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

/* ---- waiting for any of several ---------------------------------------------------------------- */

/** How many things one `ganger_wait_any` can wait for: each event of each item is one. */
#define GANGER_WAIT_MAX 128

/** A handle, and what is waited for. */
struct ganger_wait {
        void *handle;           /**< a `struct ganger_ring *` */
        uint32_t kind;          /**< what it is a handle on: GANGER_QUEUE */
        uint32_t events;        /**< GANGER_RECEIVE: a message. GANGER_SEND: space for one. Or both */
        uint32_t ready;         /**< result: those of them that may be there */
        uint32_t reserved;      /**< the library's own */
};

/**
 * Wait until a message, or space for one, may be there at any of several handles.
 *
 * Takes nothing. Then receive, reserve or send with a timeout of 0 at what is ready, at the first in the
 * order of `items` first, and without delay: others that wait for the same were told of the rest, but not of
 * that one. It may be gone by then (-EAGAIN): another was faster; wait again.
 *
 * The handles are the calling thread's; they may belong to several memberships. One item for each handle. A
 * handle with a descriptor in an event loop (`ganger_ring_fd`) may be waited for here too.
 *
 * Linearises at a look at each that finds something. A system call while it sleeps: futex_waitv(2); before
 * Linux 5.16 ppoll(2), which a signal handler with SA_RESTART ends too.
 *
 * @param n             at least 1.
 * @param timeout_usec  as in `ganger_ring_receive`.
 * @return how many items have something in `ready` (1 or more), or, with every `ready` as it was,
 *         -EAGAIN, -ETIMEDOUT, -EINTR  as in `ganger_ring_receive`;
 *         -ESHUTDOWN  a membership of which something is to be received is asked to drain;
 *         -EINVAL     no items, no handle, no such kind or event;
 *         -EACCES     a handle is closed, or not for this;
 *         -E2BIG      more than GANGER_WAIT_MAX;
 *         -ENOMEM, -EMFILE (before Linux 5.16).
 */
int ganger_wait_any(struct ganger_wait *items, size_t n, int64_t timeout_usec);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
