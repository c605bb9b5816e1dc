/* SPDX-License-Identifier: MIT */

/*
 * How long after a SIGKILL
 *
 * - the first instruction of the replacement runs, beside a bare supervisor;
 * - a sibling has the message of the dead;
 * - gangerctl has an answer, when it was the manager that was killed.
 */

#include <signal.h>
#include <stdio.h>

#include "bare.h"
#include "bench.h"
#include "daemon-bench.h"
#include "gangd.h"

/** Each instance is killed once: the second time in a row, it would wait for its restart-delay. */
#define INSTANCES 100
#define INSTANCES_TEXT "100"

/** Between two kills, so that the second does not meet the work of the first. */
#define PAUSE_NS 5000000
/** A manager that lived for less than a second died quickly, and would not be replaced at once for ever. */
#define MANAGER_PAUSE_NS 1100000000
#define MANAGER_ROUNDS 15

#define US(ns) ((double)(ns) / 1000)

/* ---- the first instruction --------------------------------------------------------------------- */

/** Kill, and wait for the report of the replacement. @return microseconds. */
static double replace(struct gangd *d, pid_t pid) {
        uint64_t start = bench_now_ns();
        struct report r;

        kill(pid, SIGKILL);
        gangd_report(d, &r);
        bench_pause_ns(PAUSE_NS);
        return US(r.monotonic_ns - start);
}

static void collect(struct gangd *d, pid_t *ret, int n) {
        struct report r;

        for (int i = 0; i < n; i++) {
                gangd_report(d, &r);
                ret[i] = r.pid;
        }
}

static void measure_first_instruction(void) {
        struct bench_table *t = bench_table_new("restart",
                                                "SIGKILL of one of " INSTANCES_TEXT
                                                " idle instances to the first instruction of its replacement",
                                                "us", BENCH_LESS, "bare vfork");
        struct gangd ours, theirs;
        pid_t pids[INSTANCES], bare_pids[INSTANCES], bare;
        int rounds = bench_rounds(INSTANCES);
        char program[4200];
        double ratio;

        snprintf(program, sizeof program, "%s/tests/bench/bench-first", gangd_build());
        gangd_init(&ours);
        gangd_init(&theirs);
        gangd_start(&ours, "worker idle {\n"
                           "    exec = {\"$BUILD/tests/bench/bench-first\", \"$FIFO\"}\n"
                           "    instances = " INSTANCES_TEXT "\n}\n");
        collect(&ours, pids, INSTANCES);
        bare = bare_start(INSTANCES, program, theirs.fifo);
        collect(&theirs, bare_pids, INSTANCES);
        bench_pause_ns(200000000);
        for (int i = 0; i < rounds && i < INSTANCES; i++) {
                bench_add(bench_row(t, "bare vfork", "a loop of waitpid and posix_spawn"),
                          replace(&theirs, bare_pids[i]));
                bench_add(bench_row(t, "ganger", NULL), replace(&ours, pids[i]));
        }
        kill(-bare, SIGKILL);
        bench_kill(bare);
        gangd_stop(&ours);
        gangd_done(&ours);
        gangd_done(&theirs);
        t->quantiles = true;
        t->unwatched = true;
        ratio = bench_median(t, "ganger") / bench_median(t, "bare vfork");
        bench_table_finish(t);
        bench_aim("restart beside bare vfork", ratio, "at most", 2, ratio <= 2);
}

/* ---- redelivery -------------------------------------------------------------------------------- */

/** The next report about a message. */
static struct report next_delivery(struct gangd *d) {
        struct report r;

        do
                gangd_report(d, &r);
        while (r.deliveries == 0);
        return r;
}

static void measure_redelivery(void) {
        struct bench_table *t = bench_table_new("restart",
                                                "SIGKILL of an instance to its message in the hands of a sibling",
                                                "us", BENCH_LESS, NULL);
        int rounds = bench_rounds(INSTANCES);
        pid_t pids[INSTANCES];
        struct gangd d;

        gangd_init(&d);
        gangd_start(&d, "ring jobs { slots = 64 slot-size = 64 max-deliveries = 200 }\n"
                        "worker hold {\n"
                        "    exec = {\"$BUILD/tests/bench/bench-holder\", \"$FIFO\"}\n"
                        "    receive = {jobs}\n"
                        "    ready = library\n"
                        "    instances = " INSTANCES_TEXT "\n}\n");
        collect(&d, pids, INSTANCES);
        bench_pause_ns(200000000);
        for (int i = 0; i < rounds && i < INSTANCES; i++) {
                struct report first, again;
                uint64_t start;

                gangd_send(&d, "jobs", "work");
                first = next_delivery(&d);
                bench_pause_ns(PAUSE_NS);
                start = bench_now_ns();
                kill(first.pid, SIGKILL);
                again = next_delivery(&d);
                bench_add(bench_row(t, "ganger", NULL), US(again.monotonic_ns - start));
                bench_pause_ns(PAUSE_NS);
        }
        gangd_stop(&d);
        gangd_done(&d);
        t->quantiles = true;
        t->unwatched = true;
        bench_table_finish(t);
}

/* ---- the manager ------------------------------------------------------------------------------- */

static double kill_manager(struct gangd *d, bool by_process) {
        static const char *const version[] = { "gangerctl", "version", NULL };
        pid_t manager = gangd_manager(d);
        uint64_t start = bench_now_ns();

        kill(manager, SIGKILL);
        if (!by_process) {
                if (gangd_manager(d) == manager)
                        bench_die("the dead manager answered");
        } else if (gangd_run(d, version) != 0) {
                bench_die("gangerctl version failed");
        }
        return (double)(bench_now_ns() - start) / 1e6;
}

void measure_manager(struct gangd *d, const char *title) {
        struct bench_table *t = bench_table_new("restart", title, "ms", BENCH_LESS, NULL);
        double worst = 0;

        t->quantiles = true;
        t->unwatched = true;
        for (int i = bench_rounds(MANAGER_ROUNDS); i > 0; i--) {
                double ms;

                bench_pause_ns(MANAGER_PAUSE_NS);
                ms = kill_manager(d, true);
                bench_add(bench_row(t, "gangerctl version", "with the start of a process"), ms);
                worst = ms > worst ? ms : worst;
                bench_pause_ns(MANAGER_PAUSE_NS);
                ms = kill_manager(d, false);
                bench_add(bench_row(t, "a client that is there", "libganger-control"), ms);
                worst = ms > worst ? ms : worst;
        }
        bench_table_finish(t);
        bench_aim("worst", worst, "at most", 100, worst <= 100);
}

static void measure_small(void) {
        pid_t pids[7];
        struct gangd d;

        gangd_init(&d);
        gangd_start(&d, "worker idle {\n"
                        "    exec = {\"$BUILD/tests/bench/bench-first\", \"$FIFO\"}\n"
                        "    instances = 7\n}\n");
        collect(&d, pids, 7);
        measure_manager(&d, "SIGKILL of the manager to the answer of gangerctl, 7 instances");
        gangd_stop(&d);
        gangd_done(&d);
}

void bench_restart(void) {
        measure_first_instruction();
        measure_redelivery();
        measure_small();
}
