/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CONTROL_SERVER_H
#define GANGER_DAEMON_CONTROL_SERVER_H

/*
 * The server as its parts see it
 */

#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/list.h"
#include "daemon/control/access.h"
#include "daemon/control/control.h"
#include "daemon/control/grant-names.h"
#include "daemon/gang.h"

/** Connections accepted in one turn of the loop. */
#define CONTROL_ACCEPT_BURST 32
/** After a lack of descriptors or memory: accept again when a connection ends, or after this. */
#define CONTROL_ACCEPT_RETRY_USEC USEC_PER_SEC

struct control {
        struct gang *gang;
        int fd;
        sd_event_source *source;        /* of the listening socket */
        sd_event_source *retry;         /* accepts again; off unless accepting is paused */
        sd_event_source *reaper;        /* frees the broken ones; off unless there are some */
        struct list connections;        /* struct connection */
        struct list broken;             /* those that are over, until the next turn of the loop */
        size_t n_connections;           /* in both lists */
        struct denials denials;
        struct grant_names names;       /* of those whom the configuration allows something */
        uint64_t keeper_started_usec;   /* CLOCK_MONOTONIC */
};

/** A descriptor became free: accept again, if that was paused. */
void control_accept_resume(struct control *control);

#endif
