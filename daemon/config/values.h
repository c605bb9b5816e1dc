/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_VALUES_H
#define GANGER_CONFIG_VALUES_H

/*
 * Values written exactly: what these print is read back as the same, unlike what is rounded for people.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** A plain decimal number without sign. @return 0, -EINVAL, -ERANGE. */
int number_parse(const char *text, uint64_t *ret);

/** "4KiB", "4097": in the largest unit that is exact. */
void size_print(uint64_t bytes, FILE *out);

/** "90s", "1500ms", "infinity": in the largest unit that is exact. */
void usec_print(uint64_t usec, FILE *out);

/** A string of the configuration, in quotes and with escapes where it needs them. */
void string_print(const char *text, FILE *out);

/** "a, b or c". @param words  at least one; ends with NULL. */
void words_join(const char *const *words, char *buf, size_t size);

/** Is NAME=value a variable that gangerd sets itself? */
bool variable_is_ours(const char *assignment);

/** Copies `n` strings into a list that ends with NULL. @return 0, -ENOMEM. */
int strings_copy(char *const *items, size_t n, char ***ret);

/** Frees such a list, also a half-built one. @return NULL. */
char **strings_free(char **list);

static inline void strings_freep(char ***list) {
        strings_free(*list);
}

#endif
