/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CONDEMN_H
#define GANGER_DAEMON_CONDEMN_H

/*
 * An instance that is ended for a failure of its own, though it runs
 *
 * It is sent a signal, and SIGKILL if it is still there after its stop-timeout. Its state stays what it was, so that
 * its exit counts as the failure that it is, whatever its exit status; the verdict says in words which one.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "daemon/words.h"

/** "watchdog: silent for 1min 30s"; what is longer is cut. */
#define VERDICT_MAX 128

struct instance;

struct condemned {
        const char *verdict;            /* why, see daemon/words.h; "": it is not condemned */
        uint64_t due_usec;              /* when it is sent SIGKILL; USEC_INFINITY: not yet */
        sd_event_source *timer;
};

#define CONDEMNED_NULL ((struct condemned){ .verdict = words_none, .due_usec = UINT64_MAX })

/** It is to end, for this reason. A first verdict stands. */
void condemn(struct instance *instance, int signal, const char *format, ...) _printf_(3, 4);

/** It has said that it ends by itself: it is given its stop-timeout. */
void condemn_if_it_stays(struct instance *instance);

/** It needs longer: EXTEND_TIMEOUT_USEC. */
void condemn_extend(struct instance *instance, uint64_t extension_usec);

/** Another process begins, or there is none; or a manager has taken over, and `due_usec` is restored. */
void condemn_reset(struct instance *instance);
void condemn_resume(struct instance *instance);
void condemn_done(struct instance *instance);

#endif
