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
 *
 * Such a build also dies where a test wants it to. GANGER_FAULT_AT names a file; whoever comes by the point whose
 * name is in it removes the file and is killed. So one process dies for each file that the test writes.
 */

#include <stdbool.h>

#ifdef GANGER_FAULTS

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline bool fault_is(const char *name) {
        const char *wanted = getenv("GANGER_FAULT");

        return wanted && strcmp(wanted, name) == 0;
}

/** Does a test want it to die somewhere? Then what is told others a little later may be told them at once. */
static inline bool fault_points(void) {
        return getenv("GANGER_FAULT_AT");
}

static inline void fault_point(const char *name) {
        const char *path = getenv("GANGER_FAULT_AT");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        char text[64];
        ssize_t n;

        if (fd < 0)
                return;
        n = read(fd, text, sizeof text - 1);
        close(fd);
        text[n > 0 ? n : 0] = '\0';
        if (strcmp(text, name) == 0 && unlink(path) == 0)
                kill(getpid(), SIGKILL);
}

#else

static inline bool fault_is(const char *name) {
        return false;
}

static inline bool fault_points(void) {
        return false;
}

static inline void fault_point(const char *name) {
}

#endif

#endif
