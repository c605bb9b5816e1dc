/* SPDX-License-Identifier: MIT */

/*
 * Several processes: messages of 64 bytes, a second
 *
 * One sender and one receiver, each on a processor of its own, and two of each on the same two processors,
 * spinning and sleeping. What is counted is what receivers got in a span of time, in the midst of a run.
 */

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "peer.h"
#include "queue-bench.h"

#define SIZE 64
#define SLOTS 1024
#define ROUNDS 9
#define CHILDREN_MAX 4
#define PEERS_MAX 8

#define WARM_UP_NS 15000000
#define MEASURE_NS 60000000

/** Spins before a process that shares its processor gives it up. */
#define SPINS 64

struct counter {
        _Alignas(128) _Atomic uint64_t received;
        _Atomic int there;
};

struct shared {
        struct counter children[CHILDREN_MAX];
        _Alignas(128) _Atomic int go;
};

static const struct peer *peers[PEERS_MAX] = { &peer_ganger, &peer_vyukov, &peer_pipe, &peer_seqpacket };
static size_t n_peers = 4;

static void pause_ns(uint64_t ns) {
        const struct timespec ts = { .tv_sec = 0, .tv_nsec = (long)ns };

        nanosleep(&ts, NULL);
}

/** Nothing to do just now, without sleeping. */
static inline void back_off(unsigned int *spins, bool crowded) {
        bench_relax();
        if (crowded && ++*spins >= SPINS) {
                *spins = 0;
                sched_yield();
        }
}

static _Noreturn void send_always(const struct peer *peer, bool crowded) {
        uint64_t data[SIZE / 8] = { 0 };
        unsigned int spins = 0;

        for (;; data[0]++)
                while (!peer->send(data))
                        back_off(&spins, crowded);
}

static _Noreturn void receive_always(const struct peer *peer, struct counter *counter, bool crowded) {
        uint64_t buf[SIZE / 8], n = 0;
        unsigned int spins = 0;

        for (;;) {
                while (!peer->receive(buf))
                        back_off(&spins, crowded);
                atomic_store_explicit(&counter->received, ++n, memory_order_relaxed);
        }
}

static _Noreturn void child(const struct peer *peer, const struct peer_world *world, unsigned int role,
                            struct shared *shared) {
        bool crowded = (int)(world->senders + world->receivers) > bench_processors();

        /* First: threads that a peer starts are free to run elsewhere. */
        peer->enter(role);
        if (!crowded)
                bench_pin((int)role);
        atomic_store(&shared->children[role].there, 1);
        while (!atomic_load(&shared->go))
                pause_ns(100000);
        if (role < world->senders)
                send_always(peer, crowded);
        receive_always(peer, &shared->children[role], crowded);
}

static uint64_t received(struct shared *shared) {
        uint64_t n = 0;

        for (int i = 0; i < CHILDREN_MAX; i++)
                n += atomic_load_explicit(&shared->children[i].received, memory_order_relaxed);
        return n;
}

/** @return million messages a second. */
static double measure(const struct peer *peer, const struct peer_world *world) {
        struct shared *shared = bench_shared(sizeof *shared);
        unsigned int n = world->senders + world->receivers;
        uint64_t start, count;
        pid_t pids[CHILDREN_MAX];
        double rate;

        peer->setup(world);
        for (unsigned int i = 0; i < n; i++) {
                pids[i] = fork();
                if (pids[i] < 0)
                        bench_die("fork");
                if (pids[i] == 0)
                        child(peer, world, i, shared);
        }
        for (unsigned int i = 0; i < n; i++)
                while (!atomic_load(&shared->children[i].there))
                        pause_ns(100000);
        atomic_store(&shared->go, 1);
        pause_ns(WARM_UP_NS);
        count = received(shared);
        start = bench_now_ns();
        pause_ns(MEASURE_NS);
        rate = (double)(received(shared) - count) * 1000 / (double)(bench_now_ns() - start);
        for (unsigned int i = 0; i < n; i++)
                bench_kill(pids[i]);
        peer->teardown();
        bench_unmap(shared, sizeof *shared);
        return rate;
}

/**
 * How many times as fast ganger was as a peer, a ratio for each round: what else the machine does at the time hits both.
 * @param ret  room for BENCH_ROUNDS_MAX. @return how many.
 */
static size_t round_ratios(struct bench_table *t, const struct peer *peer, double *ret) {
        struct bench_result *ours = bench_row(t, "ganger", NULL), *theirs = bench_row(t, peer->name, NULL);
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
        struct bench_table *t = bench_table_new("queue", title, "M/s", BENCH_MORE, "ganger");

        for (int i = bench_rounds(ROUNDS); i > 0; i--)
                for (size_t k = 0; k < n_peers; k++)
                        if (blocking ? peers[k]->blocks : peers[k]->spins)
                                bench_add(bench_row(t, peers[k]->name, peers[k]->note), measure(peers[k], &world));
        judge(t);
}

/** Peers that were compiled for this run. */
static void load_peers(const char *directory) {
        static const char *const names[] = { "peer-boost.so", "peer-zeromq.so" };

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                const struct peer *peer;
                char path[4096];
                void *object;

                snprintf(path, sizeof path, "%s/%s", directory, names[i]);
                if (access(path, F_OK) < 0)
                        continue;
                object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
                peer = object ? dlsym(object, "peer") : NULL;
                if (peer)
                        peers[n_peers++] = peer;
                else
                        fprintf(stderr, "bench: %s: %s\n", names[i], dlerror());
        }
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
                load_peers(directory);
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
