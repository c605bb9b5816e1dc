/* SPDX-License-Identifier: MIT */

/*
 * Everything that carries messages between two processes of one machine, side by side: bench-ipc [--peers=DIRECTORY]
 * [--only=NAME] [PART…]
 *
 * Parts: rate (one way), trip (there and back), wake (of one who sleeps), kill (what a SIGKILL of one does to the
 * others). One run; rounds interleaved.
 */

#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "peer-run.h"

#define ROUNDS 5
#define ROUNDS_WAKE 9
#define KILLS 40
#define SLOTS 1024
#define SLOTS_LARGE 64
#define LARGE 16384

static const size_t sizes[] = { 64, 1024, 65536 };

/* Ours first; peers that were compiled for the run follow. */
static const struct peer *peers[PEERS_MAX] = {
        &peer_ganger, &peer_vyukov, &peer_pipe, &peer_seqpacket, &peer_mq, &peer_line, &peer_futex, &peer_eventfd,
};
static size_t n_peers = 8;
static const char *const loaded[] = { "ck", "dpdk", "boost", "qb", "zeromq", "nng", NULL };

static const char *size_name(size_t size) {
        return size < 1024 ? "64 B" : size < LARGE ? "1 KiB" : "64 KiB";
}

static bool can(const struct peer *peer, const struct peer_world *world) {
        if (world->blocking ? !peer->blocks : !peer->spins)
                return false;
        if (peer->one_size && (!world->echo || world->size != sizes[0]))
                return false;
        if (peer->pairs_max && (world->senders > peer->pairs_max || world->receivers > peer->pairs_max))
                return false;
        return peer->size_max == 0 || world->size <= peer->size_max;
}

static struct peer_world world_of(size_t size, unsigned int each, bool echo, bool blocking) {
        return (struct peer_world){
                .senders = each, .receivers = each, .echo = echo, .blocking = blocking, .size = size,
                .slots = size >= LARGE ? SLOTS_LARGE : SLOTS,
        };
}

/* ---- one way ----------------------------------------------------------------------------------- */

static void compare_rate(size_t size, unsigned int each, bool blocking) {
        struct peer_world world = world_of(size, each, false, blocking);
        struct bench_table *rate, *switches = NULL;
        char title[128];

        snprintf(title, sizeof title, "one way, %s, %u to %u, %s", size_name(size), each, each,
                 blocking ? "blocking" : "spinning");
        rate = bench_table_new("ipc", strdup(title), "M/s", BENCH_MORE, peers[0]->name);
        if (blocking) {
                snprintf(title, sizeof title, "the same: context switches for a million messages, %s, %u to %u",
                         size_name(size), each, each);
                switches = bench_table_new("ipc", strdup(title), "switches", BENCH_LESS, peers[0]->name);
        }
        for (int left = bench_rounds(ROUNDS); bench_round(&left);)
                for (size_t k = 0; k < n_peers; k++) {
                        struct peer_rate got;

                        if (!can(peers[k], &world))
                                continue;
                        got = peer_run(peers[k], &world);
                        bench_add(bench_row(rate, peers[k]->name, peers[k]->note), got.rate);
                        if (switches)
                                bench_add(bench_row(switches, peers[k]->name, peers[k]->note), got.switches);
                }
        bench_table_finish(rate);
        if (switches)
                bench_table_finish(switches);
}

static void rates(void) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                compare_rate(sizes[i], 1, false);
                compare_rate(sizes[i], 1, true);
        }
        compare_rate(sizes[0], 2, false);
        compare_rate(sizes[0], 2, true);
}

/* ---- there and back ---------------------------------------------------------------------------- */

static void compare_trip(size_t size, bool blocking) {
        static const char *const names[] = { "p50", "p99", "p99.9" };
        struct peer_world world = world_of(size, 1, true, blocking);
        struct bench_table *tables[3];
        char title[128];

        for (size_t q = 0; q < 3; q++) {
                snprintf(title, sizeof title, "there and back, %s, %s, %s", size_name(size),
                         blocking ? "blocking" : "spinning", names[q]);
                tables[q] = bench_table_new("ipc", strdup(title), "ns", BENCH_LESS, peers[0]->name);
        }
        for (int left = bench_rounds(ROUNDS); bench_round(&left);)
                for (size_t k = 0; k < n_peers; k++) {
                        struct peer_trip got;

                        if (!can(peers[k], &world))
                                continue;
                        got = peer_run_echo(peers[k], &world);
                        bench_add(bench_row(tables[0], peers[k]->name, peers[k]->note), got.p50);
                        bench_add(bench_row(tables[1], peers[k]->name, peers[k]->note), got.p99);
                        bench_add(bench_row(tables[2], peers[k]->name, peers[k]->note), got.p999);
                }
        for (size_t q = 0; q < 3; q++)
                bench_table_finish(tables[q]);
}

static void trips(void) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                compare_trip(sizes[i], false);
                compare_trip(sizes[i], true);
        }
}

/* ---- one moment ---------------------------------------------------------------------------------- */

/** A futex is the least that it takes. Where threads of a peer's own come in between, it is told of them. */
static void wakes(void) {
        struct peer_world world = world_of(sizes[0], 1, true, true);
        struct bench_table *t = bench_table_new("ipc", "64 B, the receiver sleeps: sent to received", "ns", BENCH_LESS,
                                                peer_futex.name);

        for (int left = bench_rounds(ROUNDS_WAKE); bench_round(&left);)
                for (size_t k = 0; k < n_peers; k++)
                        if (can(peers[k], &world))
                                bench_add(bench_row(t, peers[k]->name, peers[k]->note), peer_run_wake(peers[k], &world));
        bench_table_show(t);
        /* As many times as long. */
        bench_aim_most("wake-up of one who sleeps, beside a futex, round by round",
                       bench_ratio(t, peer_futex.name, peer_ganger.name, 0.5), 1.1);
        bench_table_free(t);
}

/** A sender and a receiver are left: each second time it is a sender that is killed. */
static void kills(void) {
        struct bench_table *t = bench_table_new("ipc", "one of three is killed: the others stall for (1,000 is: for ever)",
                                                "ms", BENCH_LESS, peers[0]->name);
        int i = 0;

        t->quantiles = true;
        for (int left = bench_rounds(KILLS); bench_round(&left); i++) {
                struct peer_world world = world_of(sizes[0], 1, false, false);
                unsigned int victim = i % 2 ? 1 : 2;

                bench_add(bench_row(t, "ganger queue, no kill", "what the machine takes"),
                          peer_run_kill(peers[0], &world, PEER_NOBODY));
                *(i % 2 ? &world.senders : &world.receivers) = 2;
                world.sides = true;
                for (size_t k = 0; k < n_peers; k++) {
                        world.blocking = !peers[k]->spins;
                        if (can(peers[k], &world))
                                bench_add(bench_row(t, peers[k]->name, peers[k]->note),
                                          peer_run_kill(peers[k], &world, victim));
                }
        }
        bench_table_show(t);
        bench_aim_most("one is killed: milliseconds that the others stall, median", bench_median(t, peers[0]->name), 1);
        bench_table_free(t);
}

/** Leave out all but ganger and one. */
static void keep_only(const char *name) {
        size_t n = 0;

        for (size_t k = 0; k < n_peers; k++)
                if (peers[k] == &peer_ganger || strcmp(peers[k]->name, name) == 0)
                        peers[n++] = peers[k];
        n_peers = n;
}

int main(int argc, char **argv) {
        static const struct {
                const char *name;
                void (*fn)(void);
        } parts[] = { { "rate", rates }, { "trip", trips }, { "wake", wakes }, { "kill", kills } };
        bool chosen[sizeof parts / sizeof parts[0]] = { false }, all = true;
        const char *only = NULL;

        for (int i = 1; i < argc; i++) {
                size_t p = 0;

                if (strncmp(argv[i], "--peers=", 8) == 0) {
                        n_peers += peers_load(argv[i] + 8, loaded, peers + n_peers, PEERS_MAX - n_peers);
                        continue;
                }
                if (strncmp(argv[i], "--only=", 7) == 0) {
                        only = argv[i] + 7;
                        continue;
                }
                while (p < sizeof parts / sizeof parts[0] && strcmp(argv[i], parts[p].name) != 0)
                        p++;
                if (p == sizeof parts / sizeof parts[0]) {
                        fprintf(stderr, "usage: bench-ipc [--peers=DIRECTORY] [--only=NAME] [rate|trip|wake|kill]...\n");
                        return 2;
                }
                chosen[p] = true;
                all = false;
        }
        if (only)
                keep_only(only);
        bench_pin(-1);
        for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++)
                if (all || chosen[p])
                        parts[p].fn();
        return 0;
}
