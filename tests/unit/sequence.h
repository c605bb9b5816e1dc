/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_SEQUENCE_H
#define GANGER_TESTS_SEQUENCE_H

/*
 * Random words that are the same in each run (splitmix64)
 */

#include <stdint.h>

struct sequence {
        uint64_t state;
};

#define SEQUENCE(seed) { .state = (seed) * UINT64_C(0x2545F4914F6CDD1D) + 1 }

static inline uint64_t sequence_next(struct sequence *s) {
        uint64_t z = (s->state += UINT64_C(0x9E3779B97F4A7C15));

        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        return z ^ (z >> 31);
}

/** Numbers of any magnitude, small ones as often as large ones. */
static inline uint64_t sequence_wide(struct sequence *s) {
        uint64_t word = sequence_next(s);

        return word >> (sequence_next(s) % 64);
}

/** Below `n`, which is not 0. */
static inline uint64_t sequence_below(struct sequence *s, uint64_t n) {
        return sequence_next(s) % n;
}

#endif
