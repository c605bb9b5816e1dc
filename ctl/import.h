/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_IMPORT_H
#define GANGER_CTL_IMPORT_H

/*
 * import: the configuration of another supervisor, as one for ganger
 *
 * A parser for each format reads its file line by line, and hands over what it understood: workers and their keys. What it
 * could not carry over it names, with its line. Nothing is left out in silence.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/cleanup.h"

/** Words of one command, or of one list. */
#define IMPORT_WORDS_MAX 512

struct import {
        const char *path;
        FILE *out;                      /* the configuration */
        FILE *err;                      /* what could not be carried over */
        char *keys;                     /* of the worker that is being read */
        size_t keys_size;
        FILE *keys_file;
        char worker[64];                /* its name; "": none */
        size_t n_workers;
        size_t n_left;                  /* lines that were not carried over */
};

/** Words of a command. */
struct words {
        char *v[IMPORT_WORDS_MAX + 1];  /* ends with NULL */
        size_t n;
};

/** A worker begins; the one before ends. A name that ganger does not allow is changed, and that is told. */
int import_worker(struct import *import, unsigned int line, const char *name);

/** Its key: a word or a number; a string; a list. */
void import_word(struct import *import, const char *key, const char *value);
void import_string(struct import *import, const char *key, const char *value);
void import_list(struct import *import, const char *key, char *const *values);

/** This line is not carried over, for that reason. */
void import_left(struct import *import, unsigned int line, const char *text, const char *format, ...) _printf_(4, 5);

/** A remark, in the configuration only. */
void import_remark(struct import *import, const char *format, ...) _printf_(2, 3);

/** The last worker ends. @return 0; -ENOMEM. */
int import_end(struct import *import);

/**
 * Split as sh(1) does, without expansions: quotes, backslashes, words.
 * @return 0; -EINVAL: a quote is not closed; -E2BIG; -ENOMEM. Done by words_done() in any case.
 */
int words_split(struct words *words, const char *text);
void words_done(struct words *words);

/* ---- the formats: each reads all of `text`; @return 0, -EINVAL (told on `err`), -ENOMEM --------------- */

int import_supervisord(struct import *import, char *text);
int import_procfile(struct import *import, char *text);
/** @param name  of the unit: "nginx.service". */
int import_unit(struct import *import, const char *name, char *text);

#endif
