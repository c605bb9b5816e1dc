/* SPDX-License-Identifier: MIT */

/*
 * ganger's queue, through the public interface
 */

#include <string.h>

#include "gang.h"
#include "peer.h"

static struct gang gang;
static struct ganger_ring *ring;
static int64_t timeout;
static size_t size;

static void setup(const struct peer_world *world) {
        gang_open(&gang, world->slots, (uint32_t)world->size);
        timeout = world->blocking ? -1 : 0;
        size = world->size;
}

static void enter(unsigned int role) {
        (void)gang_join(&gang, role, &ring);
}

static bool send(const void *data) {
        return ganger_ring_send(ring, data, size, timeout) == 0;
}

static bool receive(void *buf) {
        struct ganger_message m;

        if (ganger_ring_receive(ring, &m, timeout) < 0)
                return false;
        memcpy(buf, m.data, m.size);
        ganger_acknowledge(&m);
        return true;
}

static void teardown(void) {
        gang_close(&gang);
}

const struct peer peer_ganger = {
        .name = "ganger", .note = "kill-safe", .spins = true, .blocks = true,
        .setup = setup, .enter = enter, .send = send, .receive = receive, .teardown = teardown,
};
