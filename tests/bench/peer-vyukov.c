/* SPDX-License-Identifier: MIT */

/*
 * A plain queue that only spins
 */

#include "bench.h"
#include "peer.h"
#include "vyukov.h"

static struct vyukov queue;
static void *memory;
static size_t memory_size, size;

static void setup(const struct peer_world *world) {
        size = world->size;
        memory_size = vyukov_memory_size(world->slots, (uint32_t)size);
        memory = bench_shared(memory_size);
        vyukov_create(memory, world->slots, (uint32_t)size);
        vyukov_open(&queue, memory, world->slots, (uint32_t)size);
}

static void enter(unsigned int role) {
        (void)role;
}

static bool send(const void *data) {
        return vyukov_send(&queue, data, size) == 0;
}

static bool receive(void *buf) {
        size_t n;

        return vyukov_receive(&queue, buf, &n) == 0;
}

static void teardown(void) {
        bench_unmap(memory, memory_size);
}

const struct peer peer_vyukov = {
        .name = "vyukov", .note = "not kill-safe, cannot sleep", .spins = true,
        .setup = setup, .enter = enter, .send = send, .receive = receive, .teardown = teardown,
};
