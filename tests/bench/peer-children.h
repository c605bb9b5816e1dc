/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_PEER_CHILDREN_H
#define GANGER_BENCH_PEER_CHILDREN_H

/*
 * Children that send and receive through a peer, for those that measure them
 */

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench.h"
#include "peer.h"

#define CHILDREN_MAX 4

#define PEER_WARM_UP_NS 15000000

/** Spins before a process that shares its processor gives it up. */
#define PEER_SPINS 64

/* There and back: batches of trips for the middle, single trips for the tail; so many at most. */
#define PEER_TRIPS 20000
#define PEER_BATCHES 200

/** Wake-ups of one run. */
#define PEER_WAKES 200

struct child {
        _Alignas(128) _Atomic uint64_t done; /* messages sent, or received */
        _Atomic int there;
        _Atomic uint64_t last_ns;       /* after the kill: when it was last done with one, */
        _Atomic uint64_t gap_ns;        /* and how long it was longest without */
};

struct shared {
        struct child children[CHILDREN_MAX];
        pid_t pids[CHILDREN_MAX];
        _Alignas(128) _Atomic int go;
        _Atomic int over;
        _Atomic uint64_t kill_ns;       /* when somebody was killed; 0: not yet */
        _Alignas(128) _Atomic uint64_t sent_ns; /* the message that shall wake */
        _Atomic uint32_t waits;         /* the receiver is about to wait for that message */
        size_t n_batches, n_trips;
        double batches[PEER_BATCHES], trips[PEER_TRIPS], wakes[PEER_WAKES];
};

/** What a child does, for ever. */
typedef void (*child_fn)(const struct peer *peer, const struct peer_world *world, unsigned int role, struct shared *shared);

static inline unsigned int peer_children(const struct peer_world *world) {
        return world->senders + world->receivers;
}

/** Are there more of them than processors? */
static inline bool peer_is_crowded(const struct peer_world *world) {
        return (int)peer_children(world) > bench_processors();
}

/**
 * Start all of them; returns when all are there and were told to begin. Each has a processor of its own, or if there are more
 * of them than processors, they run where they like; but see `sides`.
 * @param fn  runs in each.
 */
struct shared *peer_start(const struct peer *peer, const struct peer_world *world, child_fn fn);

/** Kill them all. */
void peer_stop(const struct peer *peer, const struct peer_world *world, struct shared *shared);

/** Send, or receive, without a pause: the first of them send. */
void peer_one_way(const struct peer *peer, const struct peer_world *world, unsigned int role, struct shared *shared);

static inline uint64_t peer_done(struct shared *shared, unsigned int child) {
        return atomic_load_explicit(&shared->children[child].done, memory_order_relaxed);
}

/* ---- one message ------------------------------------------------------------------------------- */

/** A payload as large as any. */
extern unsigned char peer_payload[1 << 16];

/** Nothing to do just now, without sleeping. */
static inline void peer_back_off(unsigned int *spins, bool crowded) {
        bench_relax();
        if (crowded && ++*spins >= PEER_SPINS) {
                *spins = 0;
                sched_yield();
        }
}

static inline void peer_send_one(const struct peer *peer, bool crowded) {
        unsigned int spins = 0;

        while (!peer->send(peer_payload))
                peer_back_off(&spins, crowded);
}

static inline void peer_receive_one(const struct peer *peer, bool crowded) {
        unsigned int spins = 0;

        while (!peer->receive(peer_payload))
                peer_back_off(&spins, crowded);
}

#endif
