/* SPDX-License-Identifier: MIT */
#ifndef GANGER_METRICS_PROCESS_H
#define GANGER_METRICS_PROCESS_H

/*
 * What a process uses, as /proc tells everybody
 */

#include <stdint.h>

struct process_usage {
        uint64_t cpu_usec, resident_bytes;
        uint64_t voluntary_switches, involuntary_switches;
};

/** @return 0, -ESRCH (it is gone), -EPROTO, or another error of reading. */
int process_usage_read(int pid, struct process_usage *ret);

#endif
