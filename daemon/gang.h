/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_GANG_H
#define GANGER_DAEMON_GANG_H

/*
 * The gang: the tables that everything in the manager hangs on
 *
 * Holds no logic. manager.c fills and frees it; instance.c, worker.c, rings.c, reload.c, change.c and the
 * control server work on it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "base/list.h"
#include "daemon/cgroup.h"
#include "daemon/config/config.h"
#include "daemon/events.h"
#include "daemon/keeper-link.h"
#include "daemon/map.h"
#include "daemon/notify.h"
#include "daemon/rings.h"
#include "daemon/state.h"

struct log_sink;

struct gang {
        sd_event *event;
        const char *runtime_dir;
        const char *config_path;
        struct keeper_link link;
        pid_t keeper_pid;
        uint64_t started_usec;          /* this manager */
        struct state_memory state;
        struct events events;
        struct cgroups cgroups;
        struct notify notify;
        struct rings rings;
        struct log_sink *sink;

        struct config *config;          /* in force; never NULL while serving */
        struct list workers;            /* struct worker, in the order of definition */
        struct map workers_by_name;
        struct map instances_by_pid;    /* struct instance with a process */
        size_t n_processes;             /* spawned, or asked for, or dead and not handled */

        size_t n_ready, n_wanted;       /* instances, for the status line */
        bool stopping;                  /* everything goes down, then the manager leaves */
        bool status_due;                /* the status line changed: it is sent at the end of this turn */
        sd_event_source *status_source;
        sd_event_source *leave_source;
};

/** The status line of what is running, "3 workers, 7 of 7 instances ready", sent to the keeper when the loop is idle. */
void gang_status_changed(struct gang *gang);

/** A random word (jitter). */
uint64_t gang_random(void);

#endif
