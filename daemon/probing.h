/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_PROBING_H
#define GANGER_DAEMON_PROBING_H

/*
 * The probes of an instance: until it is ready, and for its health from then on
 */

#include <stdint.h>

#include <systemd/sd-event.h>

#include "daemon/log/record.h"
#include "daemon/policy/deadline.h"
#include "daemon/probe.h"

/** What a probe found, in words; what is longer is cut. */
#define PROBE_WHY_MAX 104

struct instance;

struct probing {
        struct probe probe;
        sd_event_source *timer;
        uint64_t due_usec;              /* of the next one; USEC_INFINITY: none is due */
        struct health health;
        char why[PROBE_WHY_MAX];        /* it is not ready yet: what the last probe found; "" */
};

#define PROBING_NULL ((struct probing){ .probe = PROBE_NULL, .due_usec = UINT64_MAX })

/** Where nothing is probed: nothing is due, and none has failed. */
const struct probing *probing_of(const struct instance *instance);

/** Take-over: as it was. */
void probing_restore(struct instance *instance, uint64_t due_usec, struct health health);
void probing_done(struct instance *instance);

/** It has a process, and is in this state now: begin with what it wants, or stop. */
void probing_entered(struct instance *instance);
/** After a take-over: as it was restored. */
void probing_resume(struct instance *instance);
/** Another process begins, or there is none. */
void probing_stop(struct instance *instance);
/** What a probe has found that is a program. @param why  in words, if it failed. */
void probing_answered(struct instance *instance, bool succeeded, const char *why);
/** A line of its output: with `ready = log` it may be the one. */
void probing_line(struct instance *instance, const struct log_record *record);

#endif
