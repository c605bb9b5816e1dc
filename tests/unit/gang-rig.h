/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_GANG_RIG_H
#define GANGER_TESTS_GANG_RIG_H

/*
 * A gang without a daemon: rings, and processes that are members of them
 *
 * The test plays the manager: it makes rings and member memory, writes handshakes, and recovers the dead.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "ganger.h"
#include "shm/member.h"
#include "shm/queue.h"
#include "shm/recover.h"
#include "worker/handshake.h"

#define RIG_RINGS 4

/**
 * Where a process that is spawned finds the handshake; its other descriptors follow. Beyond those of any
 * test.
 */
#define RIG_FD 100

struct rig_ring {
        const char *name;
        struct geometry geometry;
        int memory_fd, event_fd;
        struct object judge;            /* participant 0 */
        uint32_t next_participant;
};

void rig_ring_open(struct rig_ring *r, const char *name, uint32_t slots, uint32_t message_max,
                   uint32_t max_deliveries);
void rig_ring_close(struct rig_ring *r);

/** How many slots are in a state. */
uint32_t rig_ring_count(const struct rig_ring *r, enum slot_state state);

/** Why the message in a slot came back. */
const char *rig_ring_reason(const struct rig_ring *r, uint32_t slot, char *buf, size_t size);

struct rig_member {
        const char *worker;
        uint32_t instance;
        int member_fd;
        struct member memory;
        size_t n_rings;
        struct handshake_object rings[RIG_RINGS];
        struct rig_ring *of[RIG_RINGS];
};

void rig_member_open(struct rig_member *m, const char *worker, uint32_t instance);
void rig_member_close(struct rig_member *m);

/** Give it a seat for so many handles. */
void rig_member_give(struct rig_member *m, struct rig_ring *ring, unsigned int flags, uint32_t handles);

/** Its handshake; the descriptors are numbered from `first` on, as in `fds`. @return how many there are. */
size_t rig_member_handshake(const struct rig_member *m, int first, int *fds, void **ret_blob,
                            size_t *ret_size);

/** Join as that member, in this process. */
struct ganger *rig_member_join(const struct rig_member *m);

/** In a child: put everything where an instance finds it, with GANGER_HANDSHAKE. */
void rig_member_become(const struct rig_member *m);

/** It is dead: put right what it left. */
void rig_member_recover(struct rig_member *m, const char *reason, struct recovery *ret);

#endif
