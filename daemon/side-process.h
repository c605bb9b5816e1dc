/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SIDE_PROCESS_H
#define GANGER_DAEMON_SIDE_PROCESS_H

/*
 * A program that is run beside an instance, for it
 *
 * It is a child of the keeper as the instances are, under the key "KEY/SUFFIX" (so there is one at a time of a kind), with
 * the user, directory and environment of its worker, and with no seat in any object. What it prints goes to the log. It
 * has its time, and is killed after it. It outlives the manager: the next one adopts it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "daemon/instance.h"
#include "daemon/log/capture.h"
#include "daemon/spawn-parts.h"
#include "keeper.pb-c.h"
#include "state.pb-c.h"

/** Of what its kind is called in its key. */
#define SIDE_SUFFIX_MAX 16
#define SIDE_KEY_MAX (INSTANCE_KEY_MAX + 1 + SIDE_SUFFIX_MAX)
/** Its last line of output; what is longer is cut. */
#define SIDE_SAID_MAX 81

struct gang;
struct side_process;

/** How it was. */
struct side_end {
        int error;                      /* it could not be started: this errno, at this step; 0: it was */
        const char *step;
        int status;                     /* as waitpid(2) gave it */
};

struct side_kind {
        const char *suffix;
        /** What it finds beside what every program of the worker does. @return 0, -ENOMEM. */
        int (*environment)(struct strings *s, const struct instance *instance);
        uint64_t (*timeout)(const struct worker_definition *definition);
        /** It runs; also when it was adopted. */
        void (*started)(struct side_process *side);
        /** All is adopted. @return false: nobody wants it any more. */
        bool (*resumed)(struct side_process *side);
        /** It is gone, or never was: another one may be asked for at once. */
        void (*ended)(struct side_process *side, const struct side_end *end);
};

/** A row of a table in side-process.c each. */
extern const struct side_kind failure_hook_kind, probe_exec_kind;

struct side_process {
        struct list link;               /* gang->side_processes */
        struct gang *gang;
        const struct side_kind *kind;
        char key[SIDE_KEY_MAX];         /* of the keeper */
        char instance[INSTANCE_KEY_MAX];
        char worker[NAME_LENGTH_MAX + 1];
        pid_t pid;                      /* 0: asked for, no answer yet */
        uint64_t generation;            /* of the instance: which of its processes it is about */
        bool late;                      /* was killed, since it had not ended in time */
        char said[SIDE_SAID_MAX];       /* the last line of its output that is not empty */
        struct log_capture captures[_LOG_STREAM_N];
        sd_event_source *timer;
};

/** @return the one of that kind that runs for an instance, or was asked for; or NULL. */
struct side_process *side_process_find(struct gang *gang, const char *instance, const struct side_kind *kind);

/** Ask for it. There must be none of that kind. @param program  and its arguments. @return 0 or -errno. */
int side_process_run(struct instance *instance, const struct side_kind *kind, char *const *program, uint64_t generation,
                     struct error *error);

/** SIGKILL to all of it. Its end is told later. */
void side_process_kill(struct side_process *side);

/** Is that the key of one? */
bool side_process_owns(const char *key);

/** Take-over: one that runs, or has ended and nobody was told. @return 0, -ENOMEM. */
int side_process_adopt(struct gang *gang, const char *key, pid_t pid, uint64_t started_usec,
                       const Ganger__State__InstanceCookie *cookie);
void side_processes_resume(struct gang *gang);

/** What the keeper says. @return whether it was about one. */
bool side_process_spawned(struct gang *gang, const Ganger__Keeper__Spawned *message);
bool side_process_exited(struct gang *gang, const Ganger__Keeper__Exited *message);

void side_processes_done(struct gang *gang);

#endif
