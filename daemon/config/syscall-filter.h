/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_SYSCALL_FILTER_H
#define GANGER_CONFIG_SYSCALL_FILTER_H

/*
 * `system-call-filter`: from names of system calls and sets to numbers
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/** Numbers of system calls are below this, on every architecture that we know. */
#define SYSCALL_NUMBERS_MAX 1024

/** A named set; what is in it are names, with a space between. */
struct syscall_set {
        const char *name;               /* "@mount"; NULL: the end */
        const char *members;
};

/** Those of systemd; syscall-sets.c. */
extern const struct syscall_set syscall_sets[];

struct syscall_filter {
        bool is_allow_list;             /* nothing but these; else: all but these */
        uint8_t numbers[SYSCALL_NUMBERS_MAX / 8];
};

static inline bool syscall_filter_has(const struct syscall_filter *filter, unsigned int number) {
        return number < SYSCALL_NUMBERS_MAX && filter->numbers[number / 8] >> number % 8 & 1;
}

/** Is this call permitted? */
static inline bool syscall_filter_permits(const struct syscall_filter *filter, unsigned int number) {
        return syscall_filter_has(filter, number) == filter->is_allow_list;
}

/**
 * Read a list: "NAME", "@SET", each with a '~' in front or without. The first one says what kind of list it is: without '~'
 * what may be called, and then the set @default is in it too; with it, what may not. The others are taken in order: they
 * add to the list, or take from it. A call that only other architectures have is left out.
 * @return 0; -EINVAL: the error says which is no name.
 */
int syscall_filter_read(struct syscall_filter *filter, char *const *items, size_t n, struct error *error);

#endif
