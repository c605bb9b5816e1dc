/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CHANGE_H
#define GANGER_DAEMON_CHANGE_H

/*
 * Start, stop, restart and scale, as people ask for them: begun at once, and told when it has come true
 *
 * A change has a target for each instance. A target is settled when the instance is where it was to go,
 * or when it is known that it does not get there (it failed, it waits for a restart after a failure).
 * Each is idempotent: what is so already is settled at once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "daemon/instance.h"

struct gang;
struct change;
struct worker;

enum change_kind {
        CHANGE_START,
        CHANGE_STOP,
        CHANGE_RESTART,
        CHANGE_RESET,                   /* failed no more, and nothing is held against it: instance_reset() */
        CHANGE_SIGNAL,
        CHANGE_DRAIN,                   /* takes nothing new; settled when it holds nothing. See daemon/hold.h */
        CHANGE_RESUME,
        CHANGE_WAIT_READY,              /* these two begin nothing; it is ready, or has failed */
        CHANGE_WAIT_STOPPED,            /* it has no process */
};

/** What came of one instance. */
struct change_target {
        struct instance_watcher watcher;
        struct change *change;
        struct instance *instance;      /* NULL: it is gone (scaled down) */
        char key[INSTANCE_KEY_MAX];
        enum change_kind kind;
        uint64_t generation;            /* of its process when the change began */
        bool settled;
        bool ok;
        const char *state;              /* when it was settled, in words */
        char message[INSTANCE_TEXT_MAX + 32]; /* if not ok: why */
};

/** Told once, when every target is settled; the change is freed after the call. Never within change_begin(). */
typedef void (*change_fn)(struct change *change, void *userdata);

struct change {
        struct gang *gang;
        change_fn fn;
        void *userdata;
        sd_event_source *done;
        sd_event_source *look;          /* CHANGE_DRAIN: the next look; see hold_watch() */
        uint64_t look_usec;             /* … how long after the last */
        bool looked;                    /* … since all that was asked for has been told */
        size_t n_left;
        size_t n;
        struct change_target targets[];
};

/** What is to be changed. */
struct change_request {
        enum change_kind kind;
        const char *const *names;       /* workers or instances */
        size_t n_names;
        bool all;                       /* all workers, instead of names … */
        bool (*permits)(void *userdata, const struct worker *worker); /* … but only such; NULL: any */
        void *permits_userdata;         /* during change_begin() */
        bool no_wait;                   /* every target counts as settled at once */
        int signal;                     /* CHANGE_SIGNAL */
        uint64_t before_usec;           /* CHANGE_RESTART: processes started before this only; 0: now */
};

/**
 * Begin it.
 * @param ret       the change, until `fn` was called; may be NULL.
 * @param ret_name  with -ENOENT: which name is unknown; points into the request.
 * @return 0; -ENOENT; -EBUSY (the daemon is stopping); -ENOMEM. After an error nothing was done.
 */
int change_begin(struct gang *gang, const struct change_request *request, change_fn fn, void *userdata,
                 struct change **ret, const char **ret_name, struct error *error);

/**
 * Have `wanted` instances of a worker.
 * @param automatic  have as many as the configuration wants, in place of `wanted`.
 * @return also -ERANGE (more than CONFIG_INSTANCES_MAX).
 */
int change_scale(struct gang *gang, const char *name, unsigned int wanted, bool automatic, bool no_wait, change_fn fn,
                 void *userdata, struct change **ret, struct error *error);

/** Look at all that is not settled yet. */
void change_look(struct change *change);

/** Nobody will look: all that is left counts as settled. */
void change_settle_rest(struct change *change);

/** Nobody wants to be told any more; what was begun goes on. @return NULL. */
struct change *change_cancel(struct change *change);

#endif
