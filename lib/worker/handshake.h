/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WORKER_HANDSHAKE_H
#define GANGER_WORKER_HANDSHAKE_H

/*
 * The handshake: what a process must know to be a member of its rings and locks, its objects
 *
 * The daemon writes it, the library reads it, once, at the start. It travels in a sealed memfd whose
 * descriptor number GANGER_HANDSHAKE tells, or in an AttachReply of the control socket. Both ends are of
 * one machine, so numbers are in its byte order; both may be of different versions, so the layout has
 * one.
 *
 * Descriptors are the numbers under which the process finds them. In an AttachReply they are indexes into
 * the descriptors that came with it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "shm/region.h"

/** Where a process finds the number of the descriptor. */
#define HANDSHAKE_ENV "GANGER_HANDSHAKE"

/** Changes with any change to the layout. */
#define HANDSHAKE_VERSION 3

/** Objects of one process. Journals number them in 11 bits; the kernel passes 253 descriptors at once. */
#define HANDSHAKE_OBJECTS_MAX 120

/**
 * The seat of the process in one object, and all that it needs to open it. Its number is its place in the
 * handshake.
 */
struct handshake_object {
        char name[NAME_LENGTH_MAX + 1];
        struct geometry geometry;
        int memory_fd, event_fd;
        uint32_t first, count;          /* participants first … first + count - 1 */
        uint32_t generation;
        bool receives, sends;           /* both, of a lock */
};

struct handshake {
        char worker[NAME_LENGTH_MAX + 1];       /* "" in a process that was attached */
        uint32_t instance;
        int member_fd;                          /* -1: none, which only a process without objects may have */
        size_t n_objects;
        struct handshake_object objects[HANDSHAKE_OBJECTS_MAX];
};

/**
 * Begin one, without objects.
 * @param worker     its name, or "".
 * @param member_fd  the descriptor number of the member memory, or -1.
 * @return 0, -EINVAL (no valid name), -ENOMEM.
 */
int handshake_new(struct handshake **ret, const char *worker, uint32_t instance, int member_fd);
struct handshake *handshake_free(struct handshake *h);
DEFINE_CLEANUP(struct handshake *, handshake_free)

/**
 * Add an object; copied.
 * @return its number (0, 1, …) as journals name it; -EINVAL (name, geometry, seat or descriptors
 *         make no sense);
 *         -EEXIST (name or descriptor is there already); -E2BIG (HANDSHAKE_OBJECTS_MAX).
 */
int handshake_add(struct handshake *h, const struct handshake_object *object);

/** Write it down. @param ret  free it. @return 0, -EINVAL (it has objects and no member memory), -ENOMEM. */
int handshake_encode(const struct handshake *h, void **ret, size_t *ret_size);

/** The longest that handshake_encode() makes. */
size_t handshake_size_max(void);

/**
 * Read it. Trusts nothing: sizes, counts, names, geometry, seats and that no descriptor or name comes twice.
 * @return 0, -EPROTO (damaged), -EPROTONOSUPPORT (of another version), -ENOMEM.
 */
int handshake_decode(const void *blob, size_t size, struct handshake **ret);

#endif
