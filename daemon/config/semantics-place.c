/* SPDX-License-Identifier: MIT */

/*
 * What must hold of where a program runs and how much it may have
 */

#include <linux/mempolicy.h>

#include "daemon/config/checker.h"
#include "daemon/config/keys.h"

/* Of ioprio_set(2). */
enum { IO_NONE, IO_REALTIME, IO_BEST_EFFORT, IO_IDLE };

static unsigned int count_mask(const struct worker_mask *mask) {
        unsigned int n = 0;

        for (size_t i = 0; i < sizeof mask->bits; i++)
                n += (unsigned int)__builtin_popcount(mask->bits[i]);
        return n;
}

static void check_scheduling(const struct checker *c, const struct worker_definition *w) {
        bool has_priority = w->io_class == IO_REALTIME || w->io_class == IO_BEST_EFFORT || w->io_class == INTEGER_UNSET;
        bool is_real_time = w->cpu_policy == WORKER_CPU_FIFO || w->cpu_policy == WORKER_CPU_RR;

        if (w->io_priority != INTEGER_UNSET && !has_priority)
                complain(c, "io-scheduling-priority", "only with io-scheduling-class = realtime or best-effort");
        if (w->cpu_priority != INTEGER_UNSET && !is_real_time && !is_doubtful(c, "cpu-scheduling-policy"))
                complain(c, "cpu-scheduling-priority", "only with cpu-scheduling-policy = fifo or rr");
}

static void check_numa(const struct checker *c, const struct worker_definition *w) {
        bool takes_many = w->numa_policy == MPOL_BIND || w->numa_policy == MPOL_INTERLEAVE;
        bool takes_one = w->numa_policy == MPOL_PREFERRED;
        unsigned int n = count_mask(&w->numa_nodes);

        if (is_doubtful(c, "numa-policy") || is_doubtful(c, "numa-mask"))
                return;
        if (n == 0 && (takes_many || takes_one))
                complain(c, "numa-policy", "numa-mask is missing");
        else if (n > 0 && !takes_many && !takes_one)
                complain(c, "numa-mask", "only with numa-policy = preferred, bind or interleave");
        else if (n > 1 && takes_one)
                complain(c, "numa-mask", "numa-policy = preferred takes one node");
}

void check_place(const struct checker *c, const struct worker_definition *w) {
        check_scheduling(c, w);
        check_numa(c, w);
}
