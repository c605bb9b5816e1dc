/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_PIPE_FAST_H
#define GANGER_SHM_PIPE_FAST_H

/*
 * The usual way through the pipe, inline
 *
 * For pipe.c and the hot path of libganger (worker/pipe.c). There is one protocol, and it is told in pipe.c.
 */

#include <errno.h>
#include <sys/uio.h>

#include "base/copy.h"
#include "shm/fault.h"
#include "shm/pipe.h"

#define pipe_likely(x) __builtin_expect(!!(x), 1)

/** In place of a size: the ring goes on at its beginning. */
#define PIPE_PADDING UINT64_MAX

/* The seldom taken ways out of here; all of them in pipe.c. */
int pipe_find_room(struct pipe *p, uint64_t need);
int pipe_skip_padding(struct pipe *p, uint64_t header);

/** Bytes that a record takes. */
static inline uint64_t pipe_stride(uint64_t size) {
        return (PIPE_HEADER + size + PIPE_ALIGN - 1) & ~(uint64_t)(PIPE_ALIGN - 1);
}

/** Whatever the position: where a record may begin. */
static inline unsigned char *pipe_at(const struct pipe *p, uint64_t position) {
        return p->records + (position & p->mask);
}

/** Bytes from a position to the end of the ring. */
static inline uint64_t pipe_rest(const struct pipe *p, uint64_t position) {
        return pipe_bytes(p) - (position & p->mask);
}

/** How far this end is: what it has told of, and what not. */
static inline uint64_t pipe_position(const struct pipe *p) {
        return atomic_load_explicit(p->own, memory_order_relaxed) + p->ahead;
}

/** What fills the ring up to its end, before a record of that stride. */
static inline uint64_t pipe_padding(const struct pipe *p, uint64_t position, uint64_t stride) {
        uint64_t rest = pipe_rest(p, position);

        return pipe_likely(stride <= rest) ? 0 : rest;
}

static inline void pipe_write_header(const struct pipe *p, uint64_t position, uint64_t header) {
        *(uint64_t *)(void *)pipe_at(p, position) = header;
}

/** Do the positions make sense together? All else follows from them. */
static inline bool pipe_is_sane(const struct pipe *p, uint64_t written, uint64_t consumed) {
        return written - consumed <= pipe_bytes(p) && (written | consumed) % PIPE_ALIGN == 0;
}

/** This end is there; the other one may know. */
static inline void pipe_tell_at(struct pipe *p, uint64_t position) {
#if SHM_FAULT == FAULT_PIPE_WAKE_FIRST
        wait_wake(&p->wake);
#endif
        /*
         * Linearises publishing and consuming.
         * Release: partners are the acquires of pipe_find_record() and pipe_find_room().
         */
        atomic_store_explicit(p->own, position, memory_order_release);
        if (!pipe_likely(p->ahead == 0) && SHM_FAULT != FAULT_PIPE_TOLD_TWICE)
                p->ahead = 0;
#if SHM_FAULT != FAULT_PIPE_WAKE_FIRST
        wait_wake(&p->wake);
#endif
}

/** This end is there; the other one is to be told, but not yet. */
static inline void pipe_stay_at(struct pipe *p, uint64_t position) {
        p->ahead = position - atomic_load_explicit(p->own, memory_order_relaxed);
}

static inline void pipe_tell_fast(struct pipe *p) {
        pipe_tell_at(p, pipe_position(p));
}

/* ---- the writer ---------------------------------------------------------------------------------- */

/** Is there room at the position for a record of that stride, as far as is known, with no padding before it? */
static inline bool pipe_has_room(const struct pipe *p, uint64_t position, uint64_t stride) {
        return stride <= pipe_rest(p, position) && stride <= p->limit - position;
}

/** @param ret  bytes of padding before a record of that stride. @return 0, -EAGAIN, -EBADMSG. */
static inline int pipe_find_place(struct pipe *p, uint64_t position, uint64_t stride, uint64_t *ret) {
        uint64_t padding = 0;

        if (!pipe_likely(pipe_has_room(p, position, stride))) {
                padding = pipe_padding(p, position, stride);
                if (p->limit - position < padding + stride) {
                        int r = pipe_find_room(p, padding + stride);

                        if (r < 0)
                                return r;
                }
        }
        *ret = padding;
        return 0;
}

/** The size of the record behind so much padding. @return where the next one begins. */
static inline uint64_t pipe_write_size(struct pipe *p, uint64_t position, uint64_t padding, uint32_t size) {
        uint64_t start = position + padding;

        if (!pipe_likely(padding == 0) && SHM_FAULT != FAULT_PIPE_NO_PADDING)
                pipe_write_header(p, position, PIPE_PADDING);
#if SHM_FAULT == FAULT_PIPE_SIZE_LATE
        atomic_store_explicit(p->own, start + pipe_stride(size), memory_order_release);
#endif
        pipe_write_header(p, start, size);
        return start + pipe_stride(size);
}

/** What was reserved is no more. */
static inline void pipe_unreserve(struct pipe *p) {
        if (!pipe_likely(p->padding == 0))
                p->padding = 0;
        if (!pipe_likely(p->reserved == PIPE_UNRESERVED))
                p->reserved = PIPE_UNRESERVED;
}

static inline int pipe_reserve_fast(struct pipe *p, uint32_t size, void **ret) {
        uint64_t position = pipe_position(p), padding;
        int r = pipe_find_place(p, position, pipe_stride(size), &padding);

        if (!pipe_likely(r == 0))
                return r;
        p->padding = padding;
        p->reserved = size;
        *ret = pipe_at(p, position + padding) + PIPE_HEADER;
        return 0;
}

/** The same with nothing in its way. @return false: nothing was done. */
static inline bool pipe_reserve_short(struct pipe *p, size_t size, void **ret) {
        uint64_t position = pipe_position(p);

        if (!pipe_likely(p->end == PIPE_WRITER && size <= p->message_max && p->padding == 0 &&
                         pipe_has_room(p, position, pipe_stride(size))))
                return false;
        p->reserved = (uint32_t)size;
        *ret = pipe_at(p, position) + PIPE_HEADER;
        return true;
}

/** The reserved record is complete. @param size  at most what was reserved. @return where the next one begins. */
static inline uint64_t pipe_end_record(struct pipe *p, uint32_t size) {
        uint64_t end = pipe_write_size(p, pipe_position(p), p->padding, size);

        pipe_unreserve(p);
        return end;
}

/**
 * The bytes of a short record whose size is written. In this order stores go upwards, and come back to no line: the reader's
 * processor fetches lines ahead, and may have taken that one meanwhile.
 */
static inline void pipe_fill_short(const struct pipe *p, uint64_t start, const void *data, size_t size) {
        atomic_signal_fence(memory_order_seq_cst);
        copy_short(pipe_at(p, start) + PIPE_HEADER, data, size);
}

/** Find room, and copy. @param ret  where the next one begins. @return 0, -EAGAIN, -EBADMSG. */
static inline int pipe_put_fast(struct pipe *p, const void *data, uint32_t size, uint64_t *ret) {
        uint64_t position = pipe_position(p), padding;
        int r = pipe_find_place(p, position, pipe_stride(size), &padding);

        if (!pipe_likely(r == 0))
                return r;
        /* Of long ones memcpy(3) writes the beginning last: the size goes with it. */
        copy_bytes(pipe_at(p, position + padding) + PIPE_HEADER, data, size);
        *ret = pipe_write_size(p, position, padding, size);
        pipe_unreserve(p);
        return 0;
}

/** The same for a short one, with nothing in its way. @return false: nothing was done. */
static inline bool pipe_put_short(struct pipe *p, const void *data, size_t size, uint64_t *ret) {
        uint64_t position = pipe_position(p);

        if (!pipe_likely(p->end == PIPE_WRITER && size <= COPY_SHORT_MAX && size <= p->message_max &&
                         pipe_has_room(p, position, pipe_stride(size))))
                return false;
        *ret = pipe_write_size(p, position, 0, (uint32_t)size);
        pipe_fill_short(p, position, data, size);
        pipe_unreserve(p);
        return true;
}

/**
 * As many of them as are short and have nothing in their way, one after another. The position is kept out of memory until
 * the end: see copy.h.
 * @return how many.
 */
static inline size_t pipe_put_many(struct pipe *p, const struct iovec *messages, size_t n) {
        uint64_t position = pipe_position(p), room = pipe_rest(p, position);
        size_t i = 0;

        if (room > p->limit - position)
                room = p->limit - position;
        for (; i < n; i++) {
                size_t size = messages[i].iov_len;
                uint64_t stride = pipe_stride(size);

                if (!pipe_likely(size <= COPY_SHORT_MAX && size <= p->message_max && stride <= room))
                        break;
                pipe_write_header(p, position, size);
                pipe_fill_short(p, position, messages[i].iov_base, size);
                position += stride;
                room -= stride;
        }
        if (i > 0) {
                pipe_stay_at(p, position);
                pipe_unreserve(p);
        }
        return i;
}

/* ---- the reader ---------------------------------------------------------------------------------- */

/** A size, read once. */
static inline uint64_t pipe_header(const struct pipe *p, uint64_t position) {
        return *(const volatile uint64_t *)(void *)pipe_at(p, position);
}

/** Is there a record of that size at the position, as far as its place goes? */
static inline bool pipe_is_sound(const struct pipe *p, uint64_t position, uint64_t header) {
        return header <= p->message_max && pipe_stride(header) <= p->limit - position &&
               pipe_stride(header) <= pipe_rest(p, position);
}

/**
 * How far has the writer come? Looked at only when we have read all that we know of; and of a writer that is just ahead of
 * us, not too soon: see shm/stream.h.
 * @return 0, -EAGAIN, -EBADMSG.
 */
static inline int pipe_find_record(struct pipe *p, uint64_t position) {
        uint64_t written;

        stream_let_ahead(&p->stream, &p->patience);
        /* Acquire: partner is the release of the writer's pipe_tell_at(). */
        written = atomic_load_explicit(p->other, memory_order_acquire);
        stream_found(&p->stream, written - position);
        if (written == position)
                return -EAGAIN;
        if (!pipe_is_sane(p, written, position))
                return -EBADMSG;
        p->limit = written;
        return 0;
}

static inline int pipe_look_fast(struct pipe *p, const void **ret, uint32_t *ret_size) {
        uint64_t position = pipe_position(p), header;
        int r;

        if (position == p->limit) {
                r = pipe_find_record(p, position);
                if (r < 0)
                        return r;
        }
        /* Bounded, and that is used. */
        header = pipe_header(p, position);
        if (!pipe_likely(pipe_is_sound(p, position, header))) {
                r = pipe_skip_padding(p, header);
                if (r < 0)
                        return r;
                position = pipe_position(p);
                header = pipe_header(p, position);
                if (!pipe_is_sound(p, position, header))
                        return -EBADMSG;
        }
        *ret = pipe_at(p, position) + PIPE_HEADER;
        *ret_size = (uint32_t)header;
        return 0;
}

static inline void pipe_pass_fast(struct pipe *p, uint32_t size) {
        p->ahead += pipe_stride(size);
}

/**
 * The next record, with nothing in its way.
 * @param ret_next  where the one behind it begins.
 * @return NULL: use pipe_look_fast().
 */
static inline const unsigned char *pipe_look_short(struct pipe *p, uint32_t *ret_size, uint64_t *ret_next) {
        uint64_t position = pipe_position(p), header;

        if (position == p->limit && pipe_find_record(p, position) < 0)
                return NULL;
        /* Bounded, and that is used. */
        header = pipe_header(p, position);
        if (!pipe_likely(pipe_is_sound(p, position, header)))
                return NULL;
        *ret_size = (uint32_t)header;
        *ret_next = position + pipe_stride(header);
        return pipe_at(p, position) + PIPE_HEADER;
}

/** As many as are known of, and have nothing in their way; past all of them. @return how many. */
static inline size_t pipe_look_many(struct pipe *p, struct iovec *ret, size_t n) {
        uint64_t position = pipe_position(p), room = pipe_rest(p, position);
        size_t i = 0;

        if (room > p->limit - position)
                room = p->limit - position;
        for (; i < n && room > 0; i++) {
                /* Bounded, and that is used. */
                uint64_t size = pipe_header(p, position);

                if (!pipe_likely(size <= p->message_max && pipe_stride(size) <= room))
                        break;
                ret[i] = (struct iovec){ pipe_at(p, position) + PIPE_HEADER, size };
                position += pipe_stride(size);
                room -= pipe_stride(size);
        }
        pipe_stay_at(p, position);
        return i;
}

/** Copy out the record that was looked at, and give back its space with that of all before it. @return 0, -EMSGSIZE. */
static inline int pipe_consume_into(struct pipe *p, const void *data, uint32_t size, void *buffer, size_t room) {
        if (!pipe_likely(size <= room))
                return -EMSGSIZE;
#if SHM_FAULT != FAULT_PIPE_CONSUME_EARLY
        copy_bytes(buffer, data, size);
#endif
        pipe_tell_at(p, pipe_position(p) + pipe_stride(size));
#if SHM_FAULT == FAULT_PIPE_CONSUME_EARLY
        copy_bytes(buffer, data, size);
#endif
        return 0;
}

#endif
