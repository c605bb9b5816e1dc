/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_OUTPUT_RATE_H
#define GANGER_DAEMON_OUTPUT_RATE_H

/*
 * How much an instance may print: `log-rate`
 */

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "daemon/policy/rate.h"

struct instance;

struct output_rate {
        struct rate rate;
        sd_event_source *timer;         /* the end of a period in which lines were dropped */
};

/** May it print one more line? If not, the line is counted. If a period is over, it is told first what was dropped in it. */
bool output_rate_admit(struct instance *instance);

/** Its process is gone: what was dropped is told now. */
void output_rate_end(struct instance *instance);

void output_rate_done(struct instance *instance);

#endif
