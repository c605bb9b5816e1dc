/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_DAEMON_BENCH_H
#define GANGER_BENCH_DAEMON_BENCH_H

/*
 * The parts of the daemon's bench
 */

struct gangd;

void bench_restart(void);
void bench_idle(void);

/** SIGKILL of the manager to the next answer of gangerctl. */
void measure_manager(struct gangd *d, const char *title);

#endif
