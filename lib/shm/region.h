/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_REGION_H
#define GANGER_SHM_REGION_H

/*
 * The memory of an object: of a ring or of a lock
 *
 * A memfd of mode 0600, allocated in full and sealed against growing and shrinking, so that nobody who maps it
 * can be hit by SIGBUS, and no other user can open it again through /proc.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What a named thing in shared memory can be. What each knows how to do is a row of shm/object.c. The
 * numbers are those of enum ganger_kind in ganger.h. */
enum object_kind {
        OBJECT_QUEUE = 1,
        OBJECT_PIPE,
        OBJECT_BROADCAST,
        OBJECT_SERVICE,
        OBJECT_SEMAPHORE,
        OBJECT_MONITOR,
        OBJECT_COUNTER,
        _OBJECT_KIND_N,
};

/**
 * What an object is made of. It travels in the handshake, never through the shared memory. A field that a kind has no use
 * for is 0.
 */
struct geometry {
        enum object_kind kind;
        uint32_t slots;                 /* how many of what the kind has: messages, permits, conditions, counters, … */
        uint32_t message_max;           /* bytes of the longest message */
        uint32_t max_deliveries;        /* queue: 1 … DELIVERIES_MAX */
        uint32_t capacity;              /* bytes, of kinds that carry records of any size */
        uint32_t policy;                /* an enum of the kind's own */
        uint32_t dead_max;              /* queue: dead letters that are kept */
        uint32_t delay_msec;            /* queue: how long a message that came back rests */
        uint32_t slot_size;             /* queue: bytes that a slot holds itself; 0: message_max */
        uint32_t heap;                  /* queue: bytes for the messages that are longer than that; 0: there are none */
        bool fences;                    /* wakers have their own barrier: no membarrier(2) where it was made */
};

/** @return 0; -EINVAL (it makes no sense), -E2BIG. */
int geometry_check(const struct geometry *g);

/** Bytes of memory that an object of this geometry takes; it must be sound. */
size_t geometry_size(const struct geometry *g);

/** … and of how many of them, from the beginning, a member that only receives must be able to write. */
size_t geometry_shared_size(const struct geometry *g);

struct region_header;

struct region {
        void *base;
        size_t size;
        struct geometry geometry;
};

#define REGION_NULL ((struct region){ 0 })

/**
 * Make the memory of an object, empty.
 * @return a descriptor, or -errno: -ENOMEM/-ENOSPC where memory is short; as geometry_check().
 */
int region_create(const char *name, const struct geometry *g);

/**
 * Map the memory of an object.
 * Not inherited by a child after fork(2). With `!geometry.fences` this process is registered for membarrier(2).
 * @param geometry  from the handshake.
 * @return 0; -EPERM: not sealed; -EPROTO: not an object of ours, or not of this geometry; -EPROTONOSUPPORT: of another
 *         layout;
 *         -EOPNOTSUPP: membarrier(2) is not permitted; other errors of mmap(2).
 */
int region_map(struct region *ret, int fd, const struct geometry *geometry);

/**
 * The same for who made it, and has its geometry from nobody else: whatever its members have written into the header. That
 * is damage (shm/damage.h), not another file.
 */
int region_map_own(struct region *ret, int fd, const struct geometry *geometry);

/**
 * A copy of it, for this process alone: what is written there nobody else sees. While others still write, a page is as they
 * leave it until it is first written here.
 */
int region_map_copy(struct region *ret, int fd, const struct geometry *geometry);

/** What stands in the header of an object of this geometry. */
void region_header_fill(struct region_header *ret, const struct geometry *g);

/**
 * Let this process write no more than the first `shared` bytes of it (whole pages); idempotent. A second mapping of the same
 * descriptor is not bound by it: it guards against mistakes.
 * @return 0, or an error of mprotect(2).
 */
int region_protect(const struct region *r, size_t shared);

/** Unmap. Takes REGION_NULL. */
void region_unmap(struct region *r);

/** Can members of an object made here rely on membarrier(2)? If not, make it with `fences`. */
bool region_barrier_is_available(void);

#endif
