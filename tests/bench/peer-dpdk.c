/* SPDX-License-Identifier: MIT */

/*
 * DPDK: rte_ring with elements of the message's size, in memory of ours
 *
 * Compiled for the run, where DPDK is. It cannot sleep.
 */

#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <stdlib.h>

#include "peer-memory.h"
#include "peer.h"

extern const struct peer peer;

static struct peer_world world;
static struct rte_ring *rings[PEER_CHANNELS], *out, *in;
static size_t memory_size;

static void setup(const struct peer_world *w) {
        bool many = w->senders + w->receivers > 2;

        world = *w;
        memory_size = (size_t)rte_ring_get_memsize_elem((unsigned int)world.size, world.slots);
        for (unsigned int i = 0; i < PEER_CHANNELS; i++) {
                rings[i] = peer_memory_new(memory_size);
                if (rte_ring_init(rings[i], "bench", world.slots, many ? 0 : RING_F_SP_ENQ | RING_F_SC_DEQ) != 0)
                        abort();
        }
}

static void enter(unsigned int role) {
        out = rings[peer_channel(&world, role, true)];
        in = rings[peer_channel(&world, role, false)];
}

static bool send_one(const void *data) {
        return rte_ring_enqueue_elem(out, (void *)(uintptr_t)data, (unsigned int)world.size) == 0;
}

static bool receive_one(void *buf) {
        return rte_ring_dequeue_elem(in, buf, (unsigned int)world.size) == 0;
}

static void teardown(void) {
        for (unsigned int i = 0; i < PEER_CHANNELS; i++)
                peer_memory_free(rings[i], memory_size);
}

const struct peer peer = {
        .name = "DPDK rte_ring", .note = "not kill-safe, cannot sleep", .spins = true,
        .setup = setup, .enter = enter, .send = send_one, .receive = receive_one, .teardown = teardown,
};
