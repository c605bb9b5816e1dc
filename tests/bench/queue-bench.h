/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_QUEUE_BENCH_H
#define GANGER_BENCH_QUEUE_BENCH_H

/*
 * The parts of the queue's bench
 */

#include <stdbool.h>

void bench_one_thread(void);

/**
 * @param directory  where the peers lie that were compiled for this run; NULL: none.
 * @param only       compare ganger with this peer only; NULL: with all.
 */
void bench_processes(const char *directory, const char *only, bool pair, bool four);

#endif
