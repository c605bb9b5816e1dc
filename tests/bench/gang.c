/* SPDX-License-Identifier: MIT */

/*
 * Objects for the bench
 *
 * The bench plays the manager: it makes the memory and writes the handshake; joining is libganger's own code.
 */

#include "gang.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "bench.h"
#include "shm/member.h"
#include "shm/recover.h"
#include "worker/handshake.h"

/** Handles of one member. */
#define HANDLES 2

void gang_create(struct gang *gang, const struct geometry *geometry, int event_fd) {
        *gang = (struct gang){ .geometry = *geometry };
        gang->geometry.fences = !region_barrier_is_available();
        gang->memory_fd = region_create("bench", &gang->geometry);
        gang->event_fd = event_fd >= 0 ? event_fd : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (gang->memory_fd < 0 || gang->event_fd < 0)
                bench_die("making an object");
}

void gang_close(struct gang *gang) {
        close(gang->memory_fd);
        close(gang->event_fd);
}

struct ganger *gang_member(const struct gang *gang, uint32_t first, uint32_t count) {
        struct handshake_object object = {
                .name = "bench", .geometry = gang->geometry, .memory_fd = 1, .event_fd = 2,
                .first = first, .count = count, .generation = 1, .receives = true, .sends = true,
        };
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        _cleanup_(freep) void *blob = NULL;
        struct ganger *g = NULL;
        size_t size;
        int fds[3] = {
                member_create("bench"),
                fcntl(gang->memory_fd, F_DUPFD_CLOEXEC, 0),
                fcntl(gang->event_fd, F_DUPFD_CLOEXEC, 0),
        };

        errno = 0;
        if (handshake_new(&h, "bench", first, 0) < 0 || handshake_add(h, &object) < 0 ||
            handshake_encode(h, &blob, &size) < 0 || ganger_join_descriptors(&g, blob, size, fds, 3) < 0)
                bench_die("joining");
        return g;
}

/* ---- queues ------------------------------------------------------------------------------------ */

void gang_open(struct gang *gang, uint32_t slots, uint32_t message_max) {
        const struct geometry geometry = {
                .kind = OBJECT_QUEUE, .slots = slots, .message_max = message_max, .max_deliveries = 3,
        };

        gang_create(gang, &geometry, -1);
}

struct ganger *gang_join(const struct gang *gang, uint32_t member, struct ganger_ring **ret) {
        struct ganger *g = gang_member(gang, 1 + member * HANDLES, HANDLES);

        if (ganger_ring_open(g, NULL, GANGER_SEND | GANGER_RECEIVE, ret) < 0)
                bench_die("opening a ring");
        return g;
}

void gang_recover(const struct gang *gang, uint32_t member) {
        struct region region;
        struct object object;

        if (region_map(&region, gang->memory_fd, &gang->geometry) < 0)
                bench_die("mapping a ring");
        object_open(&object, &region, gang->event_fd);
        recover_seat(&(struct seat){ .object = &object, .first = 1 + member * HANDLES, .count = HANDLES, .generation = 1 },
                     "killed", NULL);
        region_unmap(&region);
}

void gang_attach(const struct gang *gang, uint32_t participant, struct region *ret_region, struct queue *ret) {
        errno = 0;
        if (region_map(ret_region, gang->memory_fd, &gang->geometry) < 0)
                bench_die("mapping a ring");
        queue_open(ret, ret_region, participant, 1, gang->event_fd);
}
