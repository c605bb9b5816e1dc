/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_VERBS_H
#define GANGER_CTL_VERBS_H

/*
 * The verbs of gangerctl: rows of a table (verbs.def), from which parsing, help, the man page and the
 * completion follow.
 */

#include <stddef.h>
#include <stdint.h>

#include "ctl/options.h"

struct ctl;

/** Any number of arguments. */
#define ARGS_ANY 1000000

/** What the arguments of a verb name, for completion. */
enum verb_completes { COMPLETE_NOTHING, COMPLETE_WORKERS, COMPLETE_RINGS, COMPLETE_SERVICES, COMPLETE_LOCKS, COMPLETE_SOCKETS,
                     COMPLETE_FILES, COMPLETE_VERBS, COMPLETE_DEAD };

struct verb {
        const char *name;
        const char *arguments;          /* as shown in help */
        int args_min, args_max;
        uint32_t options;               /* besides OPTIONS_GLOBAL */
        enum verb_completes completes;
        const char *summary;            /* one line */
        const char *help;               /* paragraphs, a line each */
        int (*run)(struct ctl *ctl);    /* returns an exit status */
};

/** The table; the generators of man page and completion have it without the functions. */
extern const struct verb verbs[];
extern const size_t n_verbs;

const struct verb *verb_find(const char *name);

/** The nearest name of a verb, or NULL. */
const char *verb_nearest(const char *typed);

#define VERB(id, ...) int verb_##id(struct ctl *ctl);
#include "ctl/verbs.def"
#undef VERB

#endif
