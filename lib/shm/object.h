/* SPDX-License-Identifier: MIT */
#ifndef GANGER_SHM_OBJECT_H
#define GANGER_SHM_OBJECT_H

/*
 * Objects: the named things in shared memory, whatever their kind
 *
 * Whoever makes them, gives out seats in them and recovers the dead (the manager, or a program that embeds the library)
 * needs to know no kind: each kind is a row of operations, and a `struct object` is one as it is seen by somebody who
 * looks at it, wakes those who wait at it, and recovers it. That one is no participant: its number is 0.
 *
 * All-zero memory is an empty object of every kind.
 */

#include <stdbool.h>
#include <stdint.h>

#include "shm/counter.h"
#include "shm/monitor.h"
#include "shm/pipe.h"
#include "shm/broadcast.h"
#include "shm/queue.h"
#include "shm/region.h"
#include "shm/seats.h"
#include "shm/semaphore.h"
#include "shm/service.h"

struct damage;
struct object;
struct seat;
struct recovery;

struct object_ops {
        const char *name;               /* of the kind, in the configuration and for people */
        /** @return 0, -EINVAL, -E2BIG. */
        int (*check)(const struct geometry *g);
        size_t (*memory_size)(const struct geometry *g);
        /** Of it, what a member that only receives must be able to write, from the beginning; NULL: all. */
        size_t (*shared_size)(const struct geometry *g);
        /** Fill the member of the union in `struct object` from its region and descriptor. */
        void (*open)(struct object *o);
        /** Put right what the dead holder of a seat left, and wake everybody who may wait for it; see shm/recover.h. */
        void (*recover)(const struct seat *seat, const char *reason, struct recovery *ret);
        /** Say what is wrong with its words; see shm/damage.h. */
        void (*inspect)(const struct object *o, struct damage *ret);
        /** Everybody who waits for something to take looks again: at draining. Async-signal-safe. */
        void (*wake_receivers)(struct object *o);
        /** Everybody who waits for anything looks again, at everything: at a take-over. */
        void (*wake_all)(struct object *o);
        /**
         * Put what is in one into another one of the kind, which is empty and nobody's: see object_move(). NULL: nothing
         * outlives its members.
         */
        int (*move)(const struct object *from, struct object *to);
        /** So many participants are stopped (SIGSTOP) just now, and may swallow wake-ups; see wait_set_stopped(). */
        void (*set_stopped)(struct object *o, uint32_t n);
};

/** @return the row of a kind; NULL: there is no such kind. */
const struct object_ops *object_ops_find(enum object_kind kind);

struct object {
        const struct object_ops *ops;
        struct region region;
        int event_fd;                   /* for those that poll; -1: none. Stays the opener's */
        const struct seats *seats;      /* who its members are, the opener's; NULL: not known here */
        union {
                struct queue queue;
                struct service service;
                struct semaphore semaphore;
                struct counter counter;
                struct monitor monitor;
                struct pipe pipe;
                struct broadcast broadcast;
        };
};

/**
 * The flag of a member that receives here has changed (shm/wait.h): all who receive look again, and so do those who poll,
 * also those that are held, and announced nowhere. Async-signal-safe.
 */
void object_wake_held(struct object *o);

/** Look at the object in a region, which is sound (region_map() looked at its geometry) and stays the caller's. */
void object_open(struct object *o, const struct region *region, int event_fd);

/**
 * Put what is in an object into another one of the same kind and of another geometry: messages in their order, with their
 * deliveries and why they came back, but with ids that were never given before; the values of counters.
 * @param from  a private copy (region_map_copy()) of an object that nobody is a member of: it may be changed. Whatever stands
 *              in it.
 * @param to    empty, and nobody's. After a failure it is neither, and is to be thrown away.
 * @return 0; -ENOSPC: there is no room for all of it; -EMSGSIZE: a message is too long; -EBADMSG: it is damaged; -ENOMEM.
 */
int object_move(const struct object *from, struct object *to);

#endif
