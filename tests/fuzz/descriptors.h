/* SPDX-License-Identifier: MIT */
#ifndef GANGER_TESTS_FUZZ_DESCRIPTORS_H
#define GANGER_TESTS_FUZZ_DESCRIPTORS_H

/*
 * How many descriptors are open, so that a target sees if one is left
 */

#include <fcntl.h>

/** No target has any from here on. */
#define DESCRIPTORS_MAX 400

static inline unsigned int descriptors_open(void) {
        unsigned int n = 0;

        for (int fd = 0; fd < DESCRIPTORS_MAX; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

#endif
