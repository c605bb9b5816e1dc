/* SPDX-License-Identifier: MIT */

/*
 * 1,000 instances that do nothing
 *
 * How long it takes to start and to stop them, beside a bare supervisor; what keeper and manager use of
 * processor and memory for them; and how soon a manager that was killed is replaced by one that knows them
 * all.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bare.h"
#include "bench.h"
#include "daemon-bench.h"
#include "gangd.h"
#include "proc.h"

#define INSTANCES 1000
#define ROUNDS 5
#define IDLE_SECONDS 10

#define MS(ns) ((double)(ns) / 1e6)

static const char config[] = "worker idle {\n"
                             "    exec = {\"$BUILD/tests/bench/bench-first\", \"$FIFO\"}\n"
                             "    stop-signal = SIGKILL\n"
                             "    instances = 1000\n}\n";

static void wait_for_all(struct gangd *d) {
        struct report r;

        for (int i = 0; i < INSTANCES; i++)
                gangd_report(d, &r);
}

/* ---- starting and stopping --------------------------------------------------------------------- */

static void start_and_stop(struct bench_table *start, struct bench_table *stop) {
        uint64_t t = bench_now_ns();
        struct gangd d;

        gangd_init(&d);
        gangd_start(&d, config);
        wait_for_all(&d);
        bench_add(bench_row(start, "ganger", "with the start of gangerd"), MS(bench_now_ns() - t));
        bench_pause_ns(100000000);
        t = bench_now_ns();
        gangd_stop(&d);
        bench_add(bench_row(stop, "ganger", "with the end of gangerd"), MS(bench_now_ns() - t));
        gangd_done(&d);
}

/** The same by hand. */
static void start_and_stop_bare(struct bench_table *start, struct bench_table *stop) {
        uint64_t t = bench_now_ns();
        char program[4200];
        struct gangd d;
        pid_t bare;

        gangd_init(&d);
        snprintf(program, sizeof program, "%s/tests/bench/bench-first", gangd_build());
        bare = bare_start(INSTANCES, program, d.fifo);
        wait_for_all(&d);
        bench_add(bench_row(start, "bare vfork", NULL), MS(bench_now_ns() - t));
        bench_pause_ns(100000000);
        t = bench_now_ns();
        kill(bare, SIGTERM);
        waitpid(bare, NULL, 0);
        bench_add(bench_row(stop, "bare vfork", "SIGKILL to all, waitpid for each"), MS(bench_now_ns() - t));
        gangd_done(&d);
}

static void measure_many(void) {
        struct bench_table *start = bench_table_new("idle", "start 1,000 instances", "ms", BENCH_LESS, "bare vfork");
        struct bench_table *stop = bench_table_new("idle", "stop 1,000 instances", "ms", BENCH_LESS, NULL);

        start->unwatched = stop->unwatched = true;
        for (int i = bench_rounds(ROUNDS); i > 0; i--) {
                start_and_stop_bare(start, stop);
                start_and_stop(start, stop);
        }
        bench_table_finish(start);
        bench_table_finish(stop);
}

/* ---- idling ------------------------------------------------------------------------------------ */

/** What keeper and manager take of memory without an instance. */
static double pss_without(void) {
        struct gangd d;
        double kb;

        gangd_init(&d);
        gangd_start(&d, "worker idle { exec = {\"$BUILD/tests/bench/bench-first\"} instances = 0 }\n");
        kb = proc_pss(d.keeper) + proc_pss(gangd_manager(&d));
        gangd_stop(&d);
        gangd_done(&d);
        return kb;
}

static void measure_idle(struct gangd *d) {
        struct bench_table *t = bench_table_new("idle", "1,000 idle instances: processor time in 10 s", "ticks",
                                                BENCH_LESS, NULL);
        pid_t manager = gangd_manager(d);
        unsigned long keeper_before, manager_before;
        double keeper, ours;

        t->unwatched = true;
        bench_pause_ns(1000000000);
        keeper_before = proc_ticks(d->keeper);
        manager_before = proc_ticks(manager);
        bench_pause_ns(IDLE_SECONDS * UINT64_C(1000000000));
        keeper = (double)(proc_ticks(d->keeper) - keeper_before);
        ours = (double)(proc_ticks(manager) - manager_before);
        bench_add(bench_row(t, "keeper", NULL), keeper);
        bench_add(bench_row(t, "manager", NULL), ours);
        bench_table_finish(t);
        bench_aim("ticks of both", keeper + ours, "at most", 0, keeper + ours == 0);
}

static void measure_memory(struct gangd *d) {
        struct bench_table *t = bench_table_new("idle", "memory for an idle instance (PSS, less what none takes)",
                                                "kB", BENCH_LESS, NULL);
        double with = proc_pss(d->keeper) + proc_pss(gangd_manager(d));

        t->unwatched = true;
        bench_add(bench_row(t, "keeper and manager, of 1,000", NULL), (with - pss_without()) / INSTANCES);
        bench_add(bench_row(t, "keeper, all of it", NULL), proc_pss(d->keeper));
        bench_add(bench_row(t, "manager, all of it", NULL), proc_pss(gangd_manager(d)));
        bench_table_finish(t);
}

void bench_idle(void) {
        struct gangd d;

        measure_many();
        gangd_init(&d);
        gangd_start(&d, config);
        wait_for_all(&d);
        measure_idle(&d);
        measure_memory(&d);
        measure_manager(&d, "SIGKILL of the manager to the answer of gangerctl, 1,000 instances");
        gangd_stop(&d);
        gangd_done(&d);
}
