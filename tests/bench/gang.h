/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_GANG_H
#define GANGER_BENCH_GANG_H

/*
 * A ring without a daemon, and members of it: through libganger, by the handshake that a daemon would write
 */

#include "ganger.h"
#include "shm/queue.h"

struct gang {
        struct geometry geometry;
        int memory_fd, event_fd;
};

void gang_open(struct gang *gang, uint32_t slots, uint32_t message_max);
void gang_close(struct gang *gang);

/** Join as a process with two handles, and open one that sends and receives. @param member  0, 1, … */
struct ganger *gang_join(const struct gang *gang, uint32_t member, struct ganger_ring **ret);

/** A member was killed: as its supervisor would. */
void gang_recover(const struct gang *gang, uint32_t member);

/** Take part through lib/shm directly. */
void gang_attach(const struct gang *gang, uint32_t participant, struct region *ret_region, struct queue *ret);

#endif
