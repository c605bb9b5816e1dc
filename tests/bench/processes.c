/* SPDX-License-Identifier: MIT */

/*
 * Several processes: messages of 64 bytes, a second
 *
 * One sender and one receiver, each on a processor of its own, and two of each on the same two processors,
 * spinning and sleeping. What is counted is what receivers got in a span of time, in the midst of a run.
 */

#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "peer-run.h"
#include "queue-bench.h"

#define SIZE 64
#define SLOTS 1024
#define ROUNDS 9

static const struct peer *peers[PEERS_MAX] = { &peer_ganger, &peer_vyukov, &peer_pipe, &peer_seqpacket };
static size_t n_peers = 4;

/**
 * How many times as fast ganger was as a peer, a ratio for each round: what else the machine does at the time hits both.
 * @param ret  room for BENCH_ROUNDS_MAX. @return how many.
 */
static size_t round_ratios(struct bench_table *t, const struct peer *peer, double *ret) {
        struct bench_result *ours = bench_row(t, "ganger queue", NULL), *theirs = bench_row(t, peer->name, NULL);
        size_t n = 0;

        for (size_t i = 0; i < ours->n && i < theirs->n; i++)
                if (theirs->samples[i] > 0)
                        ret[n++] = ours->samples[i] / theirs->samples[i];
        return n;
}

/** Judge ganger by the one that comes nearest, of those that can sleep. */
static void judge(struct bench_table *t) {
        static double ratios[BENCH_ROUNDS_MAX];
        double median = 0, low = 0;
        const char *rival = NULL;

        for (size_t k = 0; k < n_peers; k++) {
                size_t n = peers[k] == &peer_ganger || !peers[k]->blocks ? 0 : round_ratios(t, peers[k], ratios);
                double m = bench_quantile(ratios, n, 0.5);

                if (n == 0 || (rival && m >= median))
                        continue;
                rival = peers[k]->name;
                median = m;
                low = bench_quantile(ratios, n, 0.1);
        }
        bench_table_finish(t);
        if (!rival)
                return;
        printf("  beside %s, the nearest of those that can sleep, round by round:\n", rival);
        bench_aim("median", median, "at least", 1, median >= 1);
        bench_aim("the lowest tenth (no collapse)", low, "at least", 0.5, low >= 0.5);
}

static void compare(const char *title, unsigned int each, bool blocking) {
        const struct peer_world world = {
                .senders = each, .receivers = each, .blocking = blocking, .size = SIZE, .slots = SLOTS,
        };
        struct bench_table *t = bench_table_new("queue", title, "M/s", BENCH_MORE, "ganger queue");

        for (int i = bench_rounds(ROUNDS); i > 0; i--)
                for (size_t k = 0; k < n_peers; k++)
                        if (blocking ? peers[k]->blocks : peers[k]->spins)
                                bench_add(bench_row(t, peers[k]->name, peers[k]->note), peer_run(peers[k], &world).rate);
        judge(t);
}

/** Leave out all but ganger and one. */
static void keep_only(const char *name) {
        size_t n = 0;

        for (size_t k = 0; k < n_peers; k++)
                if (peers[k] == &peer_ganger || strcmp(peers[k]->name, name) == 0)
                        peers[n++] = peers[k];
        n_peers = n;
}

void bench_processes(const char *directory, const char *only, bool pair, bool four) {
        if (directory)
                n_peers += peers_load(directory, (const char *const[]){ "boost", "zeromq", NULL }, peers + n_peers,
                                      PEERS_MAX - n_peers);
        if (only)
                keep_only(only);
        if (bench_processors() < 2)
                printf("\nonly one processor: processes share it\n");
        bench_pin(-1);
        if (pair) {
                compare("queue, 2 processes, 64 B one way, spinning", 1, false);
                compare("queue, 2 processes, 64 B one way, blocking", 1, true);
        }
        if (four) {
                compare("queue, 2 senders and 2 receivers, 64 B, spinning", 2, false);
                compare("queue, 2 senders and 2 receivers, 64 B, blocking", 2, true);
        }
}
