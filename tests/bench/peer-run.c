/* SPDX-License-Identifier: MIT */

/*
 * Running a peer
 *
 * Children are pinned to a processor each, or share the processors if there are more of them. What is counted is what receivers got
 * in a span of time, in the midst of a run.
 */

#include "peer-run.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define CHILDREN_MAX 4

#define WARM_UP_NS 15000000
#define MEASURE_NS 60000000

/** Spins before a process that shares its processor gives it up. */
#define SPINS 64

/* There and back: batches of trips for the middle, single trips for the tail. */
#define TRIPS 20000
#define BATCH 64
#define BATCHES 200

struct child {
        _Alignas(128) _Atomic uint64_t done; /* messages sent, or received */
        _Atomic int there;
};

struct shared {
        struct child children[CHILDREN_MAX];
        _Alignas(128) _Atomic int go;
        _Atomic int over;
        double batches[BATCHES], trips[TRIPS];
};

/** A payload as large as any. */
static _Alignas(64) unsigned char payload[1 << 16];

/** Nothing to do just now, without sleeping. */
static inline void back_off(unsigned int *spins, bool crowded) {
        bench_relax();
        if (crowded && ++*spins >= SPINS) {
                *spins = 0;
                sched_yield();
        }
}

static inline void send_one(const struct peer *peer, bool crowded) {
        unsigned int spins = 0;

        while (!peer->send(payload))
                back_off(&spins, crowded);
}

static inline void receive_one(const struct peer *peer, bool crowded) {
        unsigned int spins = 0;

        while (!peer->receive(payload))
                back_off(&spins, crowded);
}

/* ---- one way ----------------------------------------------------------------------------------- */

static _Noreturn void send_always(const struct peer *peer, struct child *self, bool crowded) {
        for (uint64_t n = 1;; n++) {
                send_one(peer, crowded);
                atomic_store_explicit(&self->done, n, memory_order_relaxed);
        }
}

static _Noreturn void receive_always(const struct peer *peer, struct child *self, bool crowded) {
        for (uint64_t n = 1;; n++) {
                receive_one(peer, crowded);
                atomic_store_explicit(&self->done, n, memory_order_relaxed);
        }
}

static bool is_crowded(const struct peer_world *world) {
        return (int)(world->senders + world->receivers) > bench_processors();
}

static void enter(const struct peer *peer, const struct peer_world *world, unsigned int role, struct shared *shared) {
        /* First: threads that a peer starts are free to run elsewhere. */
        peer->enter(role);
        if (!is_crowded(world))
                bench_pin((int)role);
        atomic_store(&shared->children[role].there, 1);
        while (!atomic_load(&shared->go))
                bench_pause_ns(100000);
}

static void one_way(const struct peer *peer, const struct peer_world *world, unsigned int role, struct shared *shared) {
        if (role < world->senders)
                send_always(peer, &shared->children[role], is_crowded(world));
        receive_always(peer, &shared->children[role], is_crowded(world));
}

/* ---- there and back ---------------------------------------------------------------------------- */

static void answer_always(const struct peer *peer) {
        for (;;) {
                receive_one(peer, false);
                send_one(peer, false);
        }
}

static void trip(const struct peer *peer) {
        send_one(peer, false);
        receive_one(peer, false);
}

static void ask(const struct peer *peer, struct shared *shared) {
        for (int i = 0; i < TRIPS / 10; i++)
                trip(peer);
        for (int b = 0; b < BATCHES; b++) {
                uint64_t start = bench_now_ns();

                for (int i = 0; i < BATCH; i++)
                        trip(peer);
                shared->batches[b] = (double)(bench_now_ns() - start) / BATCH;
        }
        for (int i = 0; i < TRIPS; i++) {
                uint64_t start = bench_now_ns();

                trip(peer);
                shared->trips[i] = (double)(bench_now_ns() - start);
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

/* ---- the parent -------------------------------------------------------------------------------- */

typedef void (*child_fn)(const struct peer *peer, const struct peer_world *world, unsigned int role,
                         struct shared *shared);

static void start(const struct peer *peer, const struct peer_world *world, child_fn fn, struct shared *shared,
                  pid_t *pids) {
        unsigned int n = world->senders + world->receivers;

        peer->setup(world);
        for (unsigned int i = 0; i < n; i++) {
                pids[i] = fork();
                if (pids[i] < 0)
                        bench_die("fork");
                if (pids[i] == 0) {
                        enter(peer, world, i, shared);
                        fn(peer, world, i, shared);
                        _exit(EXIT_FAILURE);
                }
        }
        for (unsigned int i = 0; i < n; i++)
                while (!atomic_load(&shared->children[i].there))
                        bench_pause_ns(100000);
        atomic_store(&shared->go, 1);
}

static void stop(const struct peer *peer, const struct peer_world *world, struct shared *shared, const pid_t *pids) {
        for (unsigned int i = 0; i < world->senders + world->receivers; i++)
                bench_kill(pids[i]);
        peer->teardown();
        bench_unmap(shared, sizeof *shared);
}

static uint64_t done(struct shared *shared, unsigned int child) {
        return atomic_load_explicit(&shared->children[child].done, memory_order_relaxed);
}

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
        uint64_t received[CHILDREN_MAX], all, switches;
};

static struct count count(const struct peer_world *world, struct shared *shared, const pid_t *pids) {
        struct count c = { .all = 0 };

        for (unsigned int i = 0; i < world->senders + world->receivers; i++) {
                c.switches += switches_of(pids[i]);
                if (i >= world->senders)
                        c.all += c.received[i] = done(shared, i);
        }
        return c;
}

static double fairness(const struct peer_world *world, const struct count *before, const struct count *after) {
        uint64_t least = UINT64_MAX, most = 0;

        for (unsigned int i = world->senders; i < world->senders + world->receivers; i++) {
                uint64_t n = after->received[i] - before->received[i];

                least = n < least ? n : least;
                most = n > most ? n : most;
        }
        return most > 0 ? (double)least / (double)most : 0;
}

struct peer_rate peer_run(const struct peer *peer, const struct peer_world *world) {
        struct shared *shared = bench_shared(sizeof *shared);
        struct count before, after;
        struct peer_rate ret;
        pid_t pids[CHILDREN_MAX];
        uint64_t begin, end;

        start(peer, world, one_way, shared, pids);
        bench_pause_ns(WARM_UP_NS);
        begin = bench_now_ns();
        before = count(world, shared, pids);
        bench_pause_ns(MEASURE_NS);
        end = bench_now_ns();
        after = count(world, shared, pids);
        ret = (struct peer_rate){
                .rate = (double)(after.all - before.all) * 1000 / (double)(end - begin),
                .switches = after.all > before.all ? (double)(after.switches - before.switches) * 1e6 /
                                                             (double)(after.all - before.all) : 0,
                .fairness = fairness(world, &before, &after),
        };
        stop(peer, world, shared, pids);
        return ret;
}

struct peer_trip peer_run_echo(const struct peer *peer, const struct peer_world *world) {
        struct shared *shared = bench_shared(sizeof *shared);
        struct peer_trip ret;
        pid_t pids[CHILDREN_MAX];

        start(peer, world, there_and_back, shared, pids);
        while (!atomic_load(&shared->over))
                bench_pause_ns(1000000);
        ret = (struct peer_trip){
                .p50 = bench_quantile(shared->batches, BATCHES, 0.5),
                .p99 = bench_quantile(shared->trips, TRIPS, 0.99),
                .p999 = bench_quantile(shared->trips, TRIPS, 0.999),
        };
        stop(peer, world, shared, pids);
        return ret;
}

/** Has each of the others done more than it had by then? */
static bool others_got_on(const struct peer_world *world, struct shared *shared, unsigned int victim,
                          const uint64_t *before) {
        for (unsigned int i = 0; i < world->senders + world->receivers; i++)
                if (i != victim && done(shared, i) <= before[i])
                        return false;
        return true;
}

double peer_run_kill(const struct peer *peer, const struct peer_world *world, unsigned int victim) {
        struct shared *shared = bench_shared(sizeof *shared);
        uint64_t before[CHILDREN_MAX], since;
        double ms = 0;
        pid_t pids[CHILDREN_MAX];

        start(peer, world, one_way, shared, pids);
        bench_pause_ns(WARM_UP_NS + bench_now_ns() % 1000000);
        since = bench_now_ns();
        bench_kill(pids[victim]);
        pids[victim] = 0;
        for (unsigned int i = 0; i < CHILDREN_MAX; i++)
                before[i] = done(shared, i);
        if (peer->recover)
                peer->recover(victim);
        while (!others_got_on(world, shared, victim, before) && ms < PEER_STUCK) {
                sched_yield();
                ms = (double)(bench_now_ns() - since) / 1e6;
        }
        stop(peer, world, shared, pids);
        return ms < PEER_STUCK ? ms : PEER_STUCK;
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
