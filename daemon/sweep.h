/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SWEEP_H
#define GANGER_DAEMON_SWEEP_H

/*
 * The end of everything that an instance has started, where no cgroup holds it together
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/list.h"

struct gang;
struct instance;

/** For how long the end of the daemon waits for a sweep. */
#define SWEEP_END_USEC (5 * UINT64_C(1000000))

struct sweep {
        sd_event_source *timer;         /* of the next pass; NULL: there never was one */
        bool is_on;                     /* passes are made until two in a row find nothing */
        unsigned int n_clean;           /* of them so far, in a row */
        unsigned int n_busy;            /* passes that found something, or somebody who got away */
        unsigned int n_restless;        /* passes in a row that found nobody, but saw somebody get away */
        uint64_t end_usec;              /* until when the end of the daemon waits; 0: it does not */
        struct list ended;              /* processes of instances that have ended since it is on */
        size_t n_unknown;               /* processes that may be anybody's, when it was over last */
};

void sweep_init(struct sweep *s);
void sweep_done(struct sweep *s);

/** Cgroups do this better: is it to be done here? */
bool sweep_is_needed(struct gang *gang);

/**
 * An instance is about to be killed: freeze what it has started, and kill that. Its main process is frozen too, and left
 * to the caller.
 */
void sweep_kill(struct instance *instance);

/** The process of an instance has ended, and the instance still has what was known of it: sweep away what that has left. */
void sweep_ended(struct instance *instance);

/** Something may be left, of an instance that nobody knows any more. */
void sweep_begin(struct gang *gang);

/** The daemon ends as soon as this is true; gang_touch() tells when it may be. */
bool sweep_is_over(struct gang *gang);

#endif
