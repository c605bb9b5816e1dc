/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_FAULT_H
#define GANGER_BASE_FAULT_H

/*
 * Seeded faults
 *
 * A test is believed only if it finds a fault that was put in on purpose. A build with --enable-faults
 * (or a test's own copy of a library, with -DGANGER_FAULTS=1) misbehaves in the one way that the
 * environment names: GANGER_FAULT=drop-exit. In every other build the call is the constant `false`, and
 * the faulty branch is not in the program.
 */

#include <stdbool.h>

#ifdef GANGER_FAULTS

#include <stdlib.h>
#include <string.h>

static inline bool fault_is(const char *name) {
        const char *wanted = getenv("GANGER_FAULT");

        return wanted && strcmp(wanted, name) == 0;
}

#else

static inline bool fault_is(const char *name) {
        return false;
}

#endif

#endif
