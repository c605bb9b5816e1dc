/* SPDX-License-Identifier: MIT */

/*
 * The least that carries messages between two processes: Lamport's ring with cached positions, of messages of one size that the
 * compiler knows, all of it inline. Nothing in it survives anything.
 */

#include <string.h>

#include "bench.h"
#include "pipe-bench.h"

#define INLINE static inline __attribute__((__always_inline__))

struct ring {
        _Alignas(128) _Atomic uint64_t written;
        _Alignas(128) _Atomic uint64_t consumed;
        _Alignas(128) unsigned char slots[];
};

/** One end: its own position, and the other's as far as it knows. */
struct end {
        struct ring *ring;
        uint64_t position, other, mask;
};

static struct ring *rings[2];
static size_t ring_size, message_size;

static void setup(size_t size) {
        message_size = size;
        ring_size = sizeof(struct ring) + pipe_capacity(size);
        for (int i = 0; i < 2; i++)
                rings[i] = bench_shared(ring_size);
}

static void teardown(void) {
        for (int i = 0; i < 2; i++)
                bench_unmap(rings[i], ring_size);
}

INLINE struct end end_of(int i, size_t size) {
        return (struct end){ .ring = rings[i], .mask = pipe_capacity(size) / size - 1 };
}

INLINE unsigned char *reserve(struct end *e, size_t size) {
        while (e->position - e->other > e->mask) {
                e->other = atomic_load_explicit(&e->ring->consumed, memory_order_acquire);
                if (e->position - e->other > e->mask)
                        bench_relax();
        }
        return e->ring->slots + (e->position & e->mask) * size;
}

INLINE void publish(struct end *e) {
        atomic_store_explicit(&e->ring->written, e->position, memory_order_release);
}

/** How many are there: at least one. */
INLINE uint64_t available(struct end *e) {
        while (e->position == e->other) {
                e->other = atomic_load_explicit(&e->ring->written, memory_order_acquire);
                if (e->position == e->other)
                        bench_relax();
        }
        return e->other - e->position;
}

INLINE const unsigned char *slot(const struct end *e, size_t size) {
        return e->ring->slots + (e->position & e->mask) * size;
}

INLINE void consume(struct end *e) {
        atomic_store_explicit(&e->ring->consumed, e->position, memory_order_release);
}

INLINE void write_always(enum pipe_way way, size_t size) {
        static unsigned char data[PIPE_SIZE_MAX];
        struct end e = end_of(0, size);

        for (uint64_t n = 0;; n++) {
                unsigned char *to = reserve(&e, size);

                if (way == PIPE_IN_PLACE)
                        *(uint64_t *)(void *)to = n;
                else
                        memcpy(to, data, size);
                e.position++;
                if (way != PIPE_BATCHES || n % PIPE_BATCH == PIPE_BATCH - 1)
                        publish(&e);
        }
}

INLINE void read_always(enum pipe_way way, size_t size, _Atomic uint64_t *received) {
        static unsigned char data[PIPE_SIZE_MAX];
        struct end e = end_of(0, size);
        volatile uint64_t seen;

        for (;;) {
                uint64_t n = available(&e), taken = 0;

                if (way != PIPE_BATCHES)
                        n = 1;
                for (; taken < n && taken < PIPE_BATCH; taken++) {
                        if (way == PIPE_IN_PLACE)
                                seen = *(const uint64_t *)(const void *)slot(&e, size);
                        else
                                memcpy(data, slot(&e, size), size);
                        __asm__ volatile("" : : "r"(data) : "memory");
                        e.position++;
                }
                consume(&e);
                pipe_count(received, taken);
        }
        (void)seen;
}

/* Each size and way compiled for itself. */
#define EACH(call)                                                      \
        switch (message_size) {                                         \
        case 64: call(64); break;                                       \
        case 1024: call(1024); break;                                   \
        default: call(PIPE_SIZE_MAX); break;                            \
        }

static void write_way(enum pipe_way way) {
#define WRITE(size) switch (way) {                                      \
        case PIPE_SINGLE: write_always(PIPE_SINGLE, size); break;       \
        case PIPE_BATCHES: write_always(PIPE_BATCHES, size); break;     \
        default: write_always(PIPE_IN_PLACE, size); }
        EACH(WRITE)
}

static void read_way(enum pipe_way way, _Atomic uint64_t *received) {
#define READ(size) switch (way) {                                       \
        case PIPE_SINGLE: read_always(PIPE_SINGLE, size, received); break; \
        case PIPE_BATCHES: read_always(PIPE_BATCHES, size, received); break; \
        default: read_always(PIPE_IN_PLACE, size, received); }
        EACH(READ)
}

/* ---- to and fro ---------------------------------------------------------------------------------- */

INLINE void send_64(struct end *e, const void *data) {
        memcpy(reserve(e, 64), data, 64);
        e->position++;
        publish(e);
}

INLINE void receive_64(struct end *e, void *data) {
        (void)available(e);
        memcpy(data, slot(e, 64), 64);
        e->position++;
        consume(e);
}

static void ping(uint64_t n) {
        static struct end out, in;
        uint64_t data[8] = { 0 };

        if (!out.ring) {
                out = end_of(0, 64);
                in = end_of(1, 64);
        }
        while (n-- > 0) {
                send_64(&out, data);
                receive_64(&in, data);
        }
}

static void pong(void) {
        struct end in = end_of(0, 64), out = end_of(1, 64);
        uint64_t data[8];

        for (;;) {
                receive_64(&in, data);
                send_64(&out, data);
        }
}

const struct pipe_peer pipe_bare = {
        .name = "hand-written ring", .note = "one size, inline, not kill-safe",
        .setup = setup, .write = write_way, .read = read_way, .ping = ping, .pong = pong, .teardown = teardown,
};
