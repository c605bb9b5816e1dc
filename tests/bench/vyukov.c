/* SPDX-License-Identifier: MIT */

/*
 * Vyukov's bounded queue
 *
 * Each cell has a sequence number: `position` means free for the sender of that position, `position + 1`
 * full for its receiver. Senders and receivers claim positions by compare-and-swap on a counter each. The
 * release of a sequence number publishes the cell, the acquire load of it is its partner.
 */

#include "vyukov.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define LINE 64
#define PAGE 4096

struct vyukov_positions {
        _Alignas(LINE) _Atomic uint64_t send;
        _Alignas(LINE) _Atomic uint64_t receive;
};

struct cell {
        _Alignas(16) _Atomic uint64_t sequence;
        uint32_t size;
        uint32_t unused;
        unsigned char data[];
};

static size_t stride_of(uint32_t message_max) {
        return (sizeof(struct cell) + message_max + LINE - 1) / LINE * LINE;
}

size_t vyukov_memory_size(uint32_t slots, uint32_t message_max) {
        return PAGE + stride_of(message_max) * slots;
}

static inline struct cell *cell_of(const struct vyukov *q, uint64_t position) {
        return (void *)(q->cells + (position & q->mask) * q->stride);
}

void vyukov_open(struct vyukov *q, void *memory, uint32_t slots, uint32_t message_max) {
        *q = (struct vyukov){
                .cells = (unsigned char *)memory + PAGE,
                .positions = memory,
                .mask = slots - 1,
                .stride = stride_of(message_max),
                .message_max = message_max,
        };
}

void vyukov_create(void *memory, uint32_t slots, uint32_t message_max) {
        struct vyukov q;

        vyukov_open(&q, memory, slots, message_max);
        for (uint64_t i = 0; i < slots; i++)
                atomic_store(&cell_of(&q, i)->sequence, i);
}

/** Claim the next position whose cell is at `position + step`. @return the cell, or NULL: it is not there yet. */
static inline struct cell *claim(struct vyukov *q, _Atomic uint64_t *next, uint64_t step, uint64_t *ret_position) {
        uint64_t position = atomic_load_explicit(next, memory_order_relaxed);

        for (;;) {
                struct cell *c = cell_of(q, position);
                uint64_t sequence = atomic_load_explicit(&c->sequence, memory_order_acquire);
                int64_t ahead = (int64_t)(sequence - position - step);

                if (ahead < 0)
                        return NULL;
                if (ahead > 0) {
                        position = atomic_load_explicit(next, memory_order_relaxed);
                } else if (atomic_compare_exchange_weak_explicit(next, &position, position + 1, memory_order_relaxed,
                                                                 memory_order_relaxed)) {
                        *ret_position = position;
                        return c;
                }
        }
}

int vyukov_send(struct vyukov *q, const void *data, size_t size) {
        uint64_t position;
        struct cell *c;

        if (size > q->message_max)
                return -EMSGSIZE;
        c = claim(q, &q->positions->send, 0, &position);
        if (!c)
                return -EAGAIN;
        c->size = (uint32_t)size;
        memcpy(c->data, data, size);
        atomic_store_explicit(&c->sequence, position + 1, memory_order_release);
        return 0;
}

int vyukov_receive(struct vyukov *q, void *buf, size_t *ret_size) {
        uint64_t position;
        struct cell *c = claim(q, &q->positions->receive, 1, &position);

        if (!c)
                return -EAGAIN;
        *ret_size = c->size;
        memcpy(buf, c->data, c->size);
        atomic_store_explicit(&c->sequence, position + q->mask + 1, memory_order_release);
        return 0;
}
