/* SPDX-License-Identifier: MIT */

/*
 * The bench of pipes, beside the least that a ring can be
 *
 * Two processes, each on a processor of its own, spinning. One way: what the reader got in a span of time, in the midst of a run.
 * To and fro: a message of 64 bytes and its answer, beside a bare line that goes to and fro. Each round
 * measures everything once, and ratios are taken round by round: what else the machine does hits all of them alike.
 */

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "pipe-bench.h"

#define ROUNDS 15
#define WARM_UP_NS 8000000
#define MEASURE_NS 20000000
#define TRIPS 20000
#define SIZES 3

static const struct pipe_peer *const peers[] = { &pipe_ganger, &pipe_bare };
static const size_t sizes[SIZES] = { 64, 1024, PIPE_SIZE_MAX };

struct shared {
        _Alignas(128) _Atomic uint64_t received;
        _Alignas(128) _Atomic uint64_t line;    /* of the bare ping-pong */
        double result;
};

static struct shared *shared;

static void pause_ns(uint64_t ns) {
        const struct timespec ts = { .tv_sec = 0, .tv_nsec = (long)ns };

        nanosleep(&ts, NULL);
}

/** @return 0 in the child, which is on that processor. */
static pid_t child(int processor) {
        pid_t pid = fork();

        if (pid < 0)
                bench_die("fork");
        if (pid == 0)
                bench_pin(processor);
        return pid;
}

/* ---- one way ------------------------------------------------------------------------------------- */

/** @return million messages a second. */
static double one_way(const struct pipe_peer *peer, size_t size, enum pipe_way way) {
        uint64_t start, count;
        pid_t writer, reader;
        double rate;

        peer->setup(size);
        writer = child(0);
        if (writer == 0)
                peer->write(way);
        reader = child(1);
        if (reader == 0)
                peer->read(way, &shared->received);
        pause_ns(WARM_UP_NS);
        count = atomic_load(&shared->received);
        start = bench_now_ns();
        pause_ns(MEASURE_NS);
        rate = (double)(atomic_load(&shared->received) - count) * 1000 / (double)(bench_now_ns() - start);
        bench_kill(writer);
        bench_kill(reader);
        peer->teardown();
        return rate;
}

/** Judge ganger beside the other row, a ratio for each round. @return the median. */
static double ratio(struct bench_table *t, const char *ours, const char *theirs) {
        static double ratios[BENCH_ROUNDS_MAX];
        struct bench_result *a = bench_row(t, ours, NULL), *b = bench_row(t, theirs, NULL);
        size_t n = 0;

        for (size_t i = 0; i < a->n && i < b->n; i++)
                if (b->samples[i] > 0)
                        ratios[n++] = a->samples[i] / b->samples[i];
        return bench_quantile(ratios, n, 0.5);
}

static struct bench_table *measure(const char *title, size_t size, enum pipe_way way) {
        struct bench_table *t = bench_table_new("pipe", title, "M/s", BENCH_MORE, pipe_bare.name);

        for (int i = bench_rounds(ROUNDS); i > 0; i--)
                for (size_t k = 0; k < sizeof peers / sizeof peers[0]; k++)
                        bench_add(bench_row(t, peers[k]->name, peers[k]->note), one_way(peers[k], size, way));
        return t;
}

/** @param aim  of the ratio; 0: none. */
static void compare(const char *title, size_t size, enum pipe_way way, double aim) {
        struct bench_table *t = measure(title, size, way);
        double r = ratio(t, pipe_ganger.name, pipe_bare.name);

        bench_table_finish(t);
        if (aim > 0)
                bench_aim("beside the hand-written ring, round by round: median", r, "at least", aim, r >= aim);
}

/** Long messages in place, beside a ring that copies them in and out. */
static void compare_in_place(void) {
        struct bench_table *t = bench_table_new("pipe", "pipe, 64 KiB, no copy beside two", "M/s", BENCH_MORE,
                                                pipe_bare.name);
        double r;

        for (int i = bench_rounds(ROUNDS); i > 0; i--) {
                bench_add(bench_row(t, pipe_ganger.name, "in place"), one_way(&pipe_ganger, PIPE_SIZE_MAX, PIPE_IN_PLACE));
                bench_add(bench_row(t, pipe_bare.name, "copies"), one_way(&pipe_bare, PIPE_SIZE_MAX, PIPE_SINGLE));
        }
        r = ratio(t, pipe_ganger.name, pipe_bare.name);
        bench_table_finish(t);
        bench_aim("in place beside copies, round by round: median", r, "at least", 2, r >= 2);
}

/** ganger beside itself. */
static void compare_batches(void) {
        struct bench_table *t = bench_table_new("pipe", "pipe, 64 B: batches of 32 beside single ones", "M/s", BENCH_MORE,
                                                "single");
        double r;

        for (int i = bench_rounds(ROUNDS); i > 0; i--) {
                bench_add(bench_row(t, "single", NULL), one_way(&pipe_ganger, 64, PIPE_SINGLE));
                bench_add(bench_row(t, "batches", NULL), one_way(&pipe_ganger, 64, PIPE_BATCHES));
        }
        r = ratio(t, "batches", "single");
        bench_table_finish(t);
        bench_aim("batches beside single ones, round by round: median", r, "at least", 2, r >= 2);
}

/* ---- to and fro ---------------------------------------------------------------------------------- */

static void line_ping(uint64_t n) {
        uint64_t last = atomic_load(&shared->line) + 2 * n;

        for (uint64_t i = last - 2 * n; i < last; i += 2) {
                atomic_store_explicit(&shared->line, i + 1, memory_order_release);
                while (atomic_load_explicit(&shared->line, memory_order_acquire) != i + 2)
                        bench_relax();
        }
}

static void line_pong(void) {
        for (uint64_t i = atomic_load(&shared->line) | 1;; i += 2) {
                while (atomic_load_explicit(&shared->line, memory_order_acquire) != i)
                        bench_relax();
                atomic_store_explicit(&shared->line, i + 1, memory_order_release);
        }
}

static void line_setup(size_t size) {
        (void)size;
        atomic_store(&shared->line, 0);
}

static void line_teardown(void) {
}

static const struct pipe_peer line = {
        .name = "bare line", .note = "no message",
        .setup = line_setup, .ping = line_ping, .pong = line_pong, .teardown = line_teardown,
};

/** @return nanoseconds a round trip. */
static double round_trip(const struct pipe_peer *peer) {
        pid_t ping, pong;

        shared->result = 0;
        peer->setup(64);
        pong = child(1);
        if (pong == 0)
                peer->pong();
        ping = child(0);
        if (ping == 0) {
                uint64_t start;

                peer->ping(TRIPS / 4);
                start = bench_now_ns();
                peer->ping(TRIPS);
                shared->result = (double)(bench_now_ns() - start) / TRIPS;
                _exit(0);
        }
        while (shared->result == 0)
                pause_ns(1000000);
        bench_kill(ping);
        bench_kill(pong);
        peer->teardown();
        return *(volatile double *)&shared->result;
}

static void compare_round_trips(void) {
        static const struct pipe_peer *const all[] = { &pipe_ganger, &pipe_bare, &line };
        struct bench_table *t = bench_table_new("pipe", "pipe, 64 B and the answer", "ns", BENCH_LESS, line.name);
        double r;

        for (int i = bench_rounds(ROUNDS); i > 0; i--)
                for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
                        bench_add(bench_row(t, all[k]->name, all[k]->note), round_trip(all[k]));
        r = ratio(t, pipe_ganger.name, pipe_bare.name);
        bench_table_finish(t);
        bench_aim("beside the hand-written ring, round by round: median", r, "at most", 1.2, r <= 1.2);
}

int main(void) {
        static const char *const titles[][SIZES] = {
                { "pipe, 64 B, single", "pipe, 1 KiB, single", "pipe, 64 KiB, single" },
                { "pipe, 64 B, batches of 32", "pipe, 1 KiB, batches of 32", "pipe, 64 KiB, batches of 32" },
                { "pipe, 64 B, in place", "pipe, 1 KiB, in place", "pipe, 64 KiB, in place" },
        };
        static const double aims[][SIZES] = { { 0.9, 0.9, 0.95 }, { 0 }, { 0 } };

        shared = bench_shared(sizeof *shared);
        if (bench_processors() < 2)
                printf("\nonly one processor: processes share it\n");
        for (enum pipe_way way = PIPE_SINGLE; way <= PIPE_IN_PLACE; way++)
                for (size_t i = 0; i < SIZES; i++)
                        compare(titles[way][i], sizes[i], way, aims[way][i]);
        compare_batches();
        compare_in_place();
        compare_round_trips();
        return 0;
}
