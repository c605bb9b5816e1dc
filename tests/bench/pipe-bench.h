/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_PIPE_BENCH_H
#define GANGER_BENCH_PIPE_BENCH_H

/*
 * What the bench of pipes compares: one writer, one reader, spinning
 */

#include <stdatomic.h>
#include <stdint.h>
#include <stddef.h>

#define PIPE_SIZE_MAX 65536
#define PIPE_BATCH 32

enum pipe_way {
        PIPE_SINGLE,                    /* copied in, published, copied out, consumed */
        PIPE_BATCHES,                   /* the same, published and consumed up to PIPE_BATCH at once */
        PIPE_IN_PLACE,                  /* one word of it written and read in place */
};

/** One pipe at a time is set up, used by children that are killed at the end, and torn down. */
struct pipe_peer {
        const char *name, *note;
        void (*setup)(size_t size);
        void (*write)(enum pipe_way way); /* in a child: for ever */
        /** In a child: for ever; count each message. */
        void (*read)(enum pipe_way way, _Atomic uint64_t *received);
        /** In children: messages of 64 B to and fro, `n` times; the partner goes on for ever. */
        void (*ping)(uint64_t n);
        void (*pong)(void);
        void (*teardown)(void);
};

extern const struct pipe_peer pipe_ganger, pipe_bare;

/** Bytes of a ring that carries messages of a size: of more than one batch. */
static inline size_t pipe_capacity(size_t size) {
        return size > 4096 ? 4 * PIPE_BATCH * size : 256 << 10;
}

static inline void pipe_count(_Atomic uint64_t *received, uint64_t n) {
        atomic_store_explicit(received, atomic_load_explicit(received, memory_order_relaxed) + n, memory_order_relaxed);
}

#endif
