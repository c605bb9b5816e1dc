/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_INSTANCE_H
#define GANGER_DAEMON_INSTANCE_H

/*
 * An instance: one process of a worker, and what becomes of it
 *
 * Its life is the table of daemon/policy/states.h. Everything that happens is handed to it as one event
 * (`instance_event`); what the table says is done here. Control reads the fields, and changes nothing but by
 * these functions.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "base/list.h"
#include "base/text.h"
#include "daemon/cgroup.h"
#include "daemon/condemn.h"
#include "daemon/fd-store.h"
#include "daemon/heartbeat.h"
#include "daemon/invocation.h"
#include "daemon/log/capture.h"
#include "daemon/log/tail.h"
#include "daemon/map.h"
#include "daemon/objects.h"
#include "daemon/output-rate.h"
#include "daemon/policy/restart.h"
#include "daemon/policy/states.h"
#include "daemon/probing.h"
#include "daemon/ready-fd.h"
#include "daemon/watchdog.h"
#include "keeper.pb-c.h"
#include "state.pb-c.h"

struct gang;
struct instance;
struct report;
struct worker;
struct worker_definition;

/** "worker/4294967295". */
#define INSTANCE_KEY_MAX (NAME_LENGTH_MAX + 12)
/** STATUS= and the reason of a state; what is longer is cut. */
#define INSTANCE_TEXT_MAX 192

/** Somebody who is told when an instance enters a state, or is freed (`state` is then -1). */
struct instance_watcher {
        struct list link;
        void (*fn)(struct instance_watcher *watcher, struct instance *instance, int state);
};

/** What is to be done with a process as soon as its worker may end; see daemon/order.h. */
enum instance_held {
        INSTANCE_NOT_HELD,
        INSTANCE_HELD_STOP,
        INSTANCE_HELD_RESTART,
};

/** What its process has said of itself last, beside its status. */
struct said {
        uint64_t reloading_usec;        /* RELOADING=1: since when; 0: it does not */
        bool stopping;                  /* STOPPING=1 */
        uint32_t error;                 /* ERRNO=, 0: none */
};

#define SAID_NULL ((struct said){ 0 })

struct instance {
        struct worker *worker;
        unsigned int number;
        uint32_t state_slot;

        enum instance_state state;
        bool wanted;                    /* see daemon/policy/states.h */
        bool stopped;                   /* by hand */
        bool abandoned;                 /* stopped since its group gave up; until something starts it again */
        bool remains;                   /* it ended well and is not over: see instance_remains() */
        bool drained;                   /* by hand; see daemon/hold.h */
        bool spare;                     /* it waits until another ends; see daemon/standby.h */
        uint32_t stop_step;             /* while it is stopping: how many of `stop-then` it was sent */
        bool due_again;                 /* to be started when its process has ended; see daemon/schedule.h */
        bool stuck;                     /* waiting, for one that is not going to come */
        enum instance_held held;
        bool refused;                   /* was not asked for, since something that it needs is quarantined */
        uint64_t since_usec;            /* in this state */
        uint64_t due_usec;              /* when its timer runs out; USEC_INFINITY: none */
        sd_event_source *timer;
        struct restart_history history;
        const char *reason;             /* why it is in this state, in words; see daemon/words.h */
        const char *status_text;        /* STATUS= */
        bool last_valid;                /* it has ended at least once */
        int last_status;                /* as waitpid(2) gave it */

        /* The process. */
        pid_t pid;                      /* 0: none, or not told yet */
        bool spawning;                  /* asked for, no answer yet */
        bool frozen;                    /* stopped by job control */
        char pid_key[12];
        struct map_node by_pid;         /* gang->instances_by_pid, while pid is not 0 */
        pid_t session;                  /* that it is in */
        struct list turn;               /* gang->forked, if that is not its own; before it has one: gang->unasked */
        bool ending;                    /* has exited; what it said before must be heard first */
        uint64_t generation;            /* counts its processes: of the one it has, else of the next */
        uint64_t definition;            /* hash of what it was started from */
        uint64_t version;               /* of the roll that it was started for; see daemon/roll.h */
        uint64_t next_version;          /* … and of the next one; without a process the same */
        uint32_t roll_failures;         /* of processes of the next version, after they were ready */
        bool roll_unready;              /* one of them ended before it was */
        struct invocation invocation;   /* of the process that it has, or had last */
        uint64_t started_usec;
        uint64_t ready_usec;            /* since when it is ready; 0: it was not */
        cgroup_place cgroup;            /* that it is in, if we made it and killed nobody in it */
        bool cgroup_again;              /* a process before was in it, too */
        bool has_devices;               /* its cgroup has rules of devices that we made */
        struct membership membership;   /* its seats and its journals */
        struct log_capture captures[_LOG_STREAM_N]; /* of its stdout and stderr */
        unsigned int streams;           /* a bit each of those that have a pipe of their own */
        struct log_tail tail;           /* the last lines of its output, also of processes before */
        struct output_rate output_rate;
        struct said said;
        struct condemned condemned;
        struct watchdog watchdog;
        struct heartbeat heartbeat;
        struct ready_fd ready_fd;
        struct probing *probing;        /* NULL: nothing of it is probed; see probing_of() */
        struct fd_store fd_store;
        sd_event_source *spawn_failure; /* a spawn that could not be asked for: told from the loop */

        uint64_t oom_kills;             /* how many the kernel has killed in its cgroup, before this process */
        struct report *report;          /* of the process before; NULL: there is none */
        uint64_t failure_due;           /* the generation for whose end on-failure is to be run; 0: none */

        bool restored;                  /* a predecessor's record was found */
        struct list watchers;
        char key[];                     /* "resize/1" */
};

/** @return the instance of that key ("resize/1"), or NULL. */
struct instance *instance_find(struct gang *gang, const char *key);

/** The name of its state for people: that of a spare that is ready is "standby". */
const char *instance_shown_state(const struct instance *instance);

/** What it runs by. */
const struct worker_definition *instance_definition(const struct instance *instance);

int instance_new(struct instance **ret, struct worker *worker, unsigned int number);

/** Free; it must have no process. @return NULL. */
struct instance *instance_free(struct instance *instance);

/** By hand or by policy: the limit and the back-off start afresh with a start by hand. */
void instance_start(struct instance *instance, bool by_hand);
void instance_stop(struct instance *instance, bool by_hand);
/** By policy, for that reason. */
void instance_stop_because(struct instance *instance, const char *reason);
void instance_restart(struct instance *instance);
/** If it has failed it is only down; and its limit, its back-off and its crash loop start afresh. */
void instance_reset(struct instance *instance);

/** What it waits for may have changed; see daemon/order.h. */
void instance_wait_over(struct instance *instance);
void instance_wait_for(struct instance *instance, bool stuck, const char *why);
void instance_held_over(struct instance *instance);
/** By `start = on-demand` and `idle-stop`. @param why  in words. */
void instance_start_on_demand(struct instance *instance, const char *why);
void instance_stop_idle(struct instance *instance, const char *why);
/** Without a process, though its definition wants one from the beginning: it waited for demand, or to be started by hand. */
bool instance_is_due(const struct instance *instance);

/** Has it ended well, and is as good as ready since (`remain`)? Its state is then down, and shown as "exited". */
bool instance_remains(const struct instance *instance);

/** What the keeper says. */
void instance_spawned(struct instance *instance, const Ganger__Keeper__Spawned *message);
void instance_exited(struct instance *instance, const Ganger__Keeper__Exited *message);
void instance_frozen(struct instance *instance, bool stopped);

/** Take-over: what the predecessor recorded. */
void instance_restore(struct instance *instance, const Ganger__State__InstanceState *record, uint32_t slot);
/** Take-over: its process, which lives, or whose exit is yet to be handled (instance_exited() comes later). */
void instance_adopt(struct instance *instance, const Ganger__State__InstanceCookie *cookie, pid_t pid,
                    uint64_t started_usec, bool frozen);
/** Once all of it was told: go on from where the predecessor was. */
void instance_resume(struct instance *instance);

/** Write its record into the state memory. */
void instance_save(struct instance *instance);

void instance_watch(struct instance *instance, struct instance_watcher *watcher);
void instance_unwatch(struct instance_watcher *watcher);

#endif
