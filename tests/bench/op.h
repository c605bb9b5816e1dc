/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BENCH_OP_H
#define GANGER_BENCH_OP_H

/*
 * An operation that is over at once: what it costs alone, and how two processes get on that do nothing else
 */

#include <stddef.h>

struct op {
        const char *name;
        const char *note;
        void *(*make)(void);                            /* the object, in memory that children share */
        void *(*enter)(void *object, unsigned int which); /* a handle for the process that calls it, 0 or 1 */
        void (*repeat)(void *handle, unsigned int times);
        void (*leave)(void *handle);
        void (*unmake)(void *object);
};

/** The first of `ops` is what others are compared with; the second one is ours. */

/** One thread: nanoseconds. @param aim  how fast ours has to be beside the first; 0: none. */
void op_compare_alone(const char *part, const char *title, const struct op *const *ops, size_t n, double aim);

/**
 * Two processes without a pause, each on a processor of its own: how often both together did it, and how far the one who
 * did it less often fell behind. A new object each round: whoever used the last one was killed.
 */
void op_compare_contended(const char *part, const char *what, const struct op *const *ops, size_t n, double aim);

#endif
