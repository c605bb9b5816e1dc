/* SPDX-License-Identifier: MIT */

/*
 * Several processes: messages of 64 bytes, a second
 *
 * One sender and one receiver, each on a processor of its own, and two of each on the same two processors,
 * spinning and sleeping. What is counted is what receivers got in a span of time, in the midst of a run.
 *
 * Two of each run twice. Senders on one processor, receivers on the other: then each message goes from processor to
 * processor, and cache lines are most of what it costs. And where the kernel likes: then it is chance how many do.
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

/** Beside the plain queue it may be as much slower as its promises are worth. */
#define BESIDE_VYUKOV 0.75
/** The receiver that got least, beside the one that got most. */
#define FAIR 0.8
/** Of receivers that sleep, for a million messages: one for a thousand. */
#define SWITCHES_MAX 1000

/** Judge ganger by the one that comes nearest, of those that can sleep. */
static void judge_nearest(const struct bench_table *t) {
        double median = 0, low = 0;
        const char *rival = NULL;
        char what[192];

        for (size_t k = 0; k < n_peers; k++) {
                double m = peers[k] == &peer_ganger || !peers[k]->blocks ? 0 :
                           bench_ratio(t, peer_ganger.name, peers[k]->name, 0.5);

                if (m == 0 || (rival && m >= median))
                        continue;
                rival = peers[k]->name;
                median = m;
                low = bench_ratio(t, peer_ganger.name, rival, 0.1);
        }
        if (!rival)
                return;
        printf("  beside %s, the nearest of those that can sleep, round by round:\n", rival);
        snprintf(what, sizeof what, "%s: median", t->title);
        bench_aim_least(what, median, 1);
        snprintf(what, sizeof what, "%s: the lowest tenth (no collapse)", t->title);
        bench_aim_least(what, low, 0.5);
}

static void judge_vyukov(const struct bench_table *t) {
        double ratio = bench_ratio(t, peer_ganger.name, peer_vyukov.name, 0.5);
        char what[192];

        if (ratio == 0)
                return;
        snprintf(what, sizeof what, "%s: beside vyukov, round by round", t->title);
        bench_aim_least(what, ratio, BESIDE_VYUKOV);
}

/** A world's other tables: what ganger's row says must be at least, or at most, so much. */
static void finish_least(struct bench_table *t, double aim) {
        bench_table_show(t);
        bench_aim_least(t->title, bench_median(t, peer_ganger.name), aim);
        bench_table_free(t);
}

static void finish_most(struct bench_table *t, double aim) {
        bench_table_show(t);
        bench_aim_most(t->title, bench_median(t, peer_ganger.name), aim);
        bench_table_free(t);
}

/** The plain queue cannot sleep: beside those that do, it spins. */
static bool takes_part(const struct peer *peer, bool blocking) {
        return blocking ? peer->blocks || peer == &peer_vyukov : peer->spins;
}

static void compare(const char *title, unsigned int each, bool sides, bool blocking) {
        char fair[128], asleep[128];
        struct bench_table *t = bench_table_new("queue", title, "M/s", BENCH_MORE, "ganger queue");
        struct bench_table *fairness = NULL, *switches = NULL;

        snprintf(fair, sizeof fair, "%s: receiver with least, of the one with most", title);
        snprintf(asleep, sizeof asleep, "%s: context switches of receivers, a million messages", title);
        if (sides)
                fairness = bench_table_new("queue", fair, "of 1", BENCH_MORE, "vyukov");
        if (blocking)
                switches = bench_table_new("queue", asleep, "switches", BENCH_LESS, "ganger queue");
        for (int left = bench_rounds(ROUNDS); bench_round(&left);)
                for (size_t k = 0; k < n_peers; k++) {
                        const struct peer *p = peers[k];
                        const struct peer_world world = {
                                .senders = each, .receivers = each, .sides = sides, .blocking = blocking && p->blocks,
                                .size = SIZE, .slots = SLOTS,
                        };
                        struct peer_rate got;

                        if (!takes_part(p, blocking))
                                continue;
                        got = peer_run(p, &world);
                        bench_add(bench_row(t, p->name, p->note), got.rate);
                        if (fairness)
                                bench_add(bench_row(fairness, p->name, p->note), got.fairness);
                        if (switches && p->blocks)
                                bench_add(bench_row(switches, p->name, p->note), got.switches_receivers);
                }
        bench_table_show(t);
        judge_nearest(t);
        judge_vyukov(t);
        bench_table_free(t);
        if (fairness)
                finish_least(fairness, FAIR);
        if (switches)
                finish_most(switches, SWITCHES_MAX);
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
                compare("queue, 2 processes, 64 B one way, spinning", 1, false, false);
                compare("queue, 2 processes, 64 B one way, blocking", 1, false, true);
        }
        if (four) {
                compare("queue, 2 senders and 2 receivers, 64 B, spinning", 2, true, false);
                compare("queue, 2 senders and 2 receivers, 64 B, blocking", 2, true, true);
                compare("queue, 2 senders and 2 receivers anywhere, 64 B, spinning", 2, false, false);
                compare("queue, 2 senders and 2 receivers anywhere, 64 B, blocking", 2, false, true);
        }
}
