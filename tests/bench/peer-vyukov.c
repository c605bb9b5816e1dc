/* SPDX-License-Identifier: MIT */

/*
 * A plain queue that only spins
 */

#include "bench.h"
#include "peer.h"
#include "vyukov.h"

static struct peer_world world;
static struct vyukov queues[PEER_CHANNELS], *out, *in;
static void *memory[PEER_CHANNELS];
static size_t memory_size;

static void setup(const struct peer_world *w) {
        world = *w;
        memory_size = vyukov_memory_size(world.slots, (uint32_t)world.size);
        for (unsigned int i = 0; i < PEER_CHANNELS; i++) {
                memory[i] = bench_shared(memory_size);
                vyukov_create(memory[i], world.slots, (uint32_t)world.size);
                vyukov_open(&queues[i], memory[i], world.slots, (uint32_t)world.size);
        }
}

static void enter(unsigned int role) {
        out = &queues[peer_channel(&world, role, true)];
        in = &queues[peer_channel(&world, role, false)];
}

static bool send(const void *data) {
        return vyukov_send(out, data, world.size) == 0;
}

static bool receive(void *buf) {
        size_t n;

        return vyukov_receive(in, buf, &n) == 0;
}

static void teardown(void) {
        for (unsigned int i = 0; i < PEER_CHANNELS; i++)
                bench_unmap(memory[i], memory_size);
}

const struct peer peer_vyukov = {
        .name = "vyukov", .note = "not kill-safe, cannot sleep", .spins = true,
        .setup = setup, .enter = enter, .send = send, .receive = receive, .teardown = teardown,
};
