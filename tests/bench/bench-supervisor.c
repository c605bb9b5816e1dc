/* SPDX-License-Identifier: MIT */

/*
 * The bench of supervisors: bench-supervisor --build=DIRECTORY [--alone] [PART…]
 *
 * ganger beside what people use, and beside a bare loop of waitpid and posix_spawn, which is what the kernel takes for it.
 * All keep the same static program running.
 */

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "bench.h"
#include "gangd.h"
#include "supervisors.h"

#define SUPERVISORS_MAX 16

/** Two of them never start a worker twice in a second. */
#define SETTLE_NS 1200000000
/** Between two kills, so that the second does not meet the work of the first. */
#define PAUSE_NS 5000000

/** Each is killed once: the second time in a row it may have to wait. */
#define RESTARTS 100
#define MANY 1000
#define ROUNDS 5
/** Whoever takes longer to start them is measured once. */
#define SLOW_NS 3000000000
#define STATUS_TIMES 5
#define IDLE_SECONDS 10
/** Fewer, if RLIMIT_NOFILE does not let so many be. */
#define VERY_MANY 10000
/** Of each the manager has two pipes, at most; and we two descriptors while it ends. */
#define FDS_EACH 2
/** What a process has besides those for each worker, and for those that are being started. */
#define FDS_BESIDE 1000
#define STEP 100

#define US(ns) ((double)(ns) / 1e3)
#define MS(ns) ((double)(ns) / 1e6)

static const struct supervisor *const *supervisors;
static size_t n_supervisors;
static size_t workers_max;              /* that a process has descriptors for */
static bool alone;                      /* beside the bare one only: for who makes it faster */

static void add(struct bench_table *t, const struct supervisor *kind, double sample) {
        bench_add(bench_row(t, kind->name, kind->note), sample);
}

/** How many times as long as the bare one. */
static double beside_bare(const struct bench_table *t) {
        return bench_median(t, "ganger") / bench_median(t, "bare vfork");
}

/* ---- one restart ------------------------------------------------------------------------------- */

static void measure_restart(void) {
        struct bench_table *t = bench_table_new("supervisor",
                                                "SIGKILL of one of 100 idle workers to the first instruction of the next",
                                                "us", BENCH_LESS, "bare vfork");
        struct supervised running[SUPERVISORS_MAX];
        size_t rounds = (size_t)bench_rounds(RESTARTS);

        rounds = MIN(rounds, (size_t)RESTARTS);
        t->quantiles = t->unwatched = true;
        for (size_t k = 0; k < n_supervisors; k++)
                supervised_start(&running[k], supervisors[k], MIN((size_t)RESTARTS, supervisors[k]->restarts_max));
        bench_pause_ns(SETTLE_NS);
        for (size_t i = 0; i < rounds; i++)
                for (size_t k = 0; k < n_supervisors; k++) {
                        if (i >= running[k].n)
                                continue;
                        add(t, supervisors[k], US(supervised_restart_one(&running[k], i)));
                        bench_pause_ns(PAUSE_NS);
                }
        for (size_t k = 0; k < n_supervisors; k++)
                supervised_stop(&running[k]);
        bench_table_show(t);
        bench_aim_most("restart beside bare vfork", beside_bare(t), 1.5);
        bench_table_free(t);
}

/* ---- a thousand -------------------------------------------------------------------------------- */

/** The tables of it. */
struct many {
        struct bench_table *start, *stop, *replace, *status, *memory, *ticks;
};

static struct bench_table *table(const char *title, const char *unit, const char *peer) {
        struct bench_table *t = bench_table_new("supervisor", title, unit, BENCH_LESS, peer);

        t->unwatched = true;
        return t;
}

static void measure_ticks(struct bench_table *t, const struct supervised *s) {
        unsigned long before = supervised_ticks(s);

        bench_pause_ns(IDLE_SECONDS * UINT64_C(1000000000));
        add(t, s->kind, (double)(supervised_ticks(s) - before));
}

/** What it takes for one worker is what it takes for all of them but one. */
static void measure_memory(struct bench_table *t, const struct supervisor *kind, double with_many) {
        struct supervised s;
        double with_one;

        supervised_start(&s, kind, 1);
        bench_pause_ns(SETTLE_NS);
        with_one = supervised_memory(&s);
        supervised_stop(&s);
        add(t, kind, (with_many - with_one) / (MANY - 1));
}

/** @param once  also what need not be measured again. @return was it slow? */
static bool measure_one(const struct many *t, const struct supervisor *kind, bool once) {
        struct supervised s;
        uint64_t start = supervised_start(&s, kind, MANY);
        double with_many = 0;

        add(t->start, kind, MS(start));
        bench_pause_ns(SETTLE_NS);
        for (int i = 0; i < STATUS_TIMES; i++) {
                uint64_t ns = supervised_status(&s);

                if (ns > 0)
                        add(t->status, kind, MS(ns));
        }
        if (once) {
                measure_ticks(t->ticks, &s);
                with_many = supervised_memory(&s);
        }
        add(t->replace, kind, MS(supervised_restart_all(&s)));
        bench_pause_ns(SETTLE_NS);
        add(t->stop, kind, MS(supervised_stop(&s)));
        if (once)
                measure_memory(t->memory, kind, with_many);
        return start > SLOW_NS;
}

static void finish_beside_bare(struct bench_table *t) {
        char what[192];

        snprintf(what, sizeof what, "%s: beside bare vfork", t->title);
        bench_table_show(t);
        bench_aim_most(what, beside_bare(t), 2);
        bench_table_free(t);
}

static void finish_absolute(struct bench_table *t, double aim) {
        bench_table_show(t);
        bench_aim_most(t->title, bench_median(t, "ganger"), aim);
        bench_table_free(t);
}

static void measure_many(void) {
        const struct many t = {
                .start = table("start 1,000 workers", "ms", "bare vfork"),
                .stop = table("stop 1,000 workers", "ms", "bare vfork"),
                .replace = table("replace 1,000 workers that are killed at once", "ms", "bare vfork"),
                .status = table("the status of 1,000 workers, by its command", "ms", NULL),
                .memory = table("memory of the supervisor for each idle worker (PSS)", "kB", NULL),
                .ticks = table("1,000 idle workers: processor time of the supervisor in 10 s", "ticks", NULL),
        };
        bool slow[SUPERVISORS_MAX] = { false };
        int rounds = bench_rounds(ROUNDS);

        for (int i = 0; i < rounds; i++)
                for (size_t k = 0; k < n_supervisors; k++)
                        if (supervisors[k]->instances_max >= MANY && !slow[k])
                                slow[k] = measure_one(&t, supervisors[k], i == 0);
        finish_beside_bare(t.start);
        finish_beside_bare(t.replace);
        finish_beside_bare(t.stop);
        finish_absolute(t.status, 5);
        finish_absolute(t.memory, 1.1);
        finish_absolute(t.ticks, 0);
}

/* ---- ten thousand ------------------------------------------------------------------------------ */

/** As many as there are descriptors for. */
static size_t workers_possible(void) {
        struct rlimit limit;

        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max = MAX(limit.rlim_max, (rlim_t)FDS_EACH * VERY_MANY + FDS_BESIDE);
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
                return VERY_MANY;
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        return limit.rlim_cur < FDS_BESIDE ? 0 : MIN((size_t)VERY_MANY, (size_t)(limit.rlim_cur - FDS_BESIDE) / FDS_EACH);
}

static void measure_very_many(void) {
        const struct supervisor *ganger = supervisors[1];
        size_t n = workers_max;
        struct bench_table *t;
        struct supervised s;
        char title[128];

        if (n <= MANY)
                return;
        snprintf(title, sizeof title, "the status of %zu workers, by its command", n);
        t = table(title, "ms", NULL);
        supervised_start(&s, ganger, MANY);
        supervised_grow(&s, n, STEP);
        bench_pause_ns(SETTLE_NS);
        for (int i = STATUS_TIMES * bench_rounds(ROUNDS); i > 0; i--)
                add(t, ganger, MS(supervised_status(&s)));
        supervised_stop(&s);
        finish_absolute(t, 50);
}

/* ---- one more ---------------------------------------------------------------------------------- */

/** From the request to the first instruction of the new one, with so many others. */
static void measure_one_more(struct bench_table *t, const char *name, unsigned int others) {
        char config[256];
        struct gangd d;

        gangd_init(&d);
        snprintf(config, sizeof config,
                 "worker idle { exec = {\"$BUILD/tests/bench/bench-first\"} instances = %u }\n"
                 "worker more { exec = {\"$BUILD/tests/bench/bench-first\", \"$FIFO\"} instances = 0 }\n",
                 others);
        gangd_start(&d, config);
        bench_pause_ns(SETTLE_NS);
        for (int i = bench_rounds(RESTARTS); i > 0; i--) {
                uint64_t start = bench_now_ns();
                struct report r;

                gangd_scale(&d, "more", 1);
                gangd_report(&d, &r);
                bench_add(bench_row(t, name, NULL), US(r.monotonic_ns - start));
                gangd_scale(&d, "more", 0);
                bench_pause_ns(PAUSE_NS / 5);
        }
        gangd_stop(&d);
        gangd_done(&d);
}

static void measure_spawns(void) {
        struct bench_table *t = table("ganger: a request for one more worker to its first instruction", "us", NULL);

        t->quantiles = true;
        measure_one_more(t, "beside 1", 1);
        measure_one_more(t, "beside 1,000", 1000);
        measure_one_more(t, "beside 5,000", 5000);
        bench_table_show(t);
        bench_aim_most("beside 5,000, of beside 1", bench_median(t, "beside 5,000") / bench_median(t, "beside 1"), 1.25);
        bench_table_free(t);
}

static const struct {
        const char *name;
        void (*measure)(void);
} parts[] = {
        { "restart", measure_restart },
        { "many", measure_many },
        { "very-many", measure_very_many },
        { "spawns", measure_spawns },
};

static bool is_chosen(const char *part, int argc, char **argv) {
        bool any = false;

        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], part) == 0)
                        return true;
                any |= argv[i][0] != '-';
        }
        return !any;
}

int main(int argc, char **argv) {
        for (int i = 1; i < argc; i++)
                if (strncmp(argv[i], "--build=", 8) == 0)
                        gangd_set_build(argv[i] + 8);
                else if (strcmp(argv[i], "--alone") == 0)
                        alone = true;
                else if (argv[i][0] == '-') {
                        fprintf(stderr, "usage: bench-supervisor --build=DIRECTORY [--alone] "
                                        "[restart|many|very-many|spawns]...\n");
                        return 2;
                }
        bench_look_around();
        workers_max = workers_possible();
        n_supervisors = supervisors_find(&supervisors);
        if (alone)
                n_supervisors = MIN(n_supervisors, (size_t)2);
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                if (is_chosen(parts[i].name, argc, argv))
                        parts[i].measure();
        return 0;
}
