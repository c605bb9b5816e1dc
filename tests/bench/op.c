/* SPDX-License-Identifier: MIT */

/*
 * What an operation costs
 *
 * The second processor is left to the other process; where there is one only, the two share it.
 */

#include "op.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bench.h"

#define TIMES 200000
#define ROUNDS 41
#define OPS_MAX 4

#define ROUNDS_CONTENDED 9
#define WARM_UP_NS 15000000
#define MEASURE_NS 60000000
#define LOOK_NS 100000

/** Operations between two looks of the parent. */
#define AT_ONCE 8

/** Show it, and then whether ours was good enough. */
static void finish(struct bench_table *t, const struct op *const *ops, double aim) {
        char what[192];

        bench_table_show(t);
        snprintf(what, sizeof what, "%s, beside %s, round by round", t->title, ops[0]->name);
        if (aim > 0)
                bench_aim_least(what, bench_ratio(t, ops[1]->name, ops[0]->name, 0.5), aim);
        bench_table_free(t);
}

/* ---- alone ------------------------------------------------------------------------------------- */

static double time_one(const struct op *op, void *handle) {
        uint64_t start = bench_now_ns();

        op->repeat(handle, TIMES);
        return (double)(bench_now_ns() - start) / TIMES;
}

void op_compare_alone(const char *part, const char *title, const struct op *const *ops, size_t n, double aim) {
        struct bench_table *t = bench_table_new(part, title, "ns", BENCH_LESS, ops[0]->name);
        void *objects[OPS_MAX], *handles[OPS_MAX];

        for (size_t k = 0; k < n; k++) {
                objects[k] = ops[k]->make();
                handles[k] = ops[k]->enter(objects[k], 0);
        }
        bench_pin(0);
        for (int left = bench_rounds(ROUNDS); bench_round(&left);)
                for (size_t k = 0; k < n; k++)
                        bench_add(bench_row(t, ops[k]->name, ops[k]->note), time_one(ops[k], handles[k]));
        bench_pin(-1);
        for (size_t k = 0; k < n; k++) {
                ops[k]->leave(handles[k]);
                ops[k]->unmake(objects[k]);
        }
        finish(t, ops, aim);
}

/* ---- two processes ----------------------------------------------------------------------------- */

struct shared {
        struct {
                _Alignas(128) _Atomic uint64_t n;
                _Atomic int there;
        } children[2];
        _Alignas(128) _Atomic int go;
};

static _Noreturn void work(const struct op *op, void *object, struct shared *shared, unsigned int which) {
        void *handle = op->enter(object, which);

        if (bench_processors() > 1)
                bench_pin((int)which);
        atomic_store(&shared->children[which].there, 1);
        while (!atomic_load(&shared->go))
                bench_pause_ns(LOOK_NS);
        for (uint64_t n = AT_ONCE;; n += AT_ONCE) {
                op->repeat(handle, AT_ONCE);
                atomic_store_explicit(&shared->children[which].n, n, memory_order_relaxed);
        }
}

static void start(const struct op *op, void *object, struct shared *shared, pid_t pids[2]) {
        for (unsigned int i = 0; i < 2; i++) {
                pids[i] = fork();
                if (pids[i] < 0)
                        bench_die("fork");
                if (pids[i] == 0)
                        work(op, object, shared, i);
        }
        for (unsigned int i = 0; i < 2; i++)
                while (!atomic_load(&shared->children[i].there))
                        bench_pause_ns(LOOK_NS);
        atomic_store(&shared->go, 1);
}

/** @return million times a second. @param ret_share  in percent, of the one who did it less often. */
static double measure(const struct op *op, double *ret_share) {
        struct shared *shared = bench_shared(sizeof *shared);
        void *object = op->make();
        uint64_t before[2], n[2], begin;
        double nsec;
        pid_t pids[2];

        start(op, object, shared, pids);
        bench_pause_ns(WARM_UP_NS);
        for (int i = 0; i < 2; i++)
                before[i] = atomic_load(&shared->children[i].n);
        begin = bench_now_ns();
        bench_pause_ns(MEASURE_NS);
        for (int i = 0; i < 2; i++)
                n[i] = atomic_load(&shared->children[i].n) - before[i];
        nsec = (double)(bench_now_ns() - begin);
        for (int i = 0; i < 2; i++)
                bench_kill(pids[i]);
        op->unmake(object);
        bench_unmap(shared, sizeof *shared);
        *ret_share = 100.0 * (double)MIN(n[0], n[1]) / (double)(n[0] + n[1] ? n[0] + n[1] : 1);
        return (double)(n[0] + n[1]) * 1000 / nsec;
}

void op_compare_contended(const char *part, const char *what, const struct op *const *ops, size_t n, double aim) {
        struct bench_table *rates, *shares;
        char title[128], title_share[128];
        double share;

        snprintf(title, sizeof title, "%s, 2 processes without pause", what);
        snprintf(title_share, sizeof title_share, "%s, 2 processes: share of the lesser one", what);
        rates = bench_table_new(part, title, "M/s", BENCH_MORE, ops[0]->name);
        shares = bench_table_new(part, title_share, "%", BENCH_MORE, ops[0]->name);
        for (int left = bench_rounds(ROUNDS_CONTENDED); bench_round(&left);)
                for (size_t k = 0; k < n; k++) {
                        bench_add(bench_row(rates, ops[k]->name, ops[k]->note), measure(ops[k], &share));
                        bench_add(bench_row(shares, ops[k]->name, ops[k]->note), share);
                }
        finish(rates, ops, aim);
        bench_table_finish(shares);
}
