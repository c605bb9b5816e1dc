/* SPDX-License-Identifier: MIT */

/*
 * Where the bench ran: machine, kernel, and how near the two processors are to each other
 *
 * A host may put the two virtual processors on one core, on two of one cache, or on two sockets; everything
 * that passes a cache line differs by that. So it is measured: the time that a line takes there and back.
 */

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"

#define BATCHES 41
#define TRIPS 500

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

/** @return nanoseconds there and back, the median. */
static double ping_pong(void) {
        struct table *t = bench_shared(sizeof *t);
        double samples[BATCHES];
        uint64_t i = 0;
        pid_t pid = fork();

        if (pid < 0)
                bench_die("fork");
        if (pid == 0)
                answer(t);
        bench_pin(0);
        for (int b = 0; b < BATCHES; b++) {
                uint64_t start = bench_now_ns();

                for (int k = 0; k < TRIPS; k++) {
                        atomic_store_explicit(&t->there, ++i, memory_order_release);
                        while (atomic_load_explicit(&t->back, memory_order_acquire) < i)
                                ;
                }
                samples[b] = (double)(bench_now_ns() - start) / TRIPS;
        }
        bench_kill(pid);
        bench_unmap(t, sizeof *t);
        return bench_quantile(samples, BATCHES, 0.5);
}

/** What such a time means, roughly: cores of today differ. */
static const char *placement(double ns) {
        if (ns < 60)
                return "threads of one core";
        if (ns < 160)
                return "cores of one cache";
        return "cores that share no cache";
}

static void processor_name(char *buf, size_t size) {
        FILE *f = fopen("/proc/cpuinfo", "r");
        char line[512];

        snprintf(buf, size, "unknown");
        while (f && fgets(line, sizeof line, f))
                if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
                        snprintf(buf, size, "%.*s", (int)strcspn(strchr(line, ':') + 2, "\n\""), strchr(line, ':') + 2);
                        break;
                }
        if (f)
                fclose(f);
}

int main(void) {
        double load[1] = { 0 }, ns = 0;
        const char *class = "one processor";
        char name[256];
        struct utsname u;

        (void)getloadavg(load, 1);
        uname(&u);
        processor_name(name, sizeof name);
        if (bench_processors() > 1) {
                ns = ping_pong();
                class = placement(ns);
        }
        printf("machine    %s, %ld processors\n", name, sysconf(_SC_NPROCESSORS_ONLN));
        printf("kernel     %s %s\n", u.sysname, u.release);
        printf("placement  %s: a cache line takes %.0f ns there and back\n", class, ns);
        printf("load       %.2f before the run\n", load[0]);
        fprintf(stderr,
                "{\"processor\":\"%s\",\"processors\":%ld,\"kernel\":\"%s\",\"placement\":\"%s\",\"ping_pong_ns\":%.0f,"
                "\"load\":%.2f}\n",
                name, sysconf(_SC_NPROCESSORS_ONLN), u.release, class, ns, load[0]);
        return 0;
}
