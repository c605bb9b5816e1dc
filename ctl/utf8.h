/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_UTF8_H
#define GANGER_CTL_UTF8_H

/*
 * UTF-8, strictly: no overlong forms, no surrogates.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * Decode one character.
 * @param ret  receives the code point.
 * @return its bytes (1–4); 0: what is there is not valid. `size` is at least 1.
 */
size_t utf8_decode(const char *text, size_t size, uint32_t *ret);

bool utf8_is_valid(const char *text, size_t size);

/** The columns that a text takes on a terminal. It must be clean (utf8_clean()). */
size_t utf8_width(const char *text);

/** The bytes of the longest beginning of a clean text that fits `columns`. */
size_t utf8_fit(const char *text, size_t columns);

/**
 * A copy without control characters and invalid bytes ('?' instead), safe for a terminal.
 * @return the caller's to free(), or NULL (no memory).
 */
char *utf8_clean(const char *text, size_t size);

#endif
