/* SPDX-License-Identifier: MIT */

/*
 * Where the bench ran, and beside whom
 *
 * A host may put the two virtual processors on one core, on two of one cache, or on two sockets, and move them when it
 * likes; everything that passes a cache line differs by that. So it is measured: the time that a line takes there and back.
 *
 * Others on the machine are what /proc/stat counts on the two processors, steal time too, less what this process and the
 * children that it waited for used. /proc/stat counts in ticks, hence the allowance.
 */

#include "machine.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

#define TRIPS 500
#define BATCHES_MAX 41

/** Others may use so much of a span: a tenth of one processor, and two ticks that were counted on the wrong side. */
#define OTHERS_PART 10
#define OTHERS_TICKS 2

/* ---- how near ---------------------------------------------------------------------------------- */

struct table {
        _Alignas(128) _Atomic uint64_t there;
        _Alignas(128) _Atomic uint64_t back;
};

static _Noreturn void answer(struct table *t) {
        bench_pin(1);
        for (uint64_t i = 1;; i++) {
                while (atomic_load_explicit(&t->there, memory_order_acquire) < i)
                        ;
                atomic_store_explicit(&t->back, i, memory_order_release);
        }
}

static double batch(struct table *t, uint64_t *i) {
        uint64_t start = bench_now_ns();

        for (int k = 0; k < TRIPS; k++) {
                atomic_store_explicit(&t->there, ++*i, memory_order_release);
                while (atomic_load_explicit(&t->back, memory_order_acquire) < *i)
                        ;
        }
        return (double)(bench_now_ns() - start) / TRIPS;
}

double machine_ping_pong(unsigned int batches) {
        double samples[BATCHES_MAX];
        cpu_set_t before;
        struct table *t;
        uint64_t i = 0;
        unsigned int n = 0;
        pid_t pid;

        if (bench_processors() < 2)
                return 0;
        t = bench_shared(sizeof *t);
        pid = fork();
        if (pid < 0)
                bench_die("fork");
        if (pid == 0)
                answer(t);
        (void)sched_getaffinity(0, sizeof before, &before);
        bench_pin(0);
        while (n < batches && n < BATCHES_MAX)
                samples[n++] = batch(t, &i);
        (void)sched_setaffinity(0, sizeof before, &before);
        bench_kill(pid);
        bench_unmap(t, sizeof *t);
        return bench_quantile(samples, n, 0.5);
}

const char *machine_placement(double ns) {
        if (ns == 0)
                return "one processor";
        if (ns < 60)
                return "threads of one core";
        if (ns < 160)
                return "cores of one cache";
        return "cores that share no cache";
}

/* ---- beside whom ------------------------------------------------------------------------------- */

static uint64_t tick_ns(void) {
        long hz = sysconf(_SC_CLK_TCK);

        return UINT64_C(1000000000) / (uint64_t)(hz > 0 ? hz : 100);
}

/** Add the ticks in which a processor was not idle. Guests count as user time already. */
static void add_ticks(const char *line, uint64_t *all, uint64_t *stolen) {
        unsigned long long user, nice, kernel, idle, iowait, irq, softirq, steal;

        if (sscanf(line, "%*s %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &kernel, &idle, &iowait, &irq,
                   &softirq, &steal) != 8)
                return;
        *all += user + nice + kernel + irq + softirq + steal;
        *stolen += steal;
}

static void used_ticks(uint64_t *all, uint64_t *stolen) {
        FILE *f = fopen("/proc/stat", "re");
        char line[512];
        int cpu;

        while (f && fgets(line, sizeof line, f))
                if (sscanf(line, "cpu%d ", &cpu) == 1 && bench_uses(cpu))
                        add_ticks(line, all, stolen);
        if (f)
                fclose(f);
}

static uint64_t own_ns(int who) {
        struct rusage u;

        if (getrusage(who, &u) < 0)
                return 0;
        return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
               (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

void machine_usage(struct machine_usage *ret) {
        uint64_t all = 0, stolen = 0;

        used_ticks(&all, &stolen);
        *ret = (struct machine_usage){
                .at_ns = bench_now_ns(),
                .all_ns = all * tick_ns(),
                .own_ns = own_ns(RUSAGE_SELF) + own_ns(RUSAGE_CHILDREN),
                .stolen_ns = stolen * tick_ns(),
        };
}

bool machine_was_busy(struct machine_usage *since, bool *ret_host) {
        struct machine_usage before = *since;
        uint64_t own, allowed;

        machine_usage(since);
        own = since->own_ns - before.own_ns;
        allowed = (since->at_ns - before.at_ns) / OTHERS_PART + OTHERS_TICKS * tick_ns();
        *ret_host = since->stolen_ns - before.stolen_ns > allowed;
        return since->all_ns - before.all_ns > own + allowed;
}
