/* SPDX-License-Identifier: MIT */

/*
 * ganger's queue, through the public interface
 */

#include <string.h>

#include "gang.h"
#include "peer.h"

static struct gang gangs[PEER_CHANNELS];
static struct peer_world world;
static struct ganger_ring *out, *in;
static int64_t timeout;

static void setup(const struct peer_world *w) {
        world = *w;
        for (unsigned int i = 0; i < PEER_CHANNELS; i++)
                gang_open(&gangs[i], world.slots, (uint32_t)world.size);
        timeout = world.blocking ? -1 : 0;
}

static void enter(unsigned int role) {
        (void)gang_join(&gangs[peer_channel(&world, role, true)], role, &out);
        (void)gang_join(&gangs[peer_channel(&world, role, false)], role + world.senders + world.receivers, &in);
}

static void recover(unsigned int role) {
        gang_recover(&gangs[0], role);
        gang_recover(&gangs[0], role + world.senders + world.receivers);
}

static bool send(const void *data) {
        return ganger_ring_send(out, data, world.size, timeout) == 0;
}

static bool receive(void *buf) {
        struct ganger_message m;

        if (ganger_ring_receive(in, &m, timeout) < 0)
                return false;
        memcpy(buf, m.data, m.size);
        ganger_acknowledge(&m);
        return true;
}

static void teardown(void) {
        for (unsigned int i = 0; i < PEER_CHANNELS; i++)
                gang_close(&gangs[i]);
}

const struct peer peer_ganger = {
        .name = "ganger queue", .note = "kill-safe", .spins = true, .blocks = true,
        .setup = setup, .enter = enter, .send = send, .receive = receive, .teardown = teardown, .recover = recover,
};
