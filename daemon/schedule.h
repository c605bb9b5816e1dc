/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SCHEDULE_H
#define GANGER_DAEMON_SCHEDULE_H

/*
 * Workers that run every so often
 *
 * A timer a worker. When the next run is due is in its record, so that a manager that takes over goes on with it.
 */

#include <stdint.h>

#include <systemd/sd-event.h>

struct instance;
struct worker;

struct schedule {
        sd_event_source *timer;
        uint64_t first_usec;            /* the grid begins here; 0: not yet */
        uint64_t next_usec;             /* 0: none */
};

/** Have a timer as the definition says: when it is put into force, or when a manager takes over. */
void schedule_arm(struct worker *worker);

void schedule_done(struct worker *worker);

/** Something happened to an instance: if it has ended, and was due meanwhile, it runs again. */
void schedule_ended(struct instance *instance);

#endif
