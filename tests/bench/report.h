/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_REPORT_H
#define GANGER_BENCH_REPORT_H

/*
 * What a program that is measured tells the bench, through a FIFO whose path is its first argument
 */

#include <stdint.h>

/** One write: short enough to be atomic. */
struct report {
        uint64_t monotonic_ns;
        int32_t pid;
        uint32_t deliveries;            /* of the message that it holds; 0: it just started */
};

#endif
