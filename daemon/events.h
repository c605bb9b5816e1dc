/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_EVENTS_H
#define GANGER_DAEMON_EVENTS_H

/*
 * What happened, as the control socket tells it: the recent past, and whoever listens
 *
 * Sequence numbers grow by one for each event. They begin at the manager's start, so that a new
 * manager's first event ("manager") has number 1.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/list.h"

/** How many events are kept. */
#define EVENTS_MAX 1024
/** The longest text of one; what is longer is cut. */
#define EVENT_TEXT_MAX 256
#define EVENT_KEY_MAX 80

enum event_kind {
        EVENT_STATE,            /* an instance entered a state */
        EVENT_EXIT,             /* a process ended */
        EVENT_RECOVERY,         /* what it held was given back */
        EVENT_SPAWN_FAILED,
        EVENT_RELOAD,
        EVENT_MANAGER,          /* a manager began, or ends */
        EVENT_DEAD_LETTER,      /* a message was set aside by a recovery */
        EVENT_CRASH_LOOP,       /* an instance fails again and again, below its restart limit */
        EVENT_DEADLOCK,         /* threads wait for each other; found when somebody asked for locks */
        EVENT_QUARANTINE,       /* a ring, a service or a lock is damaged */
        EVENT_RESET,            /* … was made anew */
        EVENT_SCALED,           /* a worker has another number of instances, by itself */
        EVENT_SOCKET,           /* a socket was opened, or closed */
        EVENT_ROLL,             /* a rolling restart or an upgrade comes further */
        _EVENT_KIND_N,
};

/** The name of a kind as control.proto has it: "spawn-failed". */
const char *event_kind_name(enum event_kind kind);

struct event {
        uint64_t sequence;
        uint64_t realtime_usec;
        uint64_t monotonic_usec;
        enum event_kind kind;
        char key[EVENT_KEY_MAX];        /* of the instance, the worker, the ring or the lock; "" */
        const char *text;               /* one line for people; see daemon/words.h */
        const char *state;              /* of EVENT_STATE: the new one; of EVENT_ROLL: the phase; static; else "" */
        pid_t pid;
        int status;                     /* of EVENT_EXIT: as waitpid(2) gives it */
        uint32_t returned;              /* of EVENT_RECOVERY: messages given back */
        uint32_t dead;                  /* of EVENT_RECOVERY: messages set aside */
};

/** Somebody who is told of each event. Embedded by the listener; may be unlinked from its own callback. */
struct event_listener {
        struct list link;
        void (*fn)(struct event_listener *listener, const struct event *event);
};

struct events {
        struct event *ring;             /* EVENTS_MAX of them */
        uint64_t n;                     /* recorded so far: the sequence number of the last */
        struct list listeners;
};

int events_init(struct events *events);
void events_done(struct events *events);

/**
 * Record an event, and tell the listeners. The caller fills in what the kind has; sequence, times and key
 * are set here. Key and text are cut where they are too long.
 * @param key  of the instance, the worker or the ring; "".
 */
void events_add(struct events *events, const char *key, const struct event *event, const char *format, ...)
        _printf_(4, 5);

/** The event with that number, or NULL if it is too old or yet to come. */
const struct event *events_get(const struct events *events, uint64_t sequence);

/** The number of the oldest that is kept; `events->n + 1` if there is none. */
uint64_t events_oldest(const struct events *events);

void events_listen(struct events *events, struct event_listener *listener);
void events_unlisten(struct event_listener *listener);

#endif
