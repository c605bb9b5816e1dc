/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_REGION_H
#define GANGER_SHM_REGION_H

/*
 * The memory of a ring
 *
 * A memfd of mode 0600, allocated in full and sealed against growing and shrinking, so that nobody who maps it
 * can be hit by SIGBUS, and no other user can open it again through /proc.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ring_kind {
        RING_QUEUE = 1,
};

/** What a ring is made of. It travels in the handshake, never through the shared memory. */
struct geometry {
        enum ring_kind kind;
        uint32_t slots;                 /* a power of two, QUEUE_SLOTS_MIN … QUEUE_SLOTS_MAX */
        uint32_t message_max;           /* bytes, 1 … QUEUE_MESSAGE_MAX */
        uint32_t max_deliveries;        /* 1 … DELIVERIES_MAX */
        bool fences;                    /* wakers have their own barrier: no membarrier(2) where it was made */
};

/** @return 0; -EINVAL (slots no power of two, zero), -E2BIG. */
int geometry_check(const struct geometry *g);

/** Bytes of memory that a ring of this geometry takes. */
size_t geometry_size(const struct geometry *g);

struct region {
        void *base;
        size_t size;
        struct geometry geometry;
};

#define REGION_NULL ((struct region){ 0 })

/**
 * Make the memory of a ring, empty.
 * @return a descriptor, or -errno: -ENOMEM/-ENOSPC where memory is short; as geometry_check().
 */
int region_create(const char *name, const struct geometry *g);

/**
 * Map the memory of a ring.
 * Not inherited by a child after fork(2). With `!geometry.fences` this process is registered for membarrier(2).
 * @param geometry  from the handshake.
 * @return 0; -EPERM: not sealed; -EPROTO: not a ring, of another layout, or smaller than the geometry says;
 *         -EOPNOTSUPP: membarrier(2) is not permitted; other errors of mmap(2).
 */
int region_map(struct region *ret, int fd, const struct geometry *geometry);

/** Unmap. Takes REGION_NULL. */
void region_unmap(struct region *r);

/** Can members of a ring made here rely on membarrier(2)? If not, make it with `fences`. */
bool region_barrier_is_available(void);

#endif
