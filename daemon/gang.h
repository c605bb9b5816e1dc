/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_GANG_H
#define GANGER_DAEMON_GANG_H

/*
 * The gang: the tables that everything in the manager hangs on
 *
 * Holds no logic. manager.c fills and frees it; instance.c, worker.c, objects.c, sockets.c, reload.c, change.c and the
 * control server work on it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "base/list.h"
#include "daemon/cgroup.h"
#include "daemon/dynamic-user.h"
#include "daemon/events.h"
#include "daemon/invocation.h"
#include "daemon/keeper-link.h"
#include "daemon/log/capture.h"
#include "daemon/map.h"
#include "daemon/notify.h"
#include "daemon/objects.h"
#include "daemon/sockets.h"
#include "daemon/state.h"
#include "daemon/sweep.h"

struct config;
struct log_record;
struct upgrade;

/** Somebody who is told of each line of output of the instances. May be unlinked from its own callback. */
struct log_listener {
        struct list link;
        void (*fn)(struct log_listener *listener, const struct log_record *record);
};

struct gang {
        sd_event *event;
        const char *runtime_dir;
        const char *config_path;
        const char *state_dir;          /* what outlives the daemon; NULL: nothing does */
        const char *log_dir;            /* of log files; NULL: there is none */
        char *wishes;                   /* as they were written last */
        bool wishes_changed;
        struct keeper_link link;
        pid_t keeper_pid;
        char keeper_mark[INVOCATION_KEEPER_MAX]; /* by which processes are known as those of its gang */
        uint64_t started_usec;          /* this manager */
        struct state_memory state;
        struct events events;
        struct cgroups cgroups;
        struct sweep sweep;             /* where there are no cgroups */
        struct notify notify;
        struct gang_objects objects;
        struct gang_sockets sockets;
        struct dynamic_users dynamic_users;
        struct log_captures captures;   /* of the output of all */
        struct list log_listeners;

        struct config *config;          /* in force; never NULL while serving */
        struct config **retired;        /* earlier ones, while a removed worker is still on its way down */
        size_t n_retired;
        struct list workers;            /* struct worker, in the order of definition */
        struct map workers_by_name;
        struct list groups;             /* struct group */
        struct map instances_by_pid;    /* struct instance with a process */
        size_t n_processes;             /* instances whose state has a process */
        size_t n_spawning;              /* spawns without an answer yet */
        struct list unasked;            /* struct instance whose process is yet to be asked for; see daemon/spawn-queue.h */
        size_t n_waiting;               /* instances that wait, for others to be ready or to be gone */
        size_t n_held;                  /* instances that are to end after others */
        size_t n_rolls;                 /* rolls that are under way */
        size_t n_in_rounds;             /* workers that are started again with their group */
        struct list side_processes;     /* struct side_process: what runs beside the instances */
        struct list reports;            /* struct report */
        size_t n_reports;
        struct list forked;             /* struct instance whose main process does not lead its session */
        size_t n_ending;                /* instances whose end waits for what they said */
        struct list orphans;            /* struct orphan: processes of workers that nobody knows */
        struct upgrade *upgrade;        /* that has begun; see daemon/upgrade.h */
        int null_fd;                    /* /dev/null, the standard input of all */
        bool stopping;                  /* everything goes down, then the manager leaves */
        bool ending;                    /* everything is to go down, since somebody has ended; see daemon/exit-action.h */
        int exit_status;                /* of the daemon, at its end */
        bool activated;                 /* the control socket is that of a socket unit, and so is its file */
        bool continues;                 /* what we found was left by a manager that did not end in order */
        sd_event_source *turn;          /* runs once at the end of a turn of the loop */
};

/** Something changed that is looked at once, at the end of this turn of the loop: status line, instances to free. */
void gang_touch(struct gang *gang);

/**
 * Something that nobody would do again could not be done for want of memory or descriptors: this manager ends after this
 * turn of the loop, and its successor finds what is to be done, as if this one had been killed.
 */
void gang_give_way(struct gang *gang, const char *what, int error);

/** A random word (jitter). */
uint64_t gang_random(void);

#endif
