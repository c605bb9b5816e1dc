/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_GANG_H
#define GANGER_BENCH_GANG_H

/*
 * Objects without a daemon, and members of them: through libganger, by the handshake that a daemon would write
 */

#include "ganger.h"
#include "shm/queue.h"

struct gang {
        struct geometry geometry;
        int memory_fd, event_fd;
};

/** Make an object of any kind; whether it fences is decided here. @param event_fd  taken; -1: one is made. */
void gang_create(struct gang *gang, const struct geometry *geometry, int event_fd);
void gang_close(struct gang *gang);

/**
 * Join as a process that may have `count` handles on it, beginning with participant `first`.
 * @return its membership; open a handle with the function of its kind and the name NULL.
 */
struct ganger *gang_member(const struct gang *gang, uint32_t first, uint32_t count);

/* ---- queues ------------------------------------------------------------------------------------ */

void gang_open(struct gang *gang, uint32_t slots, uint32_t message_max);

/** Join as a process with two handles, and open one that sends and receives. @param member  0, 1, … */
struct ganger *gang_join(const struct gang *gang, uint32_t member, struct ganger_ring **ret);

/** A member was killed: as its supervisor would. */
void gang_recover(const struct gang *gang, uint32_t member);

/** Take part through lib/shm directly. */
void gang_attach(const struct gang *gang, uint32_t participant, struct region *ret_region, struct queue *ret);

#endif
