/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BRIDGE_BUFFER_H
#define GANGER_BRIDGE_BUFFER_H

/*
 * Bytes on their way through a pipe: put in at the end, taken off at the beginning.
 */

#include <stddef.h>
#include <sys/types.h>

struct buffer {
        unsigned char *data;
        size_t begin, end;              /* what is there */
        size_t capacity;
};

#define BUFFER_NULL ((struct buffer){ 0 })

void buffer_done(struct buffer *b);

static inline size_t buffer_size(const struct buffer *b) {
        return b->end - b->begin;
}

static inline unsigned char *buffer_begin(const struct buffer *b) {
        return b->data + b->begin;
}

/** Forget the first `size` bytes. */
void buffer_drop(struct buffer *b, size_t size);

/** Put bytes at the end. @return 0 or -ENOMEM. */
int buffer_append(struct buffer *b, const void *data, size_t size);

/**
 * Read once from a descriptor.
 * @return bytes; 0: end of file; -EAGAIN; -ENOMEM; another -errno.
 */
ssize_t buffer_read(struct buffer *b, int fd);

/** Write as much as goes. @return 0 (also if nothing goes just now), -EPIPE, another -errno. */
int buffer_write(struct buffer *b, int fd);

#endif
