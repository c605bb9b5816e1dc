/* SPDX-License-Identifier: MIT */

/*
 * The bench of broadcasts: bench-broadcast [--peers=DIRECTORY] [spinning|blocking]…
 *
 * One writer that never rests, one or two readers; messages that came, a second and reader. Beside a ring that was
 * written by hand, which cannot sleep and so spins where others sleep.
 */

#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "peer-run.h"

#define ROUNDS 5
#define SLOTS 1024
/** Messages that are published at once. */
#define BATCH 32

static const struct peer *peers[PEERS_MAX] = { &peer_broadcast, &peer_fan };
static size_t n_peers = 2;
static const char *const loaded[] = { "zeromq-pub", "nng-pub", NULL };

static bool can(const struct peer *peer, const struct peer_world *world) {
        if (world->batch > 1 && !peer->publish)
                return false;
        if (!peer->blocks && !peer->spins)
                return false;
        return world->cast == PEER_TO_ALL ? peer->all : peer->all_lossy;
}

/** What one who cannot sleep does in place of that. */
static struct peer_rate run(const struct peer *peer, const struct peer_world *world) {
        struct peer_world w = *world;

        w.blocking = world->blocking ? peer->blocks : !peer->spins;
        return peer_run(peer, &w);
}

static void compare(const struct peer_world *world) {
        bool lossy = world->cast == PEER_TO_ALL_LOSSY;
        struct bench_table *rate, *sent = NULL;
        char title[160], title_sent[192];

        snprintf(title, sizeof title, "broadcast, %s, %zu B, %u reader%s, %s, %s", lossy ? "lossy" : "wait", world->size,
                 world->receivers, world->receivers > 1 ? "s" : "", world->blocking ? "blocking" : "spinning",
                 world->batch > 1 ? "32 at once" : "single");
        rate = bench_table_new("broadcast", title, "M/s a reader", BENCH_MORE, peer_fan.name);
        if (lossy) {
                snprintf(title_sent, sizeof title_sent, "%s: sent", title);
                sent = bench_table_new("broadcast", title_sent, "M/s", BENCH_MORE, peer_fan.name);
        }
        for (int left = bench_rounds(ROUNDS); bench_round(&left);)
                for (size_t k = 0; k < n_peers; k++) {
                        struct peer_rate got;

                        if (!can(peers[k], world))
                                continue;
                        got = run(peers[k], world);
                        bench_add(bench_row(rate, peers[k]->name, peers[k]->note), got.rate / world->receivers);
                        if (sent)
                                bench_add(bench_row(sent, peers[k]->name, peers[k]->note), got.sent);
                }
        bench_table_finish(rate);
        if (sent)
                bench_table_finish(sent);
}

/** Both sizes, one and two readers, each message by itself and in batches. */
static void compare_all(enum peer_cast cast, bool blocking) {
        static const size_t sizes[] = { 64, 1024 };
        static const unsigned int batches[] = { 1, BATCH };

        for (size_t s = 0; s < 2; s++)
                for (unsigned int readers = 1; readers <= 2; readers++)
                        for (size_t b = 0; b < 2; b++)
                                compare(&(struct peer_world){
                                        .senders = 1, .receivers = readers, .cast = cast, .batch = batches[b],
                                        .blocking = blocking, .size = sizes[s], .slots = SLOTS,
                                });
}

int main(int argc, char **argv) {
        bool spinning = false, blocking = false;

        for (int i = 1; i < argc; i++) {
                if (strncmp(argv[i], "--peers=", 8) == 0)
                        n_peers += peers_load(argv[i] + 8, loaded, peers + n_peers, PEERS_MAX - n_peers);
                else if (strcmp(argv[i], "spinning") == 0)
                        spinning = true;
                else if (strcmp(argv[i], "blocking") == 0)
                        blocking = true;
                else {
                        fprintf(stderr, "usage: bench-broadcast [--peers=DIRECTORY] [spinning|blocking]...\n");
                        return 2;
                }
        }
        bench_pin(-1);
        if (spinning || !blocking) {
                compare_all(PEER_TO_ALL, false);
                compare_all(PEER_TO_ALL_LOSSY, false);
        }
        if (blocking || !spinning)
                compare_all(PEER_TO_ALL, true);
        return 0;
}
