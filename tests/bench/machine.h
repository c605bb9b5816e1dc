/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_MACHINE_H
#define GANGER_BENCH_MACHINE_H

/*
 * The machine that a bench runs on: how near its two processors are to each other, and who else uses them
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** @return nanoseconds that a cache line takes there and back between the two processors, the median; 0: there is one. */
double machine_ping_pong(unsigned int batches);

/** What such a time means, roughly: cores of today differ. */
const char *machine_placement(double ping_pong_ns);

/** What was used of the two processors until a moment. */
struct machine_usage {
        uint64_t at_ns;
        uint64_t all_ns;                /* by everybody, with what the host took away; 0: the kernel does not tell */
        uint64_t own_ns;                /* by this process and the children that it waited for */
        uint64_t stolen_ns;             /* by the host */
};

void machine_usage(struct machine_usage *ret);

/** Shorter than this a span cannot be judged: the kernel counts in ticks. */
#define MACHINE_SPAN_NS UINT64_C(200000000)

/**
 * Did others use the processors since then so much that what was measured is in doubt? Sets `since` to now.
 * @param ret_host  did the host alone?
 */
bool machine_was_busy(struct machine_usage *since, bool *ret_host);

#endif
