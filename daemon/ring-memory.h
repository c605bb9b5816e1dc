/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_RING_MEMORY_H
#define GANGER_DAEMON_RING_MEMORY_H

/*
 * The mapped memory of a ring, for rings.c, membership.c and ring-look.c only
 *
 * Apart from rings.h, because lib/shm and the configuration each have a word for the kind of a ring.
 */

#include "daemon/rings.h"
#include "shm/object.h"

struct ring_memory {
        struct object object;           /* to look and to recover */
};

/** Write the ring's record into the state memory. */
void ring_save(struct ring *ring);

/** A user is gone: a ring that is no longer defined goes with its last one. */
void ring_collect(struct ring *ring);

/** Tell wakers how many participants are stopped. */
void ring_tell_frozen(struct ring *ring);

#endif
