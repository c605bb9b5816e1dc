/* SPDX-License-Identifier: MIT */

/*
 * The bench of locks: ganger's mutex beside glibc's robust one, both shared by processes and both told of a death
 *
 * Alone: what lock and unlock cost where nobody else wants it. Two processes, each on a processor of its own: how often both
 * together have it, and how far the one who had it less often falls behind.
 */

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bench.h"
#include "ganger.h"
#include "shm/member.h"
#include "worker/handshake.h"

#define TIMES 200000
#define ROUNDS 41
#define ROUNDS_CONTENDED 9
#define WARM_UP_NS 15000000
#define MEASURE_NS 60000000

static struct ganger_mutex *join(const struct geometry *geometry, int memory_fd, uint32_t participant) {
        struct handshake_object object = {
                .name = "bench", .geometry = *geometry, .memory_fd = 1, .event_fd = 2, .first = participant, .count = 1,
                .generation = 1, .receives = true, .sends = true,
        };
        int fds[3] = { member_create("bench"), fcntl(memory_fd, F_DUPFD_CLOEXEC, 0), eventfd(0, EFD_CLOEXEC) };
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        _cleanup_(freep) void *blob = NULL;
        struct ganger_mutex *m;
        struct ganger *g;
        size_t size;

        if (handshake_new(&h, "bench", participant, 0) < 0 || handshake_add(h, &object) < 0 ||
            handshake_encode(h, &blob, &size) < 0 || ganger_join_descriptors(&g, blob, size, fds, 3) < 0 ||
            ganger_mutex_open(g, NULL, &m) < 0)
                bench_die("joining");
        return m;
}

static void robust_init(pthread_mutex_t *m) {
        pthread_mutexattr_t a;

        if (pthread_mutexattr_init(&a) != 0 || pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED) != 0 ||
            pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) != 0 || pthread_mutex_init(m, &a) != 0)
                bench_die("making a robust mutex");
        pthread_mutexattr_destroy(&a);
}

/* ---- alone ----------------------------------------------------------------------------------------- */

static double time_robust(pthread_mutex_t *m) {
        uint64_t start = bench_now_ns();

        for (int i = 0; i < TIMES; i++)
                if (pthread_mutex_lock(m) != 0 || pthread_mutex_unlock(m) != 0)
                        bench_die("pthread_mutex_lock");
        return (double)(bench_now_ns() - start) / TIMES;
}

static double time_ganger(struct ganger_mutex *m) {
        uint64_t start = bench_now_ns();

        for (int i = 0; i < TIMES; i++)
                if (ganger_mutex_lock(m, -1) < 0 || ganger_mutex_unlock(m) < 0)
                        bench_die("ganger: a lock could not be had");
        return (double)(bench_now_ns() - start) / TIMES;
}

static void bench_alone(const struct geometry *geometry, int fd) {
        struct bench_table *t = bench_table_new("locks", "mutex, one thread: lock, unlock", "ns", BENCH_LESS,
                                                "glibc robust");
        pthread_mutex_t *robust = bench_shared(sizeof *robust);
        struct ganger_mutex *m = join(geometry, fd, 1);
        double ours;

        robust_init(robust);
        bench_pin(0);
        for (int i = bench_rounds(ROUNDS); i > 0; i--) {
                bench_add(bench_row(t, "glibc robust", "process-shared"), time_robust(robust));
                bench_add(bench_row(t, "ganger", "ganger.h"), time_ganger(m));
        }
        bench_pin(-1);
        ours = bench_median(t, "glibc robust") / bench_median(t, "ganger");
        bench_table_finish(t);
        bench_aim("speed beside glibc's robust mutex", ours, "at least", 1, ours >= 1);
        ganger_mutex_close(m);
        bench_unmap(robust, sizeof *robust);
}

/* ---- two processes --------------------------------------------------------------------------------- */

struct shared {
        _Alignas(128) pthread_mutex_t robust;
        _Alignas(128) volatile uint64_t guarded;
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

/** @param m  NULL: glibc's. */
static _Noreturn void work(struct shared *shared, int which, struct ganger_mutex *m) {
        if (bench_processors() > 1)
                bench_pin(which);
        atomic_store(&shared->children[which].there, 1);
        while (!atomic_load(&shared->go))
                pause_ns(100000);
        for (uint64_t n = 1;; n++) {
                if (m ? ganger_mutex_lock(m, -1) < 0 : pthread_mutex_lock(&shared->robust) != 0)
                        _exit(1);
                shared->guarded++;
                if (m ? ganger_mutex_unlock(m) < 0 : pthread_mutex_unlock(&shared->robust) != 0)
                        _exit(1);
                atomic_store_explicit(&shared->children[which].n, n, memory_order_relaxed);
        }
}

/** @return million times a second; the share, in percent, of the one who had it less often. */
static double measure(const struct geometry *geometry, int fd, double *ret_share) {
        struct shared *shared = bench_shared(sizeof *shared);
        uint64_t before[2], n[2], start;
        double nsec;
        pid_t pids[2];

        robust_init(&shared->robust);
        for (int i = 0; i < 2; i++) {
                pids[i] = fork();
                if (pids[i] < 0)
                        bench_die("fork");
                if (pids[i] == 0)
                        work(shared, i, geometry ? join(geometry, fd, 1 + (uint32_t)i) : NULL);
        }
        for (int i = 0; i < 2; i++)
                while (!atomic_load(&shared->children[i].there))
                        pause_ns(100000);
        atomic_store(&shared->go, 1);
        pause_ns(WARM_UP_NS);
        for (int i = 0; i < 2; i++)
                before[i] = atomic_load(&shared->children[i].n);
        start = bench_now_ns();
        pause_ns(MEASURE_NS);
        for (int i = 0; i < 2; i++)
                n[i] = atomic_load(&shared->children[i].n) - before[i];
        nsec = (double)(bench_now_ns() - start);
        for (int i = 0; i < 2; i++)
                bench_kill(pids[i]);
        bench_unmap(shared, sizeof *shared);
        *ret_share = 100.0 * (double)MIN(n[0], n[1]) / (double)(n[0] + n[1] ? n[0] + n[1] : 1);
        return (double)(n[0] + n[1]) * 1000 / nsec;
}

/** A new object each time: whoever held the last one was killed. */
static double measure_ganger(const struct geometry *geometry, double *ret_share) {
        _cleanup_(closep) int fd = region_create("bench", geometry);

        if (fd < 0)
                bench_die("making a monitor");
        return measure(geometry, fd, ret_share);
}

static void bench_contended(const struct geometry *geometry) {
        struct bench_table *t = bench_table_new("locks", "mutex, 2 processes without pause", "M/s", BENCH_MORE,
                                                "glibc robust");
        struct bench_table *shares = bench_table_new("locks", "mutex, 2 processes: share of the lesser one", "%",
                                                     BENCH_MORE, "glibc robust");
        double share;

        for (int i = bench_rounds(ROUNDS_CONTENDED); i > 0; i--) {
                bench_add(bench_row(t, "glibc robust", "process-shared"), measure(NULL, -1, &share));
                bench_add(bench_row(shares, "glibc robust", "process-shared"), share);
                bench_add(bench_row(t, "ganger", "ganger.h"), measure_ganger(geometry, &share));
                bench_add(bench_row(shares, "ganger", "ganger.h"), share);
        }
        bench_table_finish(t);
        bench_table_finish(shares);
}

int main(void) {
        const struct geometry geometry = { .kind = OBJECT_MONITOR, .fences = !region_barrier_is_available() };
        _cleanup_(closep) int fd = region_create("bench", &geometry);

        if (fd < 0)
                bench_die("making a monitor");
        bench_alone(&geometry, fd);
        bench_contended(&geometry);
        return 0;
}
