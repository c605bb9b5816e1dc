/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_WORDS_ISOLATION_H
#define GANGER_CONFIG_WORDS_ISOLATION_H

/*
 * The words of the keys of isolation, and what they stand for
 */

#include <stddef.h>
#include <stdint.h>

struct isolation_word {
        const char *name;
        int value;
};

struct isolation_words {
        const char *what;               /* one of them is called that */
        const struct isolation_word *words;
        size_t n;
};

extern const struct isolation_words isolation_capabilities; /* CAP_…; their index is their value */
extern const struct isolation_words isolation_families;     /* AF_… */
extern const struct isolation_words isolation_namespaces;   /* CLONE_NEW… */

/** What a key takes away of capabilities, beside the others that it does: a bit each. */
extern const uint64_t isolation_devices, isolation_modules, isolation_logs, isolation_clock;

/** Whatever the case of its letters. @return NULL: there is none. */
const struct isolation_word *isolation_word_find(const struct isolation_words *words, const char *name);

#endif
