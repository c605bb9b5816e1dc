/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CONTROL_CONNECTION_H
#define GANGER_DAEMON_CONTROL_CONNECTION_H

/*
 * A connection: frames in, replies out, and the requests that are not answered yet
 *
 * What waits for a slow reader is bounded: no request is read while CONNECTION_PAUSE bytes wait, a stream
 * gives nothing while CONNECTION_STREAM bytes wait, and a peer that leaves ordinary replies unread for too
 * long, or lets them grow past CONNECTION_QUEUE, is disconnected.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/list.h"
#include "daemon/control/access.h"
#include "proto/control.pb-c.h"
#include "wire/frame.h"

struct control;

/** Bytes that may wait for the reader at all. */
#define CONNECTION_QUEUE ((size_t)4 << 20)
/** … from which on no more requests are read. */
#define CONNECTION_PAUSE ((size_t)512 << 10)
/** … from which on streams wait, or leave out lines. */
#define CONNECTION_STREAM ((size_t)256 << 10)
/** How long a peer may take none of the replies that hold it up. */
#define CONNECTION_STALL_USEC (30 * USEC_PER_SEC)
/** Frames that are read from one connection in one turn of the loop. */
#define CONNECTION_BURST 8
/** Requests of one connection that are not answered yet: streams, and changes that are waited for. */
#define CONNECTION_REQUESTS_MAX 64

struct connection;
struct pending;

/** What a request that is not answered at once can do. */
struct pending_ops {
        /**
         * Send what there is, as long as the connection has room.
         * @return 0: that was all for now; 1: there is more; -ENODATA: it is answered, free it.
         */
        int (*pull)(struct pending *pending);
        /** Free it, unlinked; the gang must not know of it any more. */
        void (*free)(struct pending *pending);
};

/** A request that is not answered yet. Embedded first in its kind. */
struct pending {
        struct list link;               /* connection->requests */
        struct connection *connection;
        uint64_t id;
        const struct pending_ops *ops;
};

struct connection {
        struct list link;               /* control->connections or ->broken */
        struct control *control;
        int fd;
        sd_event_source *source;
        sd_event_source *stall;         /* runs while the peer holds itself up */
        struct peer peer;
        struct frame_reader reader;
        struct frame_writer writer;
        struct list requests;           /* struct pending */
        size_t n_requests;
        bool stalling;                  /* the timer runs */
        bool stream_due;                /* some stream may have something to send */
        bool eof;                       /* the peer sends no more; it may still read */
        bool refused;                   /* is closed when what waits is sent */
        bool broken;                    /* is over: freed in the next turn of the loop */
};

/**
 * Serve a peer.
 * @param fd    non-blocking; the connection's own, if this succeeds.
 * @param peer  its groups too.
 */
int connection_new(struct control *control, int fd, const struct peer *peer);

/** Close, with a last attempt to send what waits, and free. @return NULL. */
struct connection *connection_free(struct connection *c);

/** It is over. Nothing is freed yet, so it may be called anywhere. */
void connection_break(struct connection *c);

/** Send what waits, read no more, and close then. */
void connection_refuse(struct connection *c);

/**
 * Send a reply that the peer is owed. Breaks the connection if that cannot be done.
 * @return 0; -EMSGSIZE: the reply is too long for a frame, and nothing was sent.
 */
int connection_send(struct connection *c, const Ganger__V1__Reply *reply, const int *fds, size_t n_fds);

/** A reply of a stream that has more to come. @return whether it was taken; false: the reader is slow. */
bool connection_stream(struct connection *c, const Ganger__V1__Reply *reply);

/** Whether a stream may send that many bytes, and one reply more. */
bool connection_has_room(const struct connection *c, size_t bytes);

/** A stream has something to send: its `pull` is called when the loop comes to it. */
void connection_wake(struct connection *c);

/** Take a request into the list. @return 0, -EMFILE: there are too many. */
int pending_add(struct connection *c, struct pending *pending, uint64_t id, const struct pending_ops *ops);

/** It is answered: unlink it and free it. Not within its `pull`. */
void pending_end(struct pending *pending);

#endif
