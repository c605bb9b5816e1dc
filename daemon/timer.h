/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_TIMER_H
#define GANGER_DAEMON_TIMER_H

/*
 * A timer that is armed again and again
 */

#include <stdint.h>

#include <systemd/sd-event.h>

/** For what is looked at only after everything that has arrived before was dealt with: messages, exits. */
#define TIMER_LATE (SD_EVENT_PRIORITY_NORMAL + 5)

/**
 * Arm it for a time of CLOCK_MONOTONIC; it is made if there is none.
 * @param priority  of sd-event, when it is made.
 * @return 0 or -errno: only if it had to be made.
 */
static inline int timer_arm(sd_event *event, sd_event_source **timer, uint64_t due_usec, int64_t priority,
                            sd_event_time_handler_t fn, void *userdata) {
        int r;

        if (*timer) {
                sd_event_source_set_time(*timer, due_usec);
                sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT);
                return 0;
        }
        r = sd_event_add_time(event, timer, CLOCK_MONOTONIC, due_usec, 1, fn, userdata);
        if (r < 0)
                return r;
        return sd_event_source_set_priority(*timer, priority);
}

/** Disarm it; NULL is one that never was. */
static inline void timer_stop(sd_event_source *timer) {
        if (timer)
                sd_event_source_set_enabled(timer, SD_EVENT_OFF);
}

#endif
