/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_PIPE_H
#define GANGER_SHM_PIPE_H

/*
 * The pipe: one writer, one reader, records of any size, in order
 *
 *      header | control | waiters of both eventcounts | records …
 *
 * A ring of bytes, as Lamport's: the writer alone changes how far it is written, the reader alone how far it is
 * consumed, and neither needs more than a store for it. Each keeps in private how far it may go as far as it knows, and
 * looks at the other's position only when it has come there (as FastFlow and DPDK do), so that a line moves between
 * processors only when it must.
 *
 * What a message costs is how often its stores go to another line than the store before, behind lines that the other
 * processor has: measured, some 3 ns each time. So none comes back to a line, none keeps a second position, and the reader
 * leaves the lines of a stream alone for a while (shm/stream.h).
 *
 * A record is its header (8 bytes: its size) and its bytes, which begin at a multiple of 16: copied in steps of 16, none
 * of them crosses a cache line. It is contiguous: what does not fit before the end of the ring goes to its beginning, and
 * padding fills the rest.
 *
 * Both positions count bytes, and do not wrap with the ring. Each is its end's commit point: records below `written`
 * are there, records below `consumed` are done with. What a dead writer had written above is overwritten by the next
 * one; what a dead reader had not consumed, the next one reads.
 *
 * Each end is held by one participant at a time, whose owner id is in its word.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "shm/layout.h"
#include "shm/region.h"
#include "shm/stream.h"
#include "shm/wait-until.h"

#define PIPE_CAPACITY_MIN (4u << 10)
#define PIPE_CAPACITY_MAX (1u << 30)

/** Records take multiples of it. */
#define PIPE_ALIGN 16
#define PIPE_HEADER 8
/** The ring begins so far off a multiple of PIPE_ALIGN that the bytes of each record begin at one. */
#define PIPE_SKEW (PIPE_ALIGN - PIPE_HEADER)

enum pipe_end {
        PIPE_NO_END,                    /* looks on, or recovers */
        PIPE_WRITER,
        PIPE_READER,
};

struct wait_item;

/** Two lines apart: processors fetch lines in pairs. */
struct pipe_control {
        _Alignas(2 * CACHE_LINE) _Atomic uint64_t written;
        _Alignas(2 * CACHE_LINE) _Atomic uint64_t consumed;
        _Alignas(2 * CACHE_LINE) _Atomic uint32_t writer;       /* who has this end; 0: nobody */
        _Atomic uint32_t reader;
        struct eventcount records;      /* the reader waits here */
        struct eventcount space;        /* the writer waits here */
};

struct pipe {
        unsigned char *records;
        uint64_t mask;                  /* of a position: where in the ring, in steps of PIPE_ALIGN */
        uint64_t ahead;                 /* bytes that this end has gone beyond its position, and not told of */
        uint64_t limit;                 /* up to here it may go, as far as it knows */
        uint64_t padding;               /* writer: bytes before the reserved record; 0 if nothing is reserved */
        _Atomic uint64_t *own, *other;  /* `written` and `consumed`, or the other way round */
        struct waiting wake;            /* the other end waits here */
        uint32_t message_max;
        uint32_t reserved;              /* writer: bytes that may be written; PIPE_UNRESERVED */
        bool armed;                     /* announced as a poller */
        struct stream stream;           /* reader */
        enum pipe_end end;
        struct waiting wait;            /* this end waits here */
        struct patience patience;
        struct pipe_control *control;
        uint32_t owner;
};

#define PIPE_UNRESERVED UINT32_MAX

/** Of a pipe of this capacity. Two of the longest records always fit, so that one fits wherever the padding is. */
static inline uint32_t pipe_message_max(uint32_t capacity) {
        return capacity / 2 - PIPE_HEADER;
}

/** Of the ring. */
static inline uint64_t pipe_bytes(const struct pipe *p) {
        return p->mask + PIPE_ALIGN;
}

size_t pipe_memory_size(const struct geometry *g);

/** Open a pipe to look on. @param event_fd  for those that poll; -1: none. Stays the caller's. */
void pipe_open(struct pipe *p, const struct region *region, int event_fd);

/**
 * Take an end.
 * @param participant  1 … RING_PARTICIPANTS, held by nobody else.
 * @return 0; -EBUSY: it is taken; -EBADMSG: the memory is damaged.
 */
int pipe_take(struct pipe *p, enum pipe_end end, uint32_t participant, uint32_t generation);

/** Leave it to others: what was appended is published; what was read and not consumed will be read again. */
void pipe_leave(struct pipe *p);

/** Free the end of that word, if it is that owner's. */
void pipe_end_free(_Atomic uint32_t *word, uint32_t owner);

/** How those that wait at this pipe are reached. */
struct waiting pipe_waiting(const struct pipe *p, enum pipe_end who);

/* ---- the writer ---------------------------------------------------------------------------------- */

/**
 * Find room for a record of at most `size` (≤ message_max) bytes, in place of any that was reserved before. If there is
 * none, what was appended is published: the reader may need it to make room.
 * @return 0, -EAGAIN, -EBADMSG.
 */
int pipe_reserve(struct pipe *p, uint32_t size, void **ret);
/** The same, waiting. @return also -ETIMEDOUT, -EINTR. */
int pipe_reserve_wait(struct pipe *p, uint32_t size, void **ret, uint64_t deadline_usec);
/**
 * To wait with wait_any() until pipe_reserve() finds room for so many bytes; what was appended is published when there is
 * none. Leaves what is reserved as it is.
 */
struct wait_item pipe_room_item(struct pipe *p, uint32_t size);
/** The reserved record is complete. It is there for the reader from the next pipe_tell() on. */
void pipe_append(struct pipe *p, uint32_t size);
/** Reserve, copy, append, publish. @return as pipe_reserve(). */
int pipe_send(struct pipe *p, const void *data, uint32_t size);

/**
 * Reserve, copy and append up to `n` ≥ 1 of them, in their order, until one finds no room or is too long.
 * @param n  at most INT_MAX. @return how many, 1 or more; as pipe_reserve(), or -EMSGSIZE: not even the first.
 */
int pipe_append_many(struct pipe *p, const struct iovec *messages, size_t n);

/* ---- the reader ---------------------------------------------------------------------------------- */

/**
 * The next record, which stays; `ret` and `ret_size` are valid until its space is given back.
 * @return 0, -EAGAIN, -EBADMSG.
 */
int pipe_look(struct pipe *p, const void **ret, uint32_t *ret_size);
/** The same, waiting. @param drain  see wait_until(). @return also -ETIMEDOUT, -EINTR, -ESHUTDOWN. */
int pipe_look_wait(struct pipe *p, const void **ret, uint32_t *ret_size, uint64_t deadline_usec,
                   const _Atomic uint32_t *drain);
/** For event loops: after -EAGAIN the descriptor is armed. */
int pipe_look_poll(struct pipe *p, const void **ret, uint32_t *ret_size);
/** To wait for one with wait_any(). */
struct wait_item pipe_record_item(struct pipe *p, const _Atomic uint32_t *drain);
/** Go past it. Its space is given back with the next pipe_tell(). */
void pipe_pass(struct pipe *p, uint32_t size);
/** Look at up to `n` ≥ 1, at most INT_MAX, and go past them. @return how many, 1 or more; as pipe_look(): not even one. */
int pipe_peek_many(struct pipe *p, struct iovec *ret, size_t n);
/** Look, copy, pass, give back. @return as pipe_look(); -EMSGSIZE: it does not fit, and stays. */
int pipe_receive(struct pipe *p, void *buffer, size_t size, uint32_t *ret_size);

/* ---- both ---------------------------------------------------------------------------------------- */

/** Publish what was appended; give back the space of what was passed. */
void pipe_tell(struct pipe *p);

#endif
