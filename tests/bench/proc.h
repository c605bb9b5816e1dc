/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_PROC_H
#define GANGER_BENCH_PROC_H

/*
 * What /proc says of a process
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** Processor time, in ticks. */
unsigned long proc_ticks(pid_t pid);

/** Memory that is its own, and its part of what it shares, in kB. */
double proc_pss(pid_t pid);

/** Is it called so? (As many letters as the kernel keeps.) */
bool proc_is_called(pid_t pid, const char *name);

/** A process and all that descend from it. @return how many; the caller frees *ret. */
size_t proc_family(pid_t pid, pid_t **ret);

#endif
