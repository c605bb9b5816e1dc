/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_PEER_RUN_H
#define GANGER_BENCH_PEER_RUN_H

/*
 * Running a peer: children that send and receive, and what is measured of them
 */

#include "peer.h"

#define PEERS_MAX 20

/** Messages one way, in the midst of a run. */
struct peer_rate {
        double rate;                    /* million messages a second, of all receivers */
        double sent;                    /* the same, of all senders */
        double switches;                /* voluntary context switches of all children, for a million messages */
        double switches_receivers;      /* of receivers only */
        double fairness;                /* the receiver that got least, beside the one that got most */
};

struct peer_rate peer_run(const struct peer *peer, const struct peer_world *world);

/** There and back, in nanoseconds. */
struct peer_trip {
        double p50, p99, p999;
};

struct peer_trip peer_run_echo(const struct peer *peer, const struct peer_world *world);

/**
 * Kill a child at a random moment, and recover it if there is a way.
 * @param world  a sender and a receiver on their sides, and the victim is one more of either.
 * @param victim  or PEER_NOBODY: what the machine takes.
 * @return milliseconds that one of the others got nothing done, at most; PEER_STUCK: somebody never did.
 */
double peer_run_kill(const struct peer *peer, const struct peer_world *world, unsigned int victim);
#define PEER_STUCK 1000.0
#define PEER_NOBODY UINT32_MAX

/** One sends when the other sleeps, on processors of their own. @return nanoseconds until it has the message, the median. */
double peer_run_wake(const struct peer *peer, const struct peer_world *world);

/**
 * Load peers that were compiled for this run, of those names, in this order.
 * @param names  ends with NULL. @return how many there are.
 */
size_t peers_load(const char *directory, const char *const *names, const struct peer **ret, size_t max);

#endif
