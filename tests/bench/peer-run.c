/* SPDX-License-Identifier: MIT */

/*
 * Running a peer
 *
 * What is counted is what receivers got in a span of time, in the midst of a run.
 */

#include "peer-run.h"

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "peer-children.h"

/* Where children share processors, the span has many time slices. */
#define MEASURE_NS 60000000
#define MEASURE_CROWDED_NS 200000000

/** Trips of one batch. */
#define BATCH 64

/** Batches, and then single trips, take no longer than so: a slow peer makes fewer. */
#define TRIPS_NS 700000000

/* ---- there and back ---------------------------------------------------------------------------- */

static void answer_always(const struct peer *peer) {
        for (;;) {
                peer_receive_one(peer, false);
                peer_send_one(peer, false);
        }
}

static void trip(const struct peer *peer) {
        peer_send_one(peer, false);
        peer_receive_one(peer, false);
}

static void ask(const struct peer *peer, struct shared *shared) {
        uint64_t begun = bench_now_ns();

        for (int i = 0; i < PEER_TRIPS / 10 && bench_now_ns() - begun < TRIPS_NS / 10; i++)
                trip(peer);
        for (begun = bench_now_ns(); shared->n_batches < PEER_BATCHES && bench_now_ns() - begun < TRIPS_NS;) {
                uint64_t start = bench_now_ns();

                for (int i = 0; i < BATCH; i++)
                        trip(peer);
                shared->batches[shared->n_batches++] = (double)(bench_now_ns() - start) / BATCH;
        }
        for (begun = bench_now_ns(); shared->n_trips < PEER_TRIPS && bench_now_ns() - begun < TRIPS_NS;) {
                uint64_t start = bench_now_ns();

                trip(peer);
                shared->trips[shared->n_trips++] = (double)(bench_now_ns() - start);
        }
        atomic_store(&shared->over, 1);
        for (;;)
                pause();
}

static void there_and_back(const struct peer *peer, const struct peer_world *world, unsigned int role,
                           struct shared *shared) {
        if (role == 0)
                ask(peer, shared);
        answer_always(peer);
}

/* ---- one way ----------------------------------------------------------------------------------- */

static uint64_t switches_of(pid_t pid) {
        char path[64], line[128];
        unsigned long n = 0;
        FILE *f;

        snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof line, f))
                if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1)
                        break;
        if (f)
                fclose(f);
        return n;
}

struct count {
        uint64_t at_ns, done[CHILDREN_MAX], sent, received;
        uint64_t switches, switches_receivers;
};

static struct count count(const struct peer_world *world, struct shared *shared) {
        struct count c = { .at_ns = bench_now_ns() };

        for (unsigned int i = 0; i < peer_children(world); i++)
                c.done[i] = peer_done(shared, i);
        for (unsigned int i = 0; i < peer_children(world); i++) {
                uint64_t switches = switches_of(shared->pids[i]);

                c.switches += switches;
                c.switches_receivers += i < world->senders ? 0 : switches;
                *(i < world->senders ? &c.sent : &c.received) += c.done[i];
        }
        return c;
}

static double fairness(const struct peer_world *world, const struct count *before, const struct count *after) {
        uint64_t least = UINT64_MAX, most = 0;

        for (unsigned int i = world->senders; i < peer_children(world); i++) {
                uint64_t n = after->done[i] - before->done[i];

                least = n < least ? n : least;
                most = n > most ? n : most;
        }
        return most > 0 ? (double)least / (double)most : 0;
}

static double per_million(uint64_t n, uint64_t messages) {
        return messages > 0 ? (double)n * 1e6 / (double)messages : 0;
}

struct peer_rate peer_run(const struct peer *peer, const struct peer_world *world) {
        struct shared *shared = peer_start(peer, world, peer_one_way);
        struct count before, after;
        uint64_t received;
        double nsec;

        bench_pause_ns(PEER_WARM_UP_NS);
        before = count(world, shared);
        bench_pause_ns(peer_is_crowded(world) ? MEASURE_CROWDED_NS : MEASURE_NS);
        after = count(world, shared);
        peer_stop(peer, world, shared);
        nsec = (double)(after.at_ns - before.at_ns);
        received = after.received - before.received;
        return (struct peer_rate){
                .rate = (double)received * 1000 / nsec,
                .sent = (double)(after.sent - before.sent) * 1000 / nsec,
                .switches = per_million(after.switches - before.switches, received),
                .switches_receivers = per_million(after.switches_receivers - before.switches_receivers, received),
                .fairness = fairness(world, &before, &after),
        };
}

struct peer_trip peer_run_echo(const struct peer *peer, const struct peer_world *world) {
        struct shared *shared = peer_start(peer, world, there_and_back);
        struct peer_trip ret;

        while (!atomic_load(&shared->over))
                bench_pause_ns(1000000);
        ret = (struct peer_trip){
                .p50 = bench_quantile(shared->batches, shared->n_batches, 0.5),
                .p99 = bench_quantile(shared->trips, shared->n_trips, 0.99),
                .p999 = bench_quantile(shared->trips, shared->n_trips, 0.999),
        };
        peer_stop(peer, world, shared);
        return ret;
}

/* ---- peers that were compiled for this run ------------------------------------------------------- */

size_t peers_load(const char *directory, const char *const *names, const struct peer **ret, size_t max) {
        size_t n = 0;

        for (; *names && n < max; names++) {
                const struct peer *peer;
                char path[4096];
                void *object;

                snprintf(path, sizeof path, "%s/peer-%s.so", directory, *names);
                if (access(path, F_OK) < 0)
                        continue;
                object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
                peer = object ? dlsym(object, "peer") : NULL;
                if (peer)
                        ret[n++] = peer;
                else
                        fprintf(stderr, "bench: %s: %s\n", *names, dlerror());
        }
        return n;
}
