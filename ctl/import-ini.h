/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_IMPORT_INI_H
#define GANGER_CTL_IMPORT_INI_H

/*
 * What supervisord.conf and unit files have in common: sections of KEY=VALUE
 */

#include "ctl/import.h"

struct setting {
        unsigned int line;
        const char *section;            /* the same pointer for all of a section */
        const char *key;
        char *value;
        char *merged;                   /* owned: a value that was put together; else NULL */
        bool done;                      /* carried over, or told */
};

/** Points into the text that was parsed. */
struct ini {
        struct setting *settings;
        size_t n;
};

enum ini_dialect {
        INI_SUPERVISORD,        /* a line that begins with space goes on with the one before; " ;" begins a comment */
        INI_SYSTEMD,            /* a line that ends with a backslash goes on in the next */
};

/** @param text  is changed. @return 0; -EINVAL (told on `err`); -ENOMEM. */
int ini_parse(struct ini *ini, struct import *import, enum ini_dialect dialect, char *text);
void ini_done(struct ini *ini);

/** A key in the section that `first` begins; the last, where it is there more than once. NULL: it is not. */
const struct setting *ini_take(struct ini *ini, const struct setting *first, const char *key);

/** How one key is carried over. */
struct ini_rule {
        const char *key;
        /** NULL: it is not, for the reason in `why`. `why` NULL, too: nothing is lost. */
        void (*carry)(struct import *import, const struct setting *setting);
        const char *why;
};

/** Every setting of the section that `first` begins, that is not done yet: by its rule; without one it is told. */
void ini_apply(struct ini *ini, const struct setting *first, struct import *import, const struct ini_rule *rules, size_t n);

#endif
