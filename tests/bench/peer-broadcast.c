/* SPDX-License-Identifier: MIT */

/*
 * ganger's broadcast, through the public interface
 */

#include "bench.h"
#include "gang.h"
#include "peer.h"
#include "shm/broadcast.h"

static struct gang gang;
static struct peer_world world;
static struct ganger_broadcast *handle;
static int64_t timeout;

/** Room for about so many messages as others have. */
static uint32_t capacity_for(const struct peer_world *w) {
        uint32_t capacity = BROADCAST_CAPACITY_MIN;

        while (capacity < record_length(w->size) * w->slots)
                capacity *= 2;
        return capacity;
}

static void setup(const struct peer_world *w) {
        bool lossy = w->cast == PEER_TO_ALL_LOSSY;
        const struct geometry geometry = {
                .kind = OBJECT_BROADCAST, .capacity = capacity_for(w), .message_max = (uint32_t)w->size,
                .policy = lossy ? BROADCAST_LOSSY : BROADCAST_WAIT, .slots = lossy ? 0 : w->receivers,
        };

        world = *w;
        gang_create(&gang, &geometry, -1);
        timeout = world.blocking ? -1 : 0;
}

static void enter(unsigned int role) {
        struct ganger *g = gang_member(&gang, 1 + role, 1);

        if (ganger_broadcast_open(g, NULL, role < world.senders ? GANGER_SEND : GANGER_RECEIVE, &handle) < 0)
                bench_die("opening a broadcast");
}

static bool send(const void *data) {
        if (world.batch > 1)
                return ganger_broadcast_append(handle, data, world.size, timeout) == 0;
        return ganger_broadcast_send(handle, data, world.size, timeout) == 0;
}

static void publish(void) {
        if (ganger_broadcast_publish(handle) < 0)
                bench_die("publishing");
}

static bool receive(void *buf) {
        return ganger_broadcast_receive(handle, buf, world.size, NULL, NULL, timeout) == 0;
}

static void teardown(void) {
        gang_close(&gang);
}

const struct peer peer_broadcast = {
        .name = "ganger broadcast", .note = "kill-safe", .spins = true, .blocks = true, .all = true, .all_lossy = true,
        .setup = setup, .enter = enter, .send = send, .publish = publish, .receive = receive, .teardown = teardown,
};
