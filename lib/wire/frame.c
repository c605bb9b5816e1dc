/* SPDX-License-Identifier: MIT */

/*
 * Frames over a stream socket
 *
 * The peer is a stranger: it may send a byte at a time, announce what it never sends, attach
 * descriptors to every byte, or never read. What it can make us hold is bounded by FRAME_SIZE_MAX and
 * FRAME_FDS_MAX for the reader, and by the limit of the writer.
 *
 * Invariants: a reader never asks the socket for more than the rest of the frame it is in, so that
 * descriptors that come with those bytes belong to that frame. The descriptors of a chunk go out with
 * its first byte, which is the first byte of their frame.
 */

#include "wire/frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "base/fd.h"

/** What a reader allocates at first, however much is announced; it doubles as bytes arrive. */
#define BODY_INITIAL_SIZE ((size_t)4096)
/** Small frames are put together in chunks of about this size. */
#define CHUNK_SIZE ((size_t)16384)

/** A run of whole frames. Only the first may have descriptors. */
struct chunk {
        struct list link;
        size_t size, sent, capacity;
        int fds[FRAME_FDS_MAX];
        size_t n_fds;
        uint8_t bytes[];
};

static void close_all(int *fds, size_t n_fds) {
        for (size_t i = 0; i < n_fds; i++)
                closep(&fds[i]);
}

void frame_done(struct frame *f) {
        close_all(f->fds, f->n_fds);
        free(f->data);
        *f = FRAME_NULL;
}

/* ---- reading ----------------------------------------------------------------------------------- */

void frame_reader_done(struct frame_reader *r) {
        frame_done(&r->frame);
        *r = FRAME_READER_NULL;
}

/** Receive once. @return bytes, 0: end of file, or -errno. */
static ssize_t receive(struct frame_reader *r, int socket, void *data, size_t size) {
        int fds[FD_MESSAGE_MAX];
        size_t n_fds = 0;
        ssize_t n;

        n = fd_receive(socket, data, size, fds, &n_fds, MSG_DONTWAIT);
        for (size_t i = 0; i < n_fds; i++) {
                if (r->frame.n_fds < FRAME_FDS_MAX)
                        r->frame.fds[r->frame.n_fds++] = fds[i];
                else
                        close(fds[i]);
        }
        return n;
}

static int read_header(struct frame_reader *r, int socket) {
        uint32_t length;

        while (r->n_header < FRAME_HEADER_SIZE) {
                ssize_t n = receive(r, socket, r->header + r->n_header, FRAME_HEADER_SIZE - r->n_header);

                if (n < 0)
                        return (int)n;
                if (n == 0)
                        return r->n_header > 0 ? -EPROTO : -EPIPE;
                r->n_header += (size_t)n;
        }
        memcpy(&length, r->header, sizeof length);
        r->size = ntohl(length);
        return r->size > FRAME_SIZE_MAX ? -EMSGSIZE : 0;
}

/** Room for at least one byte more than has arrived. */
static int grow_body(struct frame_reader *r) {
        size_t capacity;
        uint8_t *data;

        if (r->frame.data && r->frame.size < r->capacity)
                return 0;
        capacity = MAX(r->capacity * 2, BODY_INITIAL_SIZE);
        capacity = MIN(capacity, r->size);
        data = realloc(r->frame.data, MAX(capacity, (size_t)1));
        if (!data)
                return -ENOMEM;
        r->frame.data = data;
        r->capacity = capacity;
        return 0;
}

static int read_body(struct frame_reader *r, int socket) {
        while (!r->frame.data || r->frame.size < r->size) {
                ssize_t n;
                int e;

                e = grow_body(r);
                if (e < 0)
                        return e;
                if (r->size == 0)
                        break;
                n = receive(r, socket, r->frame.data + r->frame.size,
                            r->capacity - r->frame.size + fault_is("frame-byte-too-many"));
                if (n < 0)
                        return (int)n;
                if (n == 0)
                        return -EPROTO;
                r->frame.size += (size_t)n;
        }
        return 0;
}

int frame_reader_read(struct frame_reader *r, int socket, struct frame *ret) {
        int e;

        e = read_header(r, socket);
        if (e < 0)
                return e;
        e = read_body(r, socket);
        if (e < 0)
                return e;

        *ret = r->frame;
        *r = FRAME_READER_NULL;
        return 0;
}

/* ---- writing ----------------------------------------------------------------------------------- */

static struct chunk *chunk_free(struct chunk *c) {
        if (!c)
                return NULL;
        list_unlink(&c->link);
        close_all(c->fds, c->n_fds);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(struct chunk *, chunk_free)

static int chunk_new(struct chunk **ret, size_t room, const int *fds, size_t n_fds) {
        _cleanup_(chunk_freep) struct chunk *c = NULL;
        size_t capacity = MAX(room, CHUNK_SIZE);

        c = malloc(sizeof *c + capacity);
        if (!c)
                return -ENOMEM;
        *c = (struct chunk){ .capacity = capacity };
        list_init(&c->link);
        for (; c->n_fds < n_fds; c->n_fds++) {
                c->fds[c->n_fds] = fcntl(fds[c->n_fds], F_DUPFD_CLOEXEC, 3);
                if (c->fds[c->n_fds] < 0)
                        return -errno;
        }
        *ret = TAKE(c);
        return 0;
}

void frame_writer_init(struct frame_writer *w, size_t limit) {
        *w = (struct frame_writer){ .limit = limit };
        list_init(&w->chunks);
}

void frame_writer_done(struct frame_writer *w) {
        if (!w->chunks.next)
                return;
        while (!list_is_empty(&w->chunks))
                chunk_free(list_entry(w->chunks.next, struct chunk, link));
        w->queued = 0;
}

/** The last chunk, if `room` more bytes without descriptors fit. */
static struct chunk *last_with_room(struct frame_writer *w, size_t room, size_t n_fds) {
        struct chunk *c;

        if (list_is_empty(&w->chunks) || n_fds > 0)
                return NULL;
        c = list_entry(w->chunks.prev, struct chunk, link);
        return c->capacity - c->size >= room ? c : NULL;
}

int frame_writer_reserve(struct frame_writer *w, size_t size, const int *fds, size_t n_fds, uint8_t **ret) {
        size_t room = FRAME_HEADER_SIZE + size;
        uint32_t length = htonl((uint32_t)size);
        struct chunk *c;
        int e;

        if (size > FRAME_SIZE_MAX)
                return -EMSGSIZE;
        if (n_fds > FRAME_FDS_MAX)
                return -E2BIG;
        if (w->queued > 0 && w->queued + room > w->limit)
                return -ENOBUFS;

        c = last_with_room(w, room, n_fds);
        if (!c) {
                e = chunk_new(&c, room, fds, n_fds);
                if (!c)
                        return e;
                list_append(&w->chunks, &c->link);
        }
        memcpy(c->bytes + c->size, &length, FRAME_HEADER_SIZE);
        *ret = c->bytes + c->size + FRAME_HEADER_SIZE;
        c->size += room;
        w->queued += room;
        return 0;
}

int frame_writer_push(struct frame_writer *w, const void *data, size_t size, const int *fds, size_t n_fds) {
        uint8_t *bytes = NULL;
        int e;

        e = frame_writer_reserve(w, size, fds, n_fds, &bytes);
        if (!bytes)
                return e;
        if (size > 0)
                memcpy(bytes, data, size);
        return 0;
}

int frame_writer_flush(struct frame_writer *w, int socket) {
        while (!list_is_empty(&w->chunks)) {
                struct chunk *c = list_entry(w->chunks.next, struct chunk, link);
                ssize_t n;

                n = fd_send(socket, c->bytes + c->sent, c->size - c->sent, c->fds, c->n_fds);
                if (n < 0)
                        return (int)n;
                close_all(c->fds, c->n_fds);
                c->n_fds = 0;
                c->sent += (size_t)n;
                w->queued -= (size_t)n;
                if (c->sent == c->size)
                        chunk_free(c);
        }
        return 0;
}
