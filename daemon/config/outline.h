/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CONFIG_OUTLINE_H
#define GANGER_CONFIG_OUTLINE_H

/*
 * The outline of a configuration file: which sections it has, which keys, and where
 */

#include "daemon/config/config.h"
#include "daemon/config/keys.h"

struct outline_section {
        enum config_section kind;
        char *name;                             /* NULL: it has none */
        unsigned int line;
        unsigned int lines[CONFIG_KEYS_MAX];    /* by number of the key; 0: it is not there */
        bool meant[CONFIG_KEYS_MAX];            /* something that is wrong is there in its place */
};

struct outline {
        struct outline_section *sections;
        size_t n, allocated;
        char *text;                             /* the good statements for libconfuse, on their lines */
        size_t text_size;
};

#define OUTLINE_NULL ((struct outline){ 0 })

/**
 * Find all that is wrong with the structure of a text, and write what is right in it anew.
 * In that text sections have no title, so that those of one name stay apart.
 * @return 0, also if there are errors; -ENOMEM.
 */
int outline_scan(struct outline *outline, const char *text, size_t size, const char *path,
                 struct config_errors *errors);

void outline_done(struct outline *outline);

#endif
