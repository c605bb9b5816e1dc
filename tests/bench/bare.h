/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_BARE_H
#define GANGER_BENCH_BARE_H

/*
 * A supervisor and nothing else: it waits for a child to die, and starts another with vfork semantics
 *
 * What the kernel takes for that, and so the least that any supervisor can take.
 */

#include <stddef.h>
#include <sys/types.h>

/** Start one that keeps `n` processes of the program running. SIGTERM ends them, then it. @return its pid. */
pid_t bare_start(size_t n, const char *program, const char *fifo);

#endif
