/* SPDX-License-Identifier: MIT */

/*
 * A yardstick for a broadcast: a ring by hand, for one writer and a few readers that are there from the beginning
 *
 * NOT kill-safe: a reader that dies stops a writer that waits for it. It only spins. Slots of one size; a message is
 * published by the release of `head`, for readers' acquire. Lossy: the writer says first what it is about to overwrite
 * (`intent`), and a reader looks there after it has copied a message out. Else the writer looks at readers' positions
 * when it comes to the end of the room that it knows of.
 */

#include <stdatomic.h>
#include <string.h>

#include "bench.h"
#include "peer.h"

#define LINE 128
#define READERS_MAX 4

struct slot {
        uint64_t size;
        unsigned char data[];
};

struct ring {
        _Alignas(LINE) _Atomic uint64_t head;
        _Alignas(LINE) _Atomic uint64_t intent;
        struct {
                _Alignas(LINE) _Atomic uint64_t position;
        } readers[READERS_MAX];
        _Alignas(LINE) unsigned char slots[];
};

static struct peer_world world;
static struct ring *ring;
static size_t stride;
static unsigned int self;               /* reader: which */
static uint64_t next;                   /* the next message: to write, or to read */
static uint64_t known;                  /* reader: the head; writer: all have read what is below */

static size_t memory_size(void) {
        return sizeof *ring + stride * world.slots;
}

static struct slot *slot_at(uint64_t position) {
        return (void *)(ring->slots + (position & (world.slots - 1)) * stride);
}

static void setup(const struct peer_world *w) {
        world = *w;
        stride = (sizeof(struct slot) + world.size + 63) / 64 * 64;
        ring = bench_shared(memory_size());
}

static void enter(unsigned int role) {
        self = role - world.senders;
        next = known = 0;
}

/* ---- the writer -------------------------------------------------------------------------------- */

static void publish(void) {
        atomic_store_explicit(&ring->head, next, memory_order_release);
}

/** Acquire: what readers read was read before their release. */
static uint64_t slowest(void) {
        uint64_t least = UINT64_MAX;

        for (unsigned int i = 0; i < world.receivers; i++) {
                uint64_t p = atomic_load_explicit(&ring->readers[i].position, memory_order_acquire);

                least = p < least ? p : least;
        }
        return least;
}

/** Is there no room? Then what was written must be published, or no reader would ever make some. */
static bool is_full(void) {
        if (next - known < world.slots)
                return false;
        known = slowest();
        if (next - known < world.slots)
                return false;
        publish();
        return true;
}

static bool send(const void *data) {
        struct slot *s = slot_at(next);

        if (world.cast == PEER_TO_ALL_LOSSY) {
                atomic_store_explicit(&ring->intent, next + 1, memory_order_relaxed);
                atomic_thread_fence(memory_order_release);
        } else if (is_full()) {
                return false;
        }
        s->size = world.size;
        memcpy(s->data, data, s->size);
        next++;
        if (world.batch <= 1)
                publish();
        return true;
}

/* ---- readers ----------------------------------------------------------------------------------- */

static bool is_empty(void) {
        if (next != known)
                return false;
        known = atomic_load_explicit(&ring->head, memory_order_acquire);
        return next == known;
}

/** Was the message overwritten while it was copied? Then go on in the middle of what is kept. */
static bool was_overtaken(void) {
        uint64_t intent;

        atomic_thread_fence(memory_order_acquire);
        intent = atomic_load_explicit(&ring->intent, memory_order_relaxed);
        if (intent - next <= world.slots)
                return false;
        known = atomic_load_explicit(&ring->head, memory_order_acquire);
        next = known - world.slots / 2;
        return true;
}

static bool receive(void *buf) {
        struct slot *s;
        uint64_t size;

        if (is_empty())
                return false;
        s = slot_at(next);
        size = s->size;
        memcpy(buf, s->data, size < world.size ? size : world.size);
        if (world.cast == PEER_TO_ALL_LOSSY) {
                if (was_overtaken())
                        return false;
                next++;
        } else {
                atomic_store_explicit(&ring->readers[self].position, ++next, memory_order_release);
        }
        return true;
}

static void teardown(void) {
        bench_unmap(ring, memory_size());
}

const struct peer peer_fan = {
        .name = "bare ring", .note = "not kill-safe, cannot sleep", .spins = true, .all = true, .all_lossy = true,
        .setup = setup, .enter = enter, .send = send, .publish = publish, .receive = receive, .teardown = teardown,
};
