/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_WATCHDOG_H
#define GANGER_DAEMON_WATCHDOG_H

/*
 * The watchdog: an instance that must say that it lives
 *
 * By WATCHDOG=1 of sd_notify(3), within each period while it is ready; else it is condemned, with `watchdog-signal`.
 */

#include <stdint.h>

#include <systemd/sd-event.h>

struct instance;

struct watchdog {
        uint64_t period_usec;           /* the definition's, or what the process asked for; USEC_INFINITY: there is none */
        uint64_t due_usec;              /* USEC_INFINITY: it does not run */
        sd_event_source *timer;
};

#define WATCHDOG_NULL ((struct watchdog){ .period_usec = UINT64_MAX, .due_usec = UINT64_MAX })

/** A process is asked for: with the period of the definition. */
void watchdog_prepare(struct instance *instance);
/** It runs from now on, if there is a period: the instance is ready. */
void watchdog_start(struct instance *instance);
void watchdog_stop(struct instance *instance);
/** WATCHDOG=1. */
void watchdog_feed(struct instance *instance);
/** WATCHDOG_USEC=: another period, from now on. */
void watchdog_change(struct instance *instance, uint64_t period_usec);
/** After a take-over: as `due_usec` was restored. */
void watchdog_resume(struct instance *instance);
void watchdog_done(struct instance *instance);

#endif
