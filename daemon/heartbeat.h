/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_HEARTBEAT_H
#define GANGER_DAEMON_HEARTBEAT_H

/*
 * The heartbeat: an instance that must count on in its member memory, by ganger_heartbeat()
 *
 * While it is ready and has joined; else it is condemned, with `watchdog-signal`.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

struct instance;

struct heartbeat {
        sd_event_source *timer;
        bool known;                     /* it has joined, and was looked at */
        uint64_t seen;                  /* what it had counted to */
        unsigned int still;             /* looks in a row that saw the same */
};

#define HEARTBEAT_NULL ((struct heartbeat){ 0 })

/** It is looked at from now on, if its definition has a period: the instance is ready; or a manager has taken over. */
void heartbeat_start(struct instance *instance);
void heartbeat_stop(struct instance *instance);
/** After a take-over: it has a whole period. */
void heartbeat_resume(struct instance *instance);
void heartbeat_done(struct instance *instance);

#endif
