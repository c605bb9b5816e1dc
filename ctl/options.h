/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CTL_OPTIONS_H
#define GANGER_CTL_OPTIONS_H

/*
 * The options of gangerctl: rows of a table (options.def), of which each verb takes some.
 */

#include <stdbool.h>
#include <stdint.h>

enum option_id {
#define OPTION(id, letter, name, argument, help) OPTION_##id,
#include "ctl/options.def"
#undef OPTION
        _OPTION_N
};

/** A set of options. */
#define OPTION_BIT(id) (UINT32_C(1) << OPTION_##id)

/** Those that every verb takes. */
#define OPTIONS_GLOBAL                                                                                  \
        (OPTION_BIT(JSON) | OPTION_BIT(SOCKET) | OPTION_BIT(RUNTIME_DIR) | OPTION_BIT(TIMEOUT) |        \
         OPTION_BIT(QUIET) | OPTION_BIT(NO_COLOR) | OPTION_BIT(HELP) | OPTION_BIT(VERSION))

struct option_row {
        char letter;            /* 0: none */
        const char *name;
        const char *argument;   /* NULL: takes none */
        const char *help;
};

extern const struct option_row option_rows[_OPTION_N];

/** What was given on the command line. `given` tells which; the others have their defaults. */
struct options {
        uint32_t given;
        const char *socket, *runtime_dir, *exec;
        uint64_t timeout_usec, hold_usec;
        uint64_t since_usec;            /* CLOCK_REALTIME */
        int priority;
        uint32_t lines, count, seconds, kills, canary, max_fail, threshold;
        uint64_t seed;
};

static inline bool option_given(const struct options *o, enum option_id id) {
        return o->given & (UINT32_C(1) << id);
}

/**
 * Take the options out of a command line. They may stand anywhere before `--`.
 *
 * @param args    the words after the program's name; those that are no options are moved to its beginning.
 * @param n_args  how many; receives how many are no options.
 * @return 0 or -EINVAL, after complaining: an unknown option, one without its argument, not a number, …
 */
int options_parse(struct options *o, char **args, int *n_args);

/** Refuse an option that a verb does not take. @return 0 or -EINVAL, after complaining. */
int options_check(const struct options *o, const char *verb, uint32_t allowed);

#endif
