/* SPDX-License-Identifier: MIT */
#ifndef GANGER_BASE_TEXT_H
#define GANGER_BASE_TEXT_H

/*
 * Text for people: sizes, signals, exit statuses, names nearly right.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Names of workers and rings: letters, digits, `-`, `_`, `.`; first a letter or digit. */
#define NAME_LENGTH_MAX 63

bool name_is_valid(const char *name);

/** Read a size in bytes: "512", "4K", "4KiB", "512MiB", "1G". @return 0, -EINVAL, -ERANGE. */
int size_parse(const char *text, uint64_t *ret);

/** Write a size for people: "4KiB", "1.5MiB". @return `buf`. */
char *size_format(char *buf, size_t size, uint64_t bytes);
#define SIZE_FORMAT_MAX 24

/** "SIGTERM", "TERM" or "15" to its number. @return the number or -EINVAL. */
int signal_parse(const char *text);

/** "SIGTERM" for 15, "SIGRTMIN+3" for 37. @return `buf`. */
char *signal_format(char *buf, size_t size, int signal);
#define SIGNAL_FORMAT_MAX 24

/** A status of waitpid(2) in words: "exit status 3", "killed by SIGKILL", "killed by SIGSEGV, core dumped". */
char *exit_status_format(char *buf, size_t size, int status);
#define EXIT_STATUS_FORMAT_MAX 64

/**
 * The candidate nearest to what somebody typed, if it is near enough to be meant.
 * @param candidates  ends with NULL.
 * @return one of them, or NULL.
 */
const char *text_nearest(const char *typed, const char *const *candidates);

/** The edits between two words (insert, delete, replace, swap neighbours); words longer than 64 bytes: 64. */
size_t text_distance(const char *a, const char *b);

#endif
