/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WIRE_FRAME_H
#define GANGER_WIRE_FRAME_H

/*
 * Frames over a stream socket: four bytes, big-endian, the length of what follows; then that.
 *
 * A reader and a writer for each connection, both for non-blocking sockets and event loops. Neither is
 * safe for two threads at once. Descriptors travel with the frame whose bytes they were sent with.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/list.h"

/** The longest frame, without its four bytes; checked before anything is allocated. */
#define FRAME_SIZE_MAX ((size_t)1 << 20)
/** Bytes of the length. */
#define FRAME_HEADER_SIZE ((size_t)4)
/** Descriptors that one frame carries at most; what a peer sends beyond that is closed. */
#define FRAME_FDS_MAX 16

/** A frame that has arrived whole. */
struct frame {
        uint8_t *data;                  /**< owned; never NULL in one that was read */
        size_t size;                    /**< bytes of `data`; 0 is a frame too */
        int fds[FRAME_FDS_MAX];         /**< owned, close-on-exec; take one with TAKE_FD() */
        size_t n_fds;
};

#define FRAME_NULL ((struct frame){ 0 })

/** Free the bytes and close the descriptors that were not taken. The frame is FRAME_NULL then. */
void frame_done(struct frame *f);

/* ---- reading ----------------------------------------------------------------------------------- */

struct frame_reader {
        struct frame frame;             /* what has arrived of the body, and the descriptors */
        size_t size, capacity;          /* of the body: announced, and allocated */
        uint8_t header[FRAME_HEADER_SIZE];
        size_t n_header;
};

#define FRAME_READER_NULL ((struct frame_reader){ 0 })

/** Drop what has arrived of a frame. The reader can be used again. */
void frame_reader_done(struct frame_reader *r);

/**
 * Read on, until a frame is whole. Does not block, whatever mode the socket is in. Never reads beyond the
 * frame. Memory grows with what has arrived, not with what is announced.
 *
 * @param ret  receives the frame; free it with frame_done().
 * @return 0: a frame; there may be more, so call again; or
 *         -EAGAIN    not whole yet: wait until the socket is readable;
 *         -EPIPE     the peer has closed, after a whole frame (or before the first);
 *         -EPROTO    the peer has closed in the middle of a frame;
 *         -EMSGSIZE  a frame longer than FRAME_SIZE_MAX is announced: close, there is no way to go on;
 *         -ENOMEM, and errors of recvmsg(2) (-ECONNRESET).
 */
int frame_reader_read(struct frame_reader *r, int socket, struct frame *ret);

/* ---- writing ----------------------------------------------------------------------------------- */

struct frame_writer {
        struct list chunks;             /* small frames share a chunk, and so a system call */
        size_t queued;                  /* bytes, with the headers */
        size_t limit;
};

/**
 * @param limit  bytes that may wait for a slow reader. A single frame is always taken, however long.
 */
void frame_writer_init(struct frame_writer *w, size_t limit);

/** Drop what waits. Takes one that is all zero, too. */
void frame_writer_done(struct frame_writer *w);

/**
 * Queue a frame, to be filled by the caller before the next call on `w`.
 *
 * @param fds  they stay the caller's (duplicates are queued); may be NULL if `n_fds` is 0.
 * @param ret  receives where the `size` bytes go; never NULL.
 * @return 0; nothing is queued after an error:
 *         -ENOBUFS   the limit is reached: the reader is slow;
 *         -EMSGSIZE  longer than FRAME_SIZE_MAX;
 *         -E2BIG     more than FRAME_FDS_MAX descriptors;
 *         -ENOMEM, -EMFILE, -EBADF.
 */
int frame_writer_reserve(struct frame_writer *w, size_t size, const int *fds, size_t n_fds, uint8_t **ret);

/** Queue a frame, copied from `data`. @return as frame_writer_reserve(). */
int frame_writer_push(struct frame_writer *w, const void *data, size_t size, const int *fds, size_t n_fds);

/**
 * Send what waits, as far as the socket takes it.
 * @return 0: nothing waits any more; or
 *         -EAGAIN  the rest waits until the socket is writable (only if it is non-blocking);
 *         -EPIPE, -ECONNRESET and other errors of sendmsg(2): the connection is over.
 */
int frame_writer_flush(struct frame_writer *w, int socket);

/** Whether frames wait, so that the socket should be watched for writing. */
static inline bool frame_writer_is_pending(const struct frame_writer *w) {
        return w->queued > 0;
}

#endif
