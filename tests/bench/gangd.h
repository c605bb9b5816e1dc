/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_GANGD_H
#define GANGER_BENCH_GANGD_H

/*
 * A gangerd of this build, in a directory of its own, and the FIFO through which its workers report
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "report.h"

struct ganger_control;

struct gangd {
        char directory[64];
        char config[96], fifo[96], control_path[96];
        int fifo_fd;
        pid_t keeper;
        struct ganger_control *control;
};

/** Make the directory and the FIFO. */
void gangd_init(struct gangd *d);
void gangd_done(struct gangd *d);

/** Start it with a configuration, and wait until it serves. `$BUILD` and `$FIFO` in it are filled in. */
void gangd_start(struct gangd *d, const char *config);
void gangd_stop(struct gangd *d);
/** Ask it to end, and do not wait. */
void gangd_end(struct gangd *d);

/** The pid of the manager that answers. */
pid_t gangd_manager(struct gangd *d);

/** Have so many instances of a worker; waits until those that are new are ready, and those that are too many gone. */
void gangd_scale(struct gangd *d, const char *worker, unsigned int n);

/** Send a message to a ring. */
void gangd_send(struct gangd *d, const char *ring, const char *text);

/** The next report; gives up when none comes. */
void gangd_report(struct gangd *d, struct report *ret);

/** Run a program of the build beside it, without its output, and wait for it. @return its exit status. */
int gangd_run(struct gangd *d, const char *const *argv);

/** The path of the build. */
const char *gangd_build(void);
void gangd_set_build(const char *path);

#endif
