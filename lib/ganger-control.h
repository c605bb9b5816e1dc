/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONTROL_H
#define GANGER_CONTROL_H

/*
 * libganger-control: ask gangerd, and watch it, over its control socket
 *
 * The requests and replies are those of control.proto, as protoc-c generates them; include
 * <ganger/control.pb-c.h> beside this header to build and to read them. New fields change the layout of
 * these structures, and so the number of the shared library (soname), never silently.
 *
 * A request is asked again when the connection is lost before its reply, so a restart of the daemon's
 * manager passes unnoticed, but for the time it takes. Every request can be asked twice: a restart
 * carries the time before which a process must have been started to be restarted.
 *
 * Results. Functions return 0, or `-errno`. What is given back through a pointer is untouched on failure.
 * None prints, exits, or touches global state.
 *
 * Threads. A handle, and each of its streams, is used by one thread at a time.
 *
 *      Ganger__V1__Request request = GANGER__V1__REQUEST__INIT;
 *      Ganger__V1__StatusRequest status = GANGER__V1__STATUS_REQUEST__INIT;
 *      struct ganger_control *c;
 *      Ganger__V1__Reply *reply;
 *
 *      if (ganger_control_new(&c, NULL) < 0)
 *              return 1;
 *      request.call_case = GANGER__V1__REQUEST__CALL_STATUS;
 *      request.status = &status;
 *      if (ganger_control_call(c, &request, &reply) < 0)
 *              fprintf(stderr, "%s\n", ganger_control_error(c));
 *      else
 *              printf("%zu workers\n", reply->status->n_workers);
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct Ganger__V1__Request;
struct Ganger__V1__Reply;

/** Of ganger.h. */
struct ganger;

/** A client of one daemon. */
struct ganger_control;

/** A stream of replies: log lines or events. */
struct ganger_control_stream;

/** How long a call takes at most, if nobody says otherwise. */
#define GANGER_CONTROL_TIMEOUT_DEFAULT_USEC UINT64_C(10000000)
/** No limit of time. */
#define GANGER_CONTROL_TIMEOUT_INFINITE UINT64_MAX
/** The file descriptors that a reply brings at most. */
#define GANGER_CONTROL_FDS_MAX 16

/* ---- handles ----------------------------------------------------------------------------------- */

/**
 * The directory in which the daemon's socket is expected: $GANGER_RUNTIME_DIR; else /run/ganger for root;
 * else $XDG_RUNTIME_DIR/ganger; else /tmp/ganger-UID. Does not look whether it is there.
 * @param ret  receives the path; free() it.
 * @return 0 or -ENOMEM.
 */
int ganger_control_runtime_dir(char **ret);

/**
 * Make a client. Does not connect: the first call does.
 * @param ret   free it with ganger_control_free().
 * @param path  of the socket; NULL: `control` in ganger_control_runtime_dir().
 * @return 0, -ENAMETOOLONG (the path does not fit a socket address), -ENOMEM.
 */
int ganger_control_new(struct ganger_control **ret, const char *path);

/** Disconnect, and free it. Its streams live on. @param c  may be NULL. @return NULL. */
struct ganger_control *ganger_control_free(struct ganger_control *c);

/** How long each call from now on may take in all, reconnecting included; GANGER_CONTROL_TIMEOUT_INFINITE: no limit. */
void ganger_control_set_timeout(struct ganger_control *c, uint64_t timeout_usec);

/** The path of the socket, owned by `c`. */
const char *ganger_control_path(const struct ganger_control *c);

/** Why the last call on `c` failed: one line for people, owned by `c`, valid until the next call. */
const char *ganger_control_error(const struct ganger_control *c);

/* ---- calls ------------------------------------------------------------------------------------- */

/**
 * Ask, and wait for the reply. Blocks for as long as ganger_control_set_timeout() says. A signal does not
 * end it.
 *
 * @param request  stays the caller's. `id` is set; so is `before_usec` of a restart, a roll or an upgrade, if it was 0.
 * @param ret      receives the reply, which has the result that belongs to the request; free it with
 *                 ganger_control_reply_free().
 * @return 0; what the daemon answered (ganger_control_error() has its words):
 *         -EREMOTEIO     it was tried and did not work;
 *         -EINVAL        the request makes no sense;
 *         -ESRCH         no such name;
 *         -EPERM         not permitted;
 *         -EBUSY         not now;
 *         -ETIME         the daemon waited for too long;
 *         -E2BIG         too many, or too large;
 *         or that it did not answer:
 *         -ENOENT, -ECONNREFUSED  no daemon is there;
 *         -EACCES        the socket may not be opened;
 *         -ECONNRESET    the connection was lost on the way, and the daemon did not come back;
 *         -ETIMEDOUT     no reply for so long;
 *         -EPROTO, -EMSGSIZE  what came is no reply to this request;
 *         -ENOMEM, and other errors of socket(2) and connect(2).
 */
int ganger_control_call(struct ganger_control *c, struct Ganger__V1__Request *request, struct Ganger__V1__Reply **ret);

/**
 * The same, for replies with file descriptors (attach).
 * @param fds    room for GANGER_CONTROL_FDS_MAX; receives descriptors, close-on-exec, the caller's to close.
 * @param n_fds  receives how many.
 */
int ganger_control_call_fds(struct ganger_control *c, struct Ganger__V1__Request *request,
                            struct Ganger__V1__Reply **ret, int *fds, size_t *n_fds);

/** Free a reply. @param reply  may be NULL. */
void ganger_control_reply_free(struct Ganger__V1__Reply *reply);

/**
 * Become a member of a ring of the daemon, from any process: attach, and join. Then open handles, and send and
 * receive by the functions of <ganger.h>; messages go straight through the ring, and the daemon may be restarted
 * meanwhile.
 *
 * The daemon watches this process, and delivers again what it held, when the process ends, however it does; one
 * that leaves (ganger_leave) keeps its seat until then. Attach in the process that uses the ring: not before a fork
 * or for another. A process may be attached several times, and to several rings; each is a membership of its own.
 * When the daemon ends for good, what a process is attached to goes on without it, and is not recovered.
 *
 * The program must be linked with libganger (`pkg-config --libs ganger-control ganger`), which it needs for the rest anyway;
 * one that loads libraries while it runs loads that one first, for all (RTLD_GLOBAL).
 *
 * Blocks as ganger_control_call().
 *
 * @param ring   its name.
 * @param flags  GANGER_RECEIVE, GANGER_SEND, or both: what for. That is also what must be permitted (consume,
 *               produce).
 * @param ret    receives the membership, in which `ganger_ring_open` finds the one ring also without its name; free
 *               it with ganger_leave(). It outlives `c`.
 * @return 0, or as ganger_control_call(), or as ganger_join(); -EPROTO also: libganger and the daemon are of
 *         different versions; -ENOSYS: the program is not linked with libganger.
 */
int ganger_control_attach(struct ganger_control *c, const char *ring, unsigned int flags, struct ganger **ret);

/**
 * Wait until the daemon has ended (after a request to shut down). Blocks as ganger_control_call(), without polling.
 * @return 0 (also if none was there), -ETIMEDOUT, or another error of ganger_control_call().
 */
int ganger_control_wait_end(struct ganger_control *c);

/* ---- streams ----------------------------------------------------------------------------------- */

/**
 * Ask for logs or events, on a connection of their own.
 *
 * A stream with `follow` goes on over a restart of the daemon's manager: it connects again, asks for what
 * it may have missed, and leaves out what it has given already.
 *
 * @param request  stays the caller's, and is not needed any more when this returns.
 * @param ret      free it with ganger_control_stream_free().
 * @return 0, or as ganger_control_call(); -EINVAL: not a request that streams. A refusal by the daemon
 *         comes with the first ganger_control_stream_next().
 */
int ganger_control_stream(struct ganger_control *c, struct Ganger__V1__Request *request,
                          struct ganger_control_stream **ret);

/**
 * The next reply: `log` or `event` is set.
 * @param timeout_usec  how long to wait for it: 0: not at all; negative: without limit.
 * @param ret           free it with ganger_control_reply_free().
 * @return 0, or
 *         -ENODATA     the stream is at its end;
 *         -EAGAIN      there is none now (timeout 0);  -ETIMEDOUT  there was none for so long;
 *         -EINTR       a signal handler ran;
 *         -ECONNRESET  the daemon is gone, and did not come back within the timeout of the calls;
 *         or as ganger_control_call().
 */
int ganger_control_stream_next(struct ganger_control_stream *s, struct Ganger__V1__Reply **ret, int64_t timeout_usec);

/**
 * A descriptor for poll(2), readable when ganger_control_stream_next() may have something. It is another one
 * after the stream has connected again, so ask before each poll; -1 while there is no connection.
 */
int ganger_control_stream_fd(const struct ganger_control_stream *s);

/** Why the last ganger_control_stream_next() failed: one line for people, owned by `s`. */
const char *ganger_control_stream_error(const struct ganger_control_stream *s);

/** End the stream. @param s  may be NULL. @return NULL. */
struct ganger_control_stream *ganger_control_stream_free(struct ganger_control_stream *s);

#ifdef __cplusplus
}
#endif
#endif
