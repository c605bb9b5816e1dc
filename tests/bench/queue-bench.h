/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_QUEUE_BENCH_H
#define GANGER_BENCH_QUEUE_BENCH_H

/*
 * The parts of the queue's bench
 */

void bench_one_thread(void);

/** @param directory  where the peers lie that were compiled for this run; NULL: none. */
void bench_processes(const char *directory);

#endif
