/* SPDX-License-Identifier: MIT */
/*
 * Words that are there seldom
 */

#include "daemon/words.h"

#include <stdio.h>
#include <stdlib.h>

const char words_none[] = "";

/* Whoever looks whether there are any is not to be told that there are none. */
static const char words_lost[] = "no memory to say why";

void words_clear(const char **words) {
        if (*words != words_none && *words != words_lost)
                free((char *)*words);
        *words = words_none;
}

void words_set_list(const char **words, size_t max, const char *format, va_list args) {
        char *text;
        int n = vasprintf(&text, format, args);

        words_clear(words);
        if (n < 0)
                *words = words_lost;
        if (n <= 0 || max == 0) {
                if (n >= 0)
                        free(text);
                return;
        }
        if ((size_t)n >= max)
                text[max - 1] = '\0';
        *words = text;
}

void words_set(const char **words, size_t max, const char *format, ...) {
        va_list args;

        va_start(args, format);
        words_set_list(words, max, format, args);
        va_end(args);
}
