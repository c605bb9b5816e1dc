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

#include "machine.h"

/** Batches of the look at placement before each round. */
#define PLACEMENT_BATCHES 5

/** Tables that are not finished, and what was used of the processors when their samples were last judged. */
static struct bench_table *tables;
static struct machine_usage watched;
static bool busy_before;                /* others used them before anything of ours ran */
static bool in_doubt;                   /* the table that was shown last counts busy samples */

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

bool bench_uses(int cpu) {
        int cpus[2], n = processors(cpus);

        return cpu == cpus[0] || (n > 1 && cpu == cpus[1]);
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

void bench_pause_ns(uint64_t ns) {
        struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };

        while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
                ;
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
        if (!tables)
                machine_usage(&watched);
        t->next = tables;
        tables = t;
        return t;
}

static const struct bench_result *find(const struct bench_table *t, const char *name) {
        for (size_t i = 0; i < t->n; i++)
                if (strcmp(t->rows[i].name, name) == 0)
                        return &t->rows[i];
        return NULL;
}

struct bench_result *bench_row(struct bench_table *t, const char *name, const char *note) {
        const struct bench_result *known = find(t, name);
        struct bench_result *r;

        if (known)
                return &t->rows[known - t->rows];
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

/* ---- rounds ------------------------------------------------------------------------------------ */

/** Once there are so many rounds, they end after so long. */
#define ROUNDS_LEAST 3
#define ROUNDS_NS UINT64_C(40000000000)

static struct {
        uint64_t begun_ns;
        int done;
} rounds;

int bench_rounds(int usual) {
        const char *text = getenv("BENCH_ROUNDS");
        int n = text ? atoi(text) : usual;

        rounds.begun_ns = bench_now_ns();
        rounds.done = 0;
        return n < 1 ? 1 : n > BENCH_ROUNDS_MAX ? BENCH_ROUNDS_MAX : n;
}

/** Enough of them: peers that hang, or a busy machine, must not keep us for hours. */
static bool time_is_up(void) {
        return rounds.done >= ROUNDS_LEAST && bench_now_ns() - rounds.begun_ns > ROUNDS_NS;
}

/** Was the machine busy since the last look? If so, say it of each sample since then. */
static void look(void) {
        bool host, busy = machine_was_busy(&watched, &host);

        for (struct bench_table *t = tables; t; t = t->next)
                for (size_t i = 0; i < t->n; i++)
                        for (struct bench_result *r = &t->rows[i]; r->judged < r->n; r->judged++)
                                r->busy[r->judged] = t->unwatched ? host || busy_before : busy;
}

void bench_look_around(void) {
        bool host;

        machine_usage(&watched);
        bench_pause_ns(MACHINE_SPAN_NS);
        busy_before = machine_was_busy(&watched, &host);
}

bool bench_round(int *left) {
        double ns;

        if (*left > 0 && time_is_up()) {
                fprintf(stderr, "bench: time is up after %d rounds; %d are left out\n", rounds.done, *left);
                *left = 0;
        }
        if (*left <= 0 || bench_now_ns() - watched.at_ns >= MACHINE_SPAN_NS)
                look();
        if ((*left)-- <= 0)
                return false;
        rounds.done++;
        ns = machine_ping_pong(PLACEMENT_BATCHES);
        for (struct bench_table *t = tables; t; t = t->next)
                if (t->placements_n < BENCH_ROUNDS_MAX)
                        t->placements[t->placements_n++] = ns;
        return true;
}

/* ---- what counts ------------------------------------------------------------------------------- */

static size_t busy_of(const struct bench_result *r) {
        size_t n = 0;

        for (size_t i = 0; i < r->n; i++)
                n += r->busy[i];
        return n;
}

/** Leave busy ones out only if there are enough others. */
static bool leaves_out(const struct bench_result *r) {
        return 2 * busy_of(r) <= r->n;
}

/** The samples of a row that count, sorted. @param ret  room for BENCH_ROUNDS_MAX. @return how many. */
static size_t counted(const struct bench_result *r, double *ret) {
        bool quiet = leaves_out(r);
        size_t n = 0;

        for (size_t i = 0; i < r->n; i++)
                if (!quiet || !r->busy[i])
                        ret[n++] = r->samples[i];
        qsort(ret, n, sizeof *ret, compare);
        return n;
}

double bench_median(const struct bench_table *t, const char *name) {
        const struct bench_result *r = find(t, name);
        double samples[BENCH_ROUNDS_MAX];

        return r ? bench_quantile(samples, counted(r, samples), 0.5) : 0;
}

/** How good a value is beside the peer's: above 1 is better. */
static double ratio(const struct bench_table *t, double value, double peer) {
        if (value == 0 || peer == 0)
                return 0;
        return t->better == BENCH_MORE ? value / peer : peer / value;
}

double bench_ratio(const struct bench_table *t, const char *name, const char *beside, double q) {
        const struct bench_result *ours = find(t, name), *theirs = find(t, beside);
        double ratios[BENCH_ROUNDS_MAX];
        size_t n = 0;

        for (size_t i = 0; ours && theirs && i < ours->n && i < theirs->n; i++)
                if (theirs->samples[i] > 0 && (!leaves_out(ours) || !ours->busy[i]))
                        ratios[n++] = ratio(t, ours->samples[i], theirs->samples[i]);
        return bench_quantile(ratios, n, q);
}

/* ---- showing ----------------------------------------------------------------------------------- */

/** What is shown of a row. */
struct summary {
        double median, p99, low, high;
        size_t busy;
};

static struct summary summarise(const struct bench_result *r) {
        double samples[BENCH_ROUNDS_MAX];
        size_t n = counted(r, samples);

        return (struct summary){
                .median = bench_quantile(samples, n, 0.5), .p99 = bench_quantile(samples, n, 0.99),
                .low = samples[0], .high = samples[n - 1], .busy = busy_of(r),
        };
}

static void write_json(const struct bench_table *t, const struct bench_result *r, const struct summary *s, double peer,
                       FILE *f) {
        fprintf(f, "{\"part\":\"%s\",\"title\":\"%s\",\"name\":\"%s\",", t->part, t->title, r->name);
        fprintf(f, "\"unit\":\"%s\",\"better\":\"%s\",\"samples\":%zu,\"busy\":%zu,", t->unit,
                t->better == BENCH_MORE ? "more" : "less", r->n, s->busy);
        fprintf(f, "\"median\":%.4g,\"p99\":%.4g,\"min\":%.4g,\"max\":%.4g", s->median, s->p99, s->low, s->high);
        if (peer > 0)
                fprintf(f, ",\"peer\":\"%s\",\"ratio\":%.4g", t->peer, ratio(t, s->median, peer));
        fputs("}\n", f);
}

static void print_row(const struct bench_table *t, const struct bench_result *r, const struct summary *s, double peer) {
        printf("  %-34s %10.4g %10.4g %10.4g", r->name, s->median, t->quantiles ? s->p99 : s->low, s->high);
        if (peer > 0)
                printf(" %7.2f x", ratio(t, s->median, peer));
        else
                printf(" %9s", "");
        printf("  %s\n", r->note ? r->note : "");
}

/** How far the rounds can be believed. */
static void print_rounds(struct bench_table *t) {
        const struct bench_result *r = &t->rows[0];
        size_t busy = t->n > 0 ? busy_of(r) : 0, n = t->placements_n;
        double median = bench_quantile(t->placements, n, 0.5);

        if (median > 0)
                printf("  placement: %.0f ns, from %.0f to %.0f\n", median, t->placements[0], t->placements[n - 1]);
        if (busy > 0)
                printf("  BUSY: others used the processors in %zu of %zu samples a row, which %s\n", busy, r->n,
                       leaves_out(r) ? "are left out" : "count all the same: repeat it on a quiet machine");
}

void bench_table_show(struct bench_table *t) {
        const char *path = getenv("BENCH_JSON");
        FILE *f = path ? fopen(path, "a") : NULL;
        double peer;

        look();
        in_doubt = t->n > 0 && !leaves_out(&t->rows[0]);
        peer = t->peer ? bench_median(t, t->peer) : 0;
        printf("\n%s (%s, %s is better)\n", t->title, t->unit, t->better == BENCH_MORE ? "more" : "less");
        printf("  %-34s %10s %10s %10s", "", t->quantiles ? "p50" : "median", t->quantiles ? "p99" : "lowest",
               t->quantiles ? "worst" : "highest");
        if (peer > 0)
                printf("   of %s", t->peer);
        putchar('\n');
        for (size_t i = 0; i < t->n; i++) {
                struct summary s;

                if (t->rows[i].n == 0)
                        continue;
                s = summarise(&t->rows[i]);
                print_row(t, &t->rows[i], &s, peer);
                if (f)
                        write_json(t, &t->rows[i], &s, peer, f);
        }
        print_rounds(t);
        fflush(stdout);
        if (f)
                fclose(f);
}

void bench_table_free(struct bench_table *t) {
        struct bench_table **p = &tables;

        while (*p != t)
                p = &(*p)->next;
        *p = t->next;
        free(t);
}

void bench_table_finish(struct bench_table *t) {
        bench_table_show(t);
        bench_table_free(t);
}

bool bench_aim(const char *what, double value, const char *relation, double aim, bool met) {
        const char *path = getenv("BENCH_JSON");
        FILE *f = path ? fopen(path, "a") : NULL;

        printf("  %s %s: %.3g (aim %s %.3g)%s\n", met ? "met" : "MISSED", what, value, relation, aim,
               in_doubt ? ", in doubt: BUSY" : "");
        fflush(stdout);
        if (!f)
                return met;
        fprintf(f, "{\"aim\":\"%s\",\"value\":%.4g,\"relation\":\"%s\",\"bound\":%.4g,", what, value, relation, aim);
        fprintf(f, "\"met\":%s,\"busy\":%s}\n", met ? "true" : "false", in_doubt ? "true" : "false");
        fclose(f);
        return met;
}
