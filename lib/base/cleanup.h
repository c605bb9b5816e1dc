/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_CLEANUP_H
#define GANGER_BASE_CLEANUP_H

/*
 * Lifetimes: every local resource is declared `_cleanup_(...)`, and handed over with TAKE().
 */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((__cleanup__(fn)))
#define _printf_(fmt, args) __attribute__((__format__(printf, fmt, args)))

#define TAKE_GENERIC(var, null) ({ typeof(var) *_take = &(var); typeof(var) _taken = *_take; *_take = (null); _taken; })
/** Hand over a pointer: its value, leaving NULL behind. */
#define TAKE(ptr) TAKE_GENERIC(ptr, NULL)
/** Hand over a file descriptor: its value, leaving -1 behind. */
#define TAKE_FD(fd) TAKE_GENERIC(fd, -1)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/** The structure that a member is embedded in. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define MIN(a, b) ({ typeof(a) _a = (a); typeof(b) _b = (b); _a < _b ? _a : _b; })
#define MAX(a, b) ({ typeof(a) _a = (a); typeof(b) _b = (b); _a > _b ? _a : _b; })

/** Defines `typep()`, for _cleanup_, from a `type *type_free(type *)`. */
#define DEFINE_CLEANUP(type, fn)                        \
        static inline void fn##p(type *p) {             \
                if (*p)                                 \
                        fn(*p);                         \
        }

static inline void freep(void *p) {
        free(*(void **)p);
}

static inline void closep(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

static inline void fclosep(FILE **f) {
        if (*f)
                fclose(*f);
}

/** Close a descriptor that may be -1. @return -1, so that `fd = close_fd(fd)`. */
static inline int close_fd(int fd) {
        if (fd >= 0)
                close(fd);
        return -1;
}

#endif
