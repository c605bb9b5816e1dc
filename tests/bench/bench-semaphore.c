/* SPDX-License-Identifier: MIT */

/*
 * The bench of semaphores, beside glibc's sem_t, and of counters, beside a plain atomic addition
 *
 * Alone: what it costs to take a permit that is free, and to give it back. Two processes, each on a processor of its own: how often a
 * second one of them has the only permit.
 */

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bench.h"
#include "ganger.h"
#include "shm/member.h"
#include "shm/semaphore-posix.h"
#include "worker/handshake.h"

#define TIMES 200000
#define ROUNDS 41
#define ROUNDS_CONTENDED 9
#define WARM_UP_NS 15000000
#define MEASURE_NS 60000000
#define COUNTERS 4

/* ---- a gang without a daemon ----------------------------------------------------------------------- */

static int object_create(const struct geometry *geometry) {
        int fd = region_create("bench", geometry);

        if (fd < 0)
                bench_die("making an object");
        return fd;
}

/** @param event_fd  -1: none is needed. */
static struct ganger *join(const struct geometry *geometry, int memory_fd, int event_fd, uint32_t participant) {
        struct handshake_object object = {
                .name = "bench", .geometry = *geometry, .memory_fd = 1, .event_fd = 2, .first = participant, .count = 1,
                .generation = 1, .receives = true, .sends = true,
        };
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        _cleanup_(freep) void *blob = NULL;
        struct ganger *g = NULL;
        size_t size;
        int fds[3] = {
                member_create("bench"),
                fcntl(memory_fd, F_DUPFD_CLOEXEC, 0),
                event_fd < 0 ? eventfd(0, EFD_CLOEXEC) : fcntl(event_fd, F_DUPFD_CLOEXEC, 0),
        };

        errno = 0;
        if (handshake_new(&h, "bench", participant, 0) < 0 || handshake_add(h, &object) < 0 ||
            handshake_encode(h, &blob, &size) < 0 || ganger_join_descriptors(&g, blob, size, fds, 3) < 0)
                bench_die("joining");
        return g;
}

static struct ganger_semaphore *open_semaphore(struct ganger *g) {
        struct ganger_semaphore *s;

        if (ganger_semaphore_open(g, NULL, &s) < 0)
                bench_die("opening a semaphore");
        return s;
}

/* ---- alone ----------------------------------------------------------------------------------------- */

static double time_libc(sem_t *s) {
        uint64_t start = bench_now_ns();

        for (int i = 0; i < TIMES; i++)
                if (sem_wait(s) < 0 || sem_post(s) < 0)
                        bench_die("sem_wait");
        return (double)(bench_now_ns() - start) / TIMES;
}

static double time_ganger(struct ganger_semaphore *s) {
        uint64_t start = bench_now_ns();

        for (int i = 0; i < TIMES; i++)
                if (ganger_semaphore_acquire(s, -1) < 0 || ganger_semaphore_release(s) < 0)
                        bench_die("ganger: a permit was not there");
        return (double)(bench_now_ns() - start) / TIMES;
}

static void bench_alone(void) {
        const struct geometry plain = { .kind = OBJECT_SEMAPHORE, .slots = 1, .fences = !region_barrier_is_available() };
        const struct geometry posix = { .kind = OBJECT_SEMAPHORE, .slots = 1, .policy = SEMAPHORE_POSIX };
        _cleanup_(closep) int plain_fd = object_create(&plain), posix_fd = object_create(&posix);
        _cleanup_(closep) int tokens_fd = semaphore_posix_create("ganger-bench", 1);
        struct bench_table *t = bench_table_new("semaphore", "semaphore, one thread: acquire, release", "ns", BENCH_LESS,
                                                "sem_t");
        sem_t *libc = bench_shared(sizeof *libc);
        struct ganger *g, *with_tokens;
        struct ganger_semaphore *s, *tokens;
        double ours;

        if (tokens_fd < 0)
                bench_die("making a named semaphore");
        semaphore_posix_remove("ganger-bench");
        sem_init(libc, 1, 1);
        g = join(&plain, plain_fd, -1, 1);
        s = open_semaphore(g);
        with_tokens = join(&posix, posix_fd, tokens_fd, 1);
        tokens = open_semaphore(with_tokens);
        bench_pin(0);
        for (int i = bench_rounds(ROUNDS); i > 0; i--) {
                bench_add(bench_row(t, "sem_t", "not kill-safe"), time_libc(libc));
                bench_add(bench_row(t, "ganger", "ganger.h"), time_ganger(s));
                bench_add(bench_row(t, "ganger, posix", "sem_t too"), time_ganger(tokens));
        }
        bench_pin(-1);
        ours = bench_median(t, "sem_t") / bench_median(t, "ganger");
        bench_table_finish(t);
        bench_aim("speed beside sem_t", ours, "at least", 1, ours >= 1);
        ganger_leave(g);
        ganger_leave(with_tokens);
        bench_unmap(libc, sizeof *libc);
}

/* ---- two processes --------------------------------------------------------------------------------- */

struct shared {
        _Alignas(128) sem_t libc;
        struct {
                _Alignas(128) _Atomic uint64_t n;
                _Atomic int there;
        } children[2];
        _Alignas(128) _Atomic int go;
};

static void pause_ns(uint64_t ns) {
        const struct timespec ts = { .tv_sec = 0, .tv_nsec = (long)ns };

        nanosleep(&ts, NULL);
}

/** @param g  NULL: libc's. */
static _Noreturn void work(struct shared *shared, int which, struct ganger *g) {
        struct ganger_semaphore *s = g ? open_semaphore(g) : NULL;

        if (bench_processors() > 1)
                bench_pin(which);
        atomic_store(&shared->children[which].there, 1);
        while (!atomic_load(&shared->go))
                pause_ns(100000);
        for (uint64_t n = 1;; n++) {
                if (s ? ganger_semaphore_acquire(s, -1) < 0 : sem_wait(&shared->libc) < 0)
                        _exit(1);
                if (s ? ganger_semaphore_release(s) < 0 : sem_post(&shared->libc) < 0)
                        _exit(1);
                atomic_store_explicit(&shared->children[which].n, n, memory_order_relaxed);
        }
}

static uint64_t total(struct shared *shared) {
        return atomic_load(&shared->children[0].n) + atomic_load(&shared->children[1].n);
}

/** @return million times a second. */
static double measure(const struct geometry *geometry) {
        _cleanup_(closep) int fd = geometry ? object_create(geometry) : -1;
        struct shared *shared = bench_shared(sizeof *shared);
        uint64_t start, n;
        pid_t pids[2];
        double rate;

        sem_init(&shared->libc, 1, 1);
        for (int i = 0; i < 2; i++) {
                pids[i] = fork();
                if (pids[i] < 0)
                        bench_die("fork");
                if (pids[i] == 0)
                        work(shared, i, geometry ? join(geometry, fd, -1, 1 + (uint32_t)i) : NULL);
        }
        for (int i = 0; i < 2; i++)
                while (!atomic_load(&shared->children[i].there))
                        pause_ns(100000);
        atomic_store(&shared->go, 1);
        pause_ns(WARM_UP_NS);
        n = total(shared);
        start = bench_now_ns();
        pause_ns(MEASURE_NS);
        rate = (double)(total(shared) - n) * 1000 / (double)(bench_now_ns() - start);
        for (int i = 0; i < 2; i++)
                bench_kill(pids[i]);
        bench_unmap(shared, sizeof *shared);
        return rate;
}

static void bench_contended(void) {
        const struct geometry g = { .kind = OBJECT_SEMAPHORE, .slots = 1, .fences = !region_barrier_is_available() };
        struct bench_table *t = bench_table_new("semaphore", "semaphore, 2 processes, one permit", "M/s", BENCH_MORE,
                                                "sem_t");

        for (int i = bench_rounds(ROUNDS_CONTENDED); i > 0; i--) {
                bench_add(bench_row(t, "sem_t", "not kill-safe"), measure(NULL));
                bench_add(bench_row(t, "ganger", "ganger.h"), measure(&g));
        }
        bench_table_finish(t);
}

/* ---- counters -------------------------------------------------------------------------------------- */

static double time_add(_Atomic int64_t *n) {
        uint64_t start = bench_now_ns();

        for (int i = 0; i < TIMES; i++)
                atomic_fetch_add(n, 1);
        return (double)(bench_now_ns() - start) / TIMES;
}

static double time_counter(struct ganger_counter *c) {
        uint64_t start = bench_now_ns();

        for (int i = 0; i < TIMES; i++)
                if (ganger_counter_add(c, 0, 1, NULL) < 0)
                        bench_die("ganger: a counter was not to be changed");
        return (double)(bench_now_ns() - start) / TIMES;
}

static double time_snapshot(struct ganger_counter *c) {
        int64_t values[COUNTERS];
        uint64_t start = bench_now_ns();

        for (int i = 0; i < TIMES; i++)
                if (ganger_counter_snapshot(c, values, COUNTERS) < 0)
                        bench_die("ganger: no snapshot");
        return (double)(bench_now_ns() - start) / TIMES;
}

static void bench_counters(void) {
        const struct geometry geometry = { .kind = OBJECT_COUNTER, .slots = COUNTERS,
                                           .fences = !region_barrier_is_available() };
        _cleanup_(closep) int fd = object_create(&geometry);
        struct ganger *g = join(&geometry, fd, -1, 1);
        struct bench_table *t = bench_table_new("semaphore", "counter, one thread: add", "ns", BENCH_LESS, "fetch_add");
        _Atomic int64_t *n = bench_shared(sizeof *n);
        struct ganger_counter *c;

        if (ganger_counter_open(g, NULL, &c) < 0)
                bench_die("opening counters");
        bench_pin(0);
        for (int i = bench_rounds(ROUNDS); i > 0; i--) {
                bench_add(bench_row(t, "fetch_add", "no snapshot"), time_add(n));
                bench_add(bench_row(t, "ganger", "ganger.h"), time_counter(c));
                bench_add(bench_row(t, "ganger, all", "snapshot of 4"), time_snapshot(c));
        }
        bench_pin(-1);
        bench_table_finish(t);
        ganger_leave(g);
        bench_unmap(n, sizeof *n);
}

int main(void) {
        bench_alone();
        bench_contended();
        bench_counters();
        return 0;
}
