/* SPDX-License-Identifier: MIT */

/*
 * What -fsanitize=thread calls, in place of libtsan
 *
 * gcc and clang call __tsan_readN/__tsan_writeN before a plain access and leave the access to the code; an atomic operation is a
 * call whole. gcc has compare_exchange_strong/weak, clang compare_exchange_val. Each calls sim_point() first.
 *
 * Interleavings are sequentially consistent, but for store buffers (sim-buffer.c) where the budget allows delays.
 */

#include <stdatomic.h>

#include "sim.h"

/* The compiler's own names: no header declares them. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define CALLER __builtin_return_address(0)

static void plain_write(void *p, const void *caller) {
        if (sim_point(p, ACCESS_WRITE, caller))
                sim_flush();
}

#define PLAIN(n)                                                                                                \
        void __tsan_read##n(void *p) { sim_point(p, ACCESS_READ, CALLER); }                                     \
        void __tsan_unaligned_read##n(void *p) { sim_point(p, ACCESS_READ, CALLER); }                           \
        void __tsan_write##n(void *p) { plain_write(p, CALLER); }                                               \
        void __tsan_unaligned_write##n(void *p) { plain_write(p, CALLER); }                                     \
        void __tsan_read_write##n(void *p) { plain_write(p, CALLER); }                                          \
        void __tsan_unaligned_read_write##n(void *p) { plain_write(p, CALLER); }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_read_range(void *p, unsigned long size) {
        sim_point(p, ACCESS_READ, CALLER);
}

void __tsan_write_range(void *p, unsigned long size) {
        plain_write(p, CALLER);
}

void __tsan_init(void) {
}

void __tsan_func_entry(void *caller) {
}

void __tsan_func_exit(void) {
}

/* A read-modify-write is a barrier on x86: the store buffer is empty after it. */
#define MODIFY(bits, type, name, result)                                                                        \
        type __tsan_atomic##bits##_##name(volatile type *p, type v, int order) {                                \
                type old;                                                                                       \
                                                                                                                \
                sim_point(p, ACCESS_WRITE, CALLER);                                                             \
                sim_flush();                                                                                    \
                old = *p;                                                                                       \
                *p = (type)(result);                                                                            \
                return old;                                                                                     \
        }

#define ATOMIC(bits, type)                                                                                      \
        type __tsan_atomic##bits##_load(const volatile type *p, int order) {                                    \
                uint64_t kept;                                                                                  \
                                                                                                                \
                sim_point(p, ACCESS_READ, CALLER);                                                              \
                return sim_load(p, &kept) ? (type)kept : *p;                                                    \
        }                                                                                                       \
        void __tsan_atomic##bits##_store(volatile type *p, type v, int order) {                                 \
                sim_store(p, v, sizeof v, order == __ATOMIC_SEQ_CST, CALLER);                                   \
        }                                                                                                       \
        type __tsan_atomic##bits##_compare_exchange_val(volatile type *p, type expected, type v, int order,     \
                                                        int failure_order) {                                    \
                type old;                                                                                       \
                                                                                                                \
                sim_point(p, ACCESS_WRITE, CALLER);                                                             \
                sim_flush();                                                                                    \
                old = *p;                                                                                       \
                if (old == expected)                                                                            \
                        *p = v;                                                                                 \
                return old;                                                                                     \
        }                                                                                                       \
        int __tsan_atomic##bits##_compare_exchange_strong(volatile type *p, type *expected, type v, int order,  \
                                                          int failure_order) {                                  \
                type old;                                                                                       \
                                                                                                                \
                sim_point(p, ACCESS_WRITE, CALLER);                                                             \
                sim_flush();                                                                                    \
                old = *p;                                                                                       \
                if (old == *expected) {                                                                         \
                        *p = v;                                                                                 \
                        return 1;                                                                               \
                }                                                                                               \
                *expected = old;                                                                                \
                return 0;                                                                                       \
        }                                                                                                       \
        int __tsan_atomic##bits##_compare_exchange_weak(volatile type *p, type *expected, type v, int order,    \
                                                        int failure_order) {                                    \
                return __tsan_atomic##bits##_compare_exchange_strong(p, expected, v, order, failure_order);     \
        }                                                                                                       \
        MODIFY(bits, type, exchange, v)                                                                         \
        MODIFY(bits, type, fetch_add, old + v)                                                                  \
        MODIFY(bits, type, fetch_sub, old - v)                                                                  \
        MODIFY(bits, type, fetch_or, old | v)                                                                   \
        MODIFY(bits, type, fetch_and, old &v)

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order) {
        if (order == __ATOMIC_SEQ_CST)
                sim_flush();
}

void __tsan_atomic_signal_fence(int order) {
}
