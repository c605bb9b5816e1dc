/* SPDX-License-Identifier: MIT */

/*
 * Buffers
 *
 * How much is ever put in is bounded by who uses them: requests by the ring's messages, replies by the
 * reader, which takes off or skips what is there before more is read.
 */

#include "bridge/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** What one read(2) may bring: a pipe's usual capacity. */
#define READ_SIZE (64 * 1024)

void buffer_done(struct buffer *b) {
        free(b->data);
        *b = BUFFER_NULL;
}

void buffer_drop(struct buffer *b, size_t size) {
        b->begin += size;
        if (b->begin == b->end)
                b->begin = b->end = 0;
}

/** Room for so many bytes at the end. */
static int make_room(struct buffer *b, size_t size) {
        unsigned char *data;
        size_t capacity;

        if (b->capacity - b->end >= size)
                return 0;
        if (b->begin > 0) {
                memmove(b->data, buffer_begin(b), buffer_size(b));
                b->end -= b->begin;
                b->begin = 0;
        }
        if (b->capacity - b->end >= size)
                return 0;
        /* At least twice as much, so that a long reply is not copied for each piece of it. */
        capacity = b->end + size > 2 * b->capacity ? b->end + size : 2 * b->capacity;
        data = realloc(b->data, capacity);
        if (!data)
                return -ENOMEM;
        b->data = data;
        b->capacity = capacity;
        return 0;
}

int buffer_append(struct buffer *b, const void *data, size_t size) {
        int r = make_room(b, size);

        if (r < 0)
                return r;
        if (size > 0)
                memcpy(b->data + b->end, data, size);
        b->end += size;
        return 0;
}

ssize_t buffer_read(struct buffer *b, int fd) {
        ssize_t n;
        int r;

        r = make_room(b, READ_SIZE);
        if (r < 0)
                return r;
        do
                n = read(fd, b->data + b->end, READ_SIZE);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        b->end += (size_t)n;
        return n;
}

int buffer_write(struct buffer *b, int fd) {
        while (buffer_size(b) > 0) {
                ssize_t n = write(fd, buffer_begin(b), buffer_size(b));

                if (n < 0 && errno == EAGAIN)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        buffer_drop(b, (size_t)n);
        }
        return 0;
}
