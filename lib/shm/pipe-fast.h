/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_PIPE_FAST_H
#define GANGER_SHM_PIPE_FAST_H

/*
 * The usual way through the pipe, inline
 *
 * For pipe.c and the hot path of libganger (worker/pipe.c). There is one protocol, and it is told in pipe.c.
 */

#include <errno.h>
#include <string.h>

#include "shm/fault.h"
#include "shm/pipe.h"

#define pipe_likely(x) __builtin_expect(!!(x), 1)

/** In place of a size: the ring goes on at its beginning. */
#define PIPE_PADDING UINT64_MAX

/* The seldom taken ways out of here; all of them in pipe.c. */
int pipe_find_room(struct pipe *p, uint64_t need);
int pipe_find_record(struct pipe *p);
int pipe_skip_padding(struct pipe *p, uint64_t header);

/** Bytes that a record takes. */
static inline uint64_t pipe_stride(uint64_t size) {
        return (PIPE_HEADER + size + PIPE_ALIGN - 1) & ~(uint64_t)(PIPE_ALIGN - 1);
}

static inline unsigned char *pipe_at(const struct pipe *p, uint64_t position) {
        return p->records + (position & p->mask);
}

/** Bytes from a position to the end of the ring. */
static inline uint64_t pipe_rest(const struct pipe *p, uint64_t position) {
        return p->mask + 1 - (position & p->mask);
}

/** What fills the ring up to its end, before a record of that stride. */
static inline uint64_t pipe_padding(const struct pipe *p, uint64_t stride) {
        uint64_t rest = pipe_rest(p, p->position);

        return pipe_likely(stride <= rest) ? 0 : rest;
}

static inline void pipe_write_header(const struct pipe *p, uint64_t position, uint64_t header) {
        *(uint64_t *)(void *)pipe_at(p, position) = header;
}

static inline void pipe_tell_fast(struct pipe *p) {
#if SHM_FAULT == FAULT_PIPE_WAKE_FIRST
        wait_wake(&p->wake);
#endif
        /*
         * Linearises publishing and consuming.
         * Release: partners are the acquires of pipe_find_record() and pipe_find_room().
         */
        atomic_store_explicit(p->own, p->position, memory_order_release);
        p->told = p->position;
#if SHM_FAULT != FAULT_PIPE_WAKE_FIRST
        wait_wake(&p->wake);
#endif
}

static inline void pipe_copy(void *to, const void *from, size_t size) {
        if (pipe_likely(size > 0))
                memcpy(to, from, size);
}

/* ---- the writer ---------------------------------------------------------------------------------- */

static inline int pipe_reserve_fast(struct pipe *p, uint32_t size, void **ret) {
        uint64_t stride = pipe_stride(size), padding = pipe_padding(p, stride);

        if (!pipe_likely(p->limit - p->position >= padding + stride)) {
                int r = pipe_find_room(p, padding + stride);

                if (r < 0)
                        return r;
        }
        p->start = p->position + padding;
        p->reserved = size;
        *ret = pipe_at(p, p->start) + PIPE_HEADER;
        return 0;
}

/** @param size  at most what was reserved. */
static inline void pipe_append_fast(struct pipe *p, uint32_t size) {
        if (!pipe_likely(p->start == p->position) && SHM_FAULT != FAULT_PIPE_NO_PADDING)
                pipe_write_header(p, p->position, PIPE_PADDING);
#if SHM_FAULT == FAULT_PIPE_SIZE_LATE
        atomic_store_explicit(p->own, p->start + pipe_stride(size), memory_order_release);
#endif
        pipe_write_header(p, p->start, size);
        p->position = p->start + pipe_stride(size);
        p->reserved = PIPE_UNRESERVED;
}

static inline int pipe_send_fast(struct pipe *p, const void *data, uint32_t size) {
        void *to;
        int r = pipe_reserve_fast(p, size, &to);

        if (!pipe_likely(r == 0))
                return r;
        pipe_copy(to, data, size);
        pipe_append_fast(p, size);
        pipe_tell_fast(p);
        return 0;
}

/* ---- the reader ---------------------------------------------------------------------------------- */

/** Is there a record of that size at the position, as far as its place goes? */
static inline bool pipe_is_sound(const struct pipe *p, uint64_t header) {
        return header <= p->message_max && pipe_stride(header) <= p->limit - p->position &&
               pipe_stride(header) <= pipe_rest(p, p->position);
}

static inline int pipe_look_fast(struct pipe *p, const void **ret, uint32_t *ret_size) {
        uint64_t header;
        int r;

        if (p->position == p->limit) {
                r = pipe_find_record(p);
                if (r < 0)
                        return r;
        }
        /* Read once, bounded, and that is used. */
        header = *(const volatile uint64_t *)(void *)pipe_at(p, p->position);
        if (!pipe_likely(pipe_is_sound(p, header))) {
                r = pipe_skip_padding(p, header);
                if (r < 0)
                        return r;
                header = *(const volatile uint64_t *)(void *)pipe_at(p, p->position);
                if (!pipe_is_sound(p, header))
                        return -EBADMSG;
        }
        *ret = pipe_at(p, p->position) + PIPE_HEADER;
        *ret_size = (uint32_t)header;
        return 0;
}

static inline void pipe_pass_fast(struct pipe *p, uint32_t size) {
        p->position += pipe_stride(size);
}

/** Copy out the record that was looked at, and give back its space with that of all before it. @return 0, -EMSGSIZE. */
static inline int pipe_consume_into(struct pipe *p, const void *data, uint32_t size, void *buffer, size_t room) {
        if (!pipe_likely(size <= room))
                return -EMSGSIZE;
#if SHM_FAULT != FAULT_PIPE_CONSUME_EARLY
        pipe_copy(buffer, data, size);
#endif
        pipe_pass_fast(p, size);
        pipe_tell_fast(p);
#if SHM_FAULT == FAULT_PIPE_CONSUME_EARLY
        pipe_copy(buffer, data, size);
#endif
        return 0;
}

#endif
