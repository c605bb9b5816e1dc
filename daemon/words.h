/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_WORDS_H
#define GANGER_DAEMON_WORDS_H

/*
 * Words that are there seldom: why an instance is in its state, what it says of itself, why it is ended
 *
 * There may be ten thousand of them, most empty. So an empty one takes no memory, and is read as "" all the same: never
 * NULL.
 */

#include <stdarg.h>
#include <stddef.h>

#include "base/cleanup.h"

/** What an empty one points to. */
extern const char words_none[];

/** Set them, maybe from what they were; what is longer than `max`, with its end, is cut. Without memory they say that. */
void words_set(const char **words, size_t max, const char *format, ...) _printf_(3, 4);

void words_set_list(const char **words, size_t max, const char *format, va_list args) _printf_(3, 0);

/** Make them empty. */
void words_clear(const char **words);

#endif
