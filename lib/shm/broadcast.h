/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_BROADCAST_H
#define GANGER_SHM_BROADCAST_H

/*
 * The broadcast ring: one writer at a time, every reader sees every message
 *
 *      header | waiting | subscribers … || tail, oldest, writer | records …
 *
 * What is before the double bar every member may write; what is after it, page by page, only those who may send:
 * readers map it PROT_READ (region_protect()), so that a reader's stray store can cost the others a wake-up or a
 * place, but never a message. It guards against mistakes, not against malice: the descriptor itself allows writing.
 *
 * Positions count bytes from the beginning of time, in steps of RECORD_ALIGN; a record does not wrap, but leaves
 * padding at the end of the ring. Three things move, and only the writer moves them:
 *
 * | tail      | all records below it are whole; one store publishes any number of them                       |
 * | oldest    | where the oldest record begins that is kept. Raised before what is below it is overwritten    |
 * | sequence  | in each record, and written ahead where the next one will begin: so it is right at the tail   |
 *
 * A reader that may be overtaken copies a record out, and then looks whether `oldest` went past it meanwhile. As the
 * intent counter of Aeron's broadcast transmitter, but it moves by many records at a time, and always stands at the
 * beginning of one, so that whoever was overtaken goes on at the oldest record and not at the newest. The sequence
 * tells how many it missed.
 *
 * The policy says what happens when the ring is full of what some reader has not read:
 *
 * | lossy     | it is overwritten. Readers leave no trace in memory                                           |
 * | drop      | the same, but whoever was overtaken is told, and must subscribe again                         |
 * | wait      | the writer waits for the slowest subscriber                                                   |
 * | refuse    | the message is refused                                                                        |
 *
 * With the last two the writer looks at the subscribers' positions, each on a line of its own, when it comes to the
 * end of the room that it knows of.
 *
 * A `struct broadcast` is private to one thread at a time: a participant, either the writer or a reader.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/layout.h"
#include "shm/region.h"
#include "shm/stream.h"
#include "shm/wait.h"
#include "shm/wait-until.h"

/* Limits. */
#define BROADCAST_CAPACITY_MIN 128
#define BROADCAST_CAPACITY_MAX (1u << 30)
#define BROADCAST_SUBSCRIBERS_MAX 64

enum broadcast_policy {
        BROADCAST_LOSSY = 0,
        BROADCAST_WAIT,
        BROADCAST_DROP,
        BROADCAST_REFUSE,
        _BROADCAST_POLICY_N,
};

/* ---- what lies in the memory --------------------------------------------------------------------- */

struct wait_item;

/** A place for a subscriber: its own line, so that one who reads disturbs nobody. */
struct subscriber {
        /* what it has not read begins here | SUBSCRIBED; 0: not to be heeded */
        _Alignas(2 * CACHE_LINE) _Atomic uint64_t position;
        _Atomic uint32_t owner;                         /* 0: free */
};

/** In a position, which is a multiple of RECORD_ALIGN. */
#define SUBSCRIBED UINT64_C(1)

/** Written by everybody. */
struct broadcast_control {
        struct eventcount messages;                     /* readers wait here */
        struct eventcount space;                        /* the writer waits here */
        struct subscriber subscribers[];
};

/** Written by the writer only. */
struct broadcast_published {
        _Alignas(2 * CACHE_LINE) _Atomic uint64_t tail;
        _Alignas(2 * CACHE_LINE) _Atomic uint64_t oldest;
        _Atomic uint32_t writer;                        /* owner of the writing end; 0: nobody */
};

#define RECORD_ALIGN 16
/** The size of what fills the ring up to its end. */
#define RECORD_PADDING UINT32_MAX

struct record {
        _Alignas(RECORD_ALIGN) _Atomic uint64_t sequence; /* written with the record before */
        _Atomic uint32_t size;
        unsigned char data[] __attribute__((__aligned__(RECORD_ALIGN)));
};

_Static_assert(sizeof(struct record) == RECORD_ALIGN, "the head of a record fits wherever one may begin");

/** Bytes that a record takes. */
static inline uint64_t record_length(uint64_t size) {
        return sizeof(struct record) + (size + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

/** The longest message of a ring: two and the head of a third fit, so that there is always room for one beside padding. */
static inline uint32_t broadcast_message_limit(uint32_t capacity) {
        return capacity / 2 - 2 * RECORD_ALIGN;
}

/* ---- in private memory --------------------------------------------------------------------------- */

struct broadcast {
        unsigned char *records;
        struct broadcast_published *published;
        struct broadcast_control *control;
        uint64_t capacity;              /* bytes of records */
        uint64_t mask;                  /* from a position to the offset of a record */
        uint64_t tail;                  /* as it was last seen, or published */
        uint64_t position;              /* reader: of the next record; writer: where the next one goes */
        uint64_t sequence;              /* of the next message */
        uint64_t limit;                 /* writer: it may write below this */
        uint64_t reserved;              /* writer: where the record begins that was reserved */
        struct subscriber *subscriber;  /* reader: its place; NULL: it needs or has none */
        uint32_t message_max;
        uint32_t policy;
        bool overtakes;                 /* the writer waits for nobody */
        bool armed;                     /* announced as a poller */
        bool writes;                    /* holds the writing end */
        uint32_t owner;                 /* participant and generation, as in a word */
        uint32_t slots;
        struct waiting messages;
        struct waiting space;
        struct patience patience;
        struct stream stream;           /* reader */
};

/** A message: where it lies in the ring, or where it was copied to. */
struct view {
        const void *data;
        uint32_t size;
        uint64_t missed;                /* so many were skipped before it */
};

size_t broadcast_memory_size(const struct geometry *g);

/** Bytes from the beginning that a reader must be able to write; whole pages. */
size_t broadcast_shared_size(const struct geometry *g);

/**
 * Open a broadcast as a participant: neither as writer nor as reader yet.
 * @param participant  1 … RING_PARTICIPANTS, held by nobody else; 0: to look and to recover only.
 * @param event_fd     for those that poll; -1: none. Stays the caller's.
 */
void broadcast_open(struct broadcast *b, const struct region *region, uint32_t participant, uint32_t generation,
                    int event_fd);

/** Give up the writing end or the subscription, what there is of it. What was appended is published. */
void broadcast_close(struct broadcast *b);

/* ---- the writer ------------------------------------------------------------------------------------ */

/** Take the writing end; what the last writer published stays. @return 0, -EBUSY (somebody has it). */
int broadcast_claim(struct broadcast *b);

/**
 * Make room for a message.
 * May publish what was appended before. A second one replaces the first.
 * @param size  at most `message_max`.
 * @param ret   where to write it: with broadcast_write(), if readers may be overtaken.
 * @return 0; -EAGAIN (the ring is full, and the policy is wait or refuse); -EBADMSG (the memory is damaged).
 */
int broadcast_reserve(struct broadcast *b, uint32_t size, void **ret);

/** Copy a message to where it was reserved, so that a reader may read there at the same time. */
void broadcast_write(void *to, const void *data, size_t size);

/** What was reserved is written: append it. @param size  at most what was reserved. */
void broadcast_append(struct broadcast *b, uint32_t size);

/** Let readers see all that was appended, and wake them. */
void broadcast_publish(struct broadcast *b);

/* ---- readers --------------------------------------------------------------------------------------- */

/**
 * Begin to read.
 * @param oldest  with the oldest record that is kept, else with the next one that is published.
 * @return 0, -EUSERS (all places are taken), -EBADMSG.
 */
int broadcast_subscribe(struct broadcast *b, bool oldest);

/**
 * Begin again after having been dropped, in the same place.
 * @param ret_missed  so many messages were published since the last one that it consumed, and are skipped.
 * @return 0; -EISCONN (not dropped); -EBADMSG.
 */
int broadcast_subscribe_again(struct broadcast *b, bool oldest, uint64_t *ret_missed);

/**
 * Copy the next message out. What is in `buffer` after a failure means nothing.
 * @param size  of the buffer.
 * @return 0; -EAGAIN (none); -EMSGSIZE (longer than `size`; it stays); -ENOTCONN (dropped: subscribe again); -EBADMSG.
 */
int broadcast_receive(struct broadcast *b, void *buffer, size_t size, struct view *ret);

/**
 * Look at the next message where it lies; not if the policy is lossy. With policy drop it may be overwritten at any moment:
 * whether it was, broadcast_consume() tells.
 * @return 0; -EAGAIN, -ENOTCONN, -EBADMSG, as above.
 */
int broadcast_peek(struct broadcast *b, struct view *ret);

/**
 * Be done with what was peeked at.
 * @return 0; -ENOTCONN (dropped meanwhile: it may have been overwritten while it was read).
 */
int broadcast_consume(struct broadcast *b, const struct view *view);

/* ---- waiting --------------------------------------------------------------------------------------- */

/**
 * The same, waiting.
 * @param deadline_usec  CLOCK_MONOTONIC; UINT64_MAX: none.
 * @param drain          a flag that holds up or ends a wait for messages (-ESHUTDOWN), see wait.h; may be NULL.
 * @return also -ETIMEDOUT, -EINTR, -ESHUTDOWN. With policy refuse, broadcast_reserve_wait() does not wait.
 */
int broadcast_receive_wait(struct broadcast *b, void *buffer, size_t size, struct view *ret, uint64_t deadline_usec,
                           const _Atomic uint32_t *drain);
int broadcast_peek_wait(struct broadcast *b, struct view *ret, uint64_t deadline_usec, const _Atomic uint32_t *drain);
int broadcast_reserve_wait(struct broadcast *b, uint32_t size, void **ret, uint64_t deadline_usec);

/** For event loops: after -EAGAIN the descriptor is armed, and a message wakes it. @return as without _poll. */
int broadcast_receive_poll(struct broadcast *b, void *buffer, size_t size, struct view *ret);
int broadcast_peek_poll(struct broadcast *b, struct view *ret);

/**
 * To wait with wait_any(): for a message, or for what else broadcast_receive() has to say; and for room for so many bytes,
 * which is there at once unless the policy is wait. With policy refuse nobody tells a writer of room: there it may not be
 * waited for. Leaves what is reserved as it is.
 */
struct wait_item broadcast_message_item(struct broadcast *b, const _Atomic uint32_t *drain);
struct wait_item broadcast_room_item(struct broadcast *b, uint32_t size);

/** Would broadcast_receive() say anything but -EAGAIN? */
bool broadcast_has_message(struct broadcast *b);
/** Would broadcast_reserve()? Publishes what was appended, when it has to look. */
bool broadcast_has_room(struct broadcast *b, uint32_t size);

/* ---- positions and records, for who looks too ------------------------------------------------------- */

static inline struct record *broadcast_record(const struct broadcast *b, uint64_t position) {
        return (void *)(b->records + (position & b->mask));
}

/** From a position to the end of the ring. */
static inline uint64_t broadcast_room(const struct broadcast *b, uint64_t position) {
        return b->capacity - (position & b->mask);
}

/** Is one position behind another? They wrap. */
static inline bool broadcast_behind(uint64_t position, uint64_t other) {
        return (int64_t)(position - other) < 0;
}

/** Can a record of that size begin at that position? */
static inline bool broadcast_fits(const struct broadcast *b, uint64_t position, uint32_t size) {
        return size <= b->message_max && record_length(size) <= broadcast_room(b, position);
}

/** The record after one that was published. @return false: the memory is damaged. */
static inline bool broadcast_skip(const struct broadcast *b, uint64_t *position) {
        uint32_t size = atomic_load_explicit(&broadcast_record(b, *position)->size, memory_order_relaxed);

        if (size == RECORD_PADDING)
                *position += broadcast_room(b, *position);
        else if (broadcast_fits(b, *position, size))
                *position += record_length(size);
        else
                return false;
        return true;
}

/* ---- recovery -------------------------------------------------------------------------------------- */

/** Leave a subscriber's place to others. The caller owns it, or its owner is dead. */
void subscriber_free(struct subscriber *s);

#endif
