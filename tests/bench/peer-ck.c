/* SPDX-License-Identifier: MIT */

/*
 * Concurrency Kit: ck_ring, one producer and one consumer, or many of both
 *
 * Compiled for the run, where ck is. It copies records of a size that is known when it is compiled; it cannot sleep.
 */

#include <ck_ring.h>
#include <stdlib.h>
#include <string.h>

#include "peer-memory.h"
#include "peer.h"

extern const struct peer peer;

struct record64 { unsigned char data[64]; };
struct record1k { unsigned char data[1024]; };
struct record64k { unsigned char data[65536]; };

CK_RING_PROTOTYPE(r64, record64)
CK_RING_PROTOTYPE(r1k, record1k)
CK_RING_PROTOTYPE(r64k, record64k)

static struct peer_world world;
static unsigned char *memory[PEER_CHANNELS];
static size_t memory_size;
static struct ck_ring *out, *in;
static bool many;

/** The records come after the ring, aligned. */
static void *records(struct ck_ring *ring) {
        return (unsigned char *)ring + 4096;
}

static void setup(const struct peer_world *w) {
        world = *w;
        many = world.senders + world.receivers > 2;
        memory_size = 4096 + (size_t)world.slots * world.size;
        for (unsigned int i = 0; i < PEER_CHANNELS; i++) {
                memory[i] = peer_memory_new(memory_size);
                ck_ring_init((struct ck_ring *)memory[i], world.slots);
        }
}

static void enter(unsigned int role) {
        out = (struct ck_ring *)memory[peer_channel(&world, role, true)];
        in = (struct ck_ring *)memory[peer_channel(&world, role, false)];
}

#define ENQUEUE(name, type)                                                                     \
        (many ? CK_RING_ENQUEUE_MPMC(name, out, records(out), (struct type *)(uintptr_t)data)   \
              : CK_RING_ENQUEUE_SPSC(name, out, records(out), (struct type *)(uintptr_t)data))
#define DEQUEUE(name, type)                                                                     \
        (many ? CK_RING_DEQUEUE_MPMC(name, in, records(in), (struct type *)buf)                 \
              : CK_RING_DEQUEUE_SPSC(name, in, records(in), (struct type *)buf))

static bool send_one(const void *data) {
        switch (world.size) {
        case 64: return ENQUEUE(r64, record64);
        case 1024: return ENQUEUE(r1k, record1k);
        case 65536: return ENQUEUE(r64k, record64k);
        default: abort();
        }
}

static bool receive_one(void *buf) {
        switch (world.size) {
        case 64: return DEQUEUE(r64, record64);
        case 1024: return DEQUEUE(r1k, record1k);
        case 65536: return DEQUEUE(r64k, record64k);
        default: abort();
        }
}

static void teardown(void) {
        for (unsigned int i = 0; i < PEER_CHANNELS; i++)
                peer_memory_free(memory[i], memory_size);
}

const struct peer peer = {
        .name = "ck_ring", .note = "not kill-safe, cannot sleep", .spins = true,
        .setup = setup, .enter = enter, .send = send_one, .receive = receive_one, .teardown = teardown,
};
