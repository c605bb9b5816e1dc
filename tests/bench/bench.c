/* SPDX-License-Identifier: MIT */

/*
 * Time, processors, medians, tables
 *
 * Tables go to standard output, for people; JSON goes to the file that $BENCH_JSON names, a line a row, so
 * that several programs can add to one.
 */

#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t bench_now_ns(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void bench_die(const char *fmt, ...) {
        int error = errno;
        va_list ap;

        fputs("bench: ", stderr);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fprintf(stderr, error ? ": %s\n" : "\n", strerror(error));
        exit(1);
}

/* ---- processors -------------------------------------------------------------------------------- */

/** The processors that this process was started with: the first two of them are used. */
static int processors(int ret[2]) {
        static cpu_set_t given;
        static bool known;
        int n = 0;

        if (!known && sched_getaffinity(0, sizeof given, &given) < 0)
                bench_die("sched_getaffinity");
        known = true;
        for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
                if (CPU_ISSET(cpu, &given))
                        ret[n++] = cpu;
        return n;
}

int bench_processors(void) {
        int cpus[2];

        return processors(cpus);
}

void bench_pin(int which) {
        int cpus[2], n = processors(cpus);
        cpu_set_t set;

        CPU_ZERO(&set);
        for (int i = 0; i < n; i++)
                if (which < 0 || i == which % n)
                        CPU_SET(cpus[i], &set);
        (void)sched_setaffinity(0, sizeof set, &set);
}

void *bench_shared(size_t size) {
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

        if (p == MAP_FAILED)
                bench_die("mmap");
        return p;
}

void bench_unmap(void *p, size_t size) {
        munmap(p, size);
}

void bench_kill(pid_t pid) {
        if (pid <= 0)
                return;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

int bench_rounds(int usual) {
        const char *text = getenv("BENCH_ROUNDS");
        int n = text ? atoi(text) : usual;

        return n < 1 ? 1 : n > BENCH_ROUNDS_MAX ? BENCH_ROUNDS_MAX : n;
}

/* ---- samples ----------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

double bench_quantile(double *samples, size_t n, double q) {
        if (n == 0)
                return 0;
        qsort(samples, n, sizeof *samples, compare);
        return samples[(size_t)(q * (double)(n - 1) + 0.5)];
}

struct bench_table *bench_table_new(const char *part, const char *title, const char *unit, enum bench_better better,
                                    const char *peer) {
        struct bench_table *t = calloc(1, sizeof *t);

        if (!t)
                bench_die("calloc");
        t->part = part;
        t->title = title;
        t->unit = unit;
        t->better = better;
        t->peer = peer;
        return t;
}

static struct bench_result *find(struct bench_table *t, const char *name) {
        for (size_t i = 0; i < t->n; i++)
                if (strcmp(t->rows[i].name, name) == 0)
                        return &t->rows[i];
        return NULL;
}

struct bench_result *bench_row(struct bench_table *t, const char *name, const char *note) {
        struct bench_result *r = find(t, name);

        if (r)
                return r;
        if (t->n == BENCH_RESULTS_MAX)
                bench_die("too many rows");
        r = &t->rows[t->n++];
        r->name = name;
        r->note = note;
        return r;
}

void bench_add(struct bench_result *r, double sample) {
        if (r->n < BENCH_ROUNDS_MAX)
                r->samples[r->n++] = sample;
}

double bench_median(struct bench_table *t, const char *name) {
        struct bench_result *r = find(t, name);

        return r ? bench_quantile(r->samples, r->n, 0.5) : 0;
}

/* ---- showing ----------------------------------------------------------------------------------- */

/** How good a row is beside the peer: above 1 is better. */
static double ratio(const struct bench_table *t, double median, double peer) {
        if (median == 0 || peer == 0)
                return 0;
        return t->better == BENCH_MORE ? median / peer : peer / median;
}

static void write_json(const struct bench_table *t, struct bench_result *r, double peer, FILE *f) {
        double median = bench_quantile(r->samples, r->n, 0.5);

        fprintf(f, "{\"part\":\"%s\",\"title\":\"%s\",\"name\":\"%s\",", t->part, t->title, r->name);
        fprintf(f, "\"unit\":\"%s\",\"better\":\"%s\",\"samples\":%zu,", t->unit,
                t->better == BENCH_MORE ? "more" : "less", r->n);
        fprintf(f, "\"median\":%.4g,\"p99\":%.4g,\"min\":%.4g,\"max\":%.4g", median,
                bench_quantile(r->samples, r->n, 0.99), r->samples[0], r->samples[r->n - 1]);
        if (peer > 0)
                fprintf(f, ",\"peer\":\"%s\",\"ratio\":%.4g", t->peer, ratio(t, median, peer));
        fputs("}\n", f);
}

static void print_row(const struct bench_table *t, struct bench_result *r, double peer) {
        double median = bench_quantile(r->samples, r->n, 0.5);
        double best = t->better == BENCH_MORE ? r->samples[r->n - 1] : r->samples[0];

        if (t->quantiles)
                printf("  %-34s %10.4g %10.4g %10.4g", r->name, median, bench_quantile(r->samples, r->n, 0.99),
                       r->samples[r->n - 1]);
        else
                printf("  %-34s %10.4g %10.4g %10s", r->name, median, best, "");
        if (peer > 0)
                printf(" %7.2f x", ratio(t, median, peer));
        else
                printf(" %9s", "");
        printf("  %s\n", r->note ? r->note : "");
}

void bench_table_finish(struct bench_table *t) {
        const char *path = getenv("BENCH_JSON");
        FILE *f = path ? fopen(path, "a") : NULL;
        double peer = t->peer ? bench_median(t, t->peer) : 0;

        printf("\n%s (%s, %s is better)\n", t->title, t->unit, t->better == BENCH_MORE ? "more" : "less");
        printf("  %-34s %10s %10s %10s", "", t->quantiles ? "p50" : "median", t->quantiles ? "p99" : "best",
               t->quantiles ? "worst" : "");
        if (peer > 0)
                printf("   of %s", t->peer);
        putchar('\n');
        for (size_t i = 0; i < t->n; i++) {
                if (t->rows[i].n == 0)
                        continue;
                print_row(t, &t->rows[i], peer);
                if (f)
                        write_json(t, &t->rows[i], peer, f);
        }
        fflush(stdout);
        if (f)
                fclose(f);
        free(t);
}

bool bench_aim(const char *what, double value, const char *relation, double aim, bool met) {
        printf("  %s %s: %.3g (aim %s %.3g)\n", met ? "met" : "MISSED", what, value, relation, aim);
        fflush(stdout);
        return met;
}
