/* SPDX-License-Identifier: MIT */
/*
 * Words that are there seldom
 */

#include "daemon/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char words_none[] = "";

void words_clear(const char **words) {
        if (*words != words_none)
                free((char *)*words);
        *words = words_none;
}

void words_set(const char **words, size_t max, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&text, format, args);
        va_end(args);
        if (n < 0)
                text = NULL;
        if (n >= 0 && (size_t)n >= max)
                text[max - 1] = '\0';
        words_clear(words);
        if (n > 0)
                *words = TAKE(text);
}
