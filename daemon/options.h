/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_OPTIONS_H
#define GANGER_DAEMON_OPTIONS_H

/*
 * What gangerd was told on its command line
 *
 * Keeper and manager parse the same options: the keeper hands its own, with the paths made absolute, to
 * every manager that it starts.
 */

#include <limits.h>
#include <stdbool.h>

#include "base/error.h"

struct options {
        const char *config;             /* the configuration file, absolute */
        const char *runtime_dir;        /* absolute; lock, control and notify live in it */
        const char *state_dir;          /* absolute, what outlives the daemon; NULL: nothing does */
        const char *log_dir;            /* absolute, of log files; NULL: there is no home for them */
        bool foreground;                /* --foreground: stay, log to stderr */
        bool check;                     /* --check: main() does it, no keeper and no manager runs */
        bool version;                   /* --version */
        bool formats;                   /* --formats: what it can take over */
        bool help;                      /* --help */
        bool detached;                  /* not an option: the manager of a daemon that went to the background. After
                                         * it has reported Ready it puts /dev/null on 0, 1 and 2, or the one who
                                         * started gangerd would wait for its stderr to close. */

        const char *word;               /* while parsing: the word that is looked at */
        char config_buffer[PATH_MAX];
        char runtime_dir_buffer[PATH_MAX];
        char state_dir_buffer[PATH_MAX];
        char log_dir_buffer[PATH_MAX];
};

/** Tells the manager that it is to let go of its terminal: `detached`. */
#define OPTIONS_DETACHED_ENV "GANGER_DETACHED"

/**
 * Parse the command line; what is not given gets its default (HACKING.md, "Directories and sockets").
 * @param ret  not to be copied: it points into itself.
 * @return 0; -EINVAL: usage, and `e` says what; -ENAMETOOLONG.
 */
int options_parse(struct options *ret, int argc, char **argv, struct error *e);

/** Print the help. */
void options_help(void);

/** Long enough for the arguments of options_manager_argv(). */
#define OPTIONS_ARGV_MAX 12

/** The command line of a manager: these options, under `name`. Points into `o`. */
void options_manager_argv(const struct options *o, const char *name, const char *ret_argv[OPTIONS_ARGV_MAX]);

#endif
