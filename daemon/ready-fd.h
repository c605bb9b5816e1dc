/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_READY_FD_H
#define GANGER_DAEMON_READY_FD_H

/*
 * `ready = fd`: a process that writes a line to a descriptor when it is ready, as under s6
 *
 * A newline is what counts. An end without one is not: a process that dies ends it too.
 */

#include <systemd/sd-event.h>

struct instance;

struct ready_fd {
        int fd;                         /* where we read; -1: nothing is waited for */
        sd_event_source *source;
};

#define READY_FD_NULL ((struct ready_fd){ .fd = -1 })

/** Listen. Takes the descriptor, in any case. @return 0 or -errno. */
int ready_fd_open(struct instance *instance, int fd);

/** Take what the predecessor had stored, if it waited for something. */
void ready_fd_restore(struct instance *instance);

/** Close, and drop what is stored. */
void ready_fd_end(struct instance *instance);

/** Close; the keeper's stays. */
void ready_fd_done(struct instance *instance);

#endif
