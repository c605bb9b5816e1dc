/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SPAWN_PARTS_H
#define GANGER_DAEMON_SPAWN_PARTS_H

/*
 * What every request for a process is made of: lists of strings, and the environment
 */

#include <stddef.h>

#include "base/cleanup.h"
#include "daemon/user.h"

struct worker_definition;

struct strings {
        char **v;                       /* ends with NULL, once there is one */
        size_t n;
};

#define STRINGS_NULL ((struct strings){ 0 })

void strings_done(struct strings *s);

/** Takes the string, in any case; NULL is one for which there was no memory. @return 0, -ENOMEM. */
int strings_take(struct strings *s, char *string);
int strings_add(struct strings *s, const char *string);

/** NAME=value takes the place of an earlier one of that name. @return 0, -ENOMEM. */
int environment_set(struct strings *s, const char *assignment);
int environment_setf(struct strings *s, const char *format, ...) _printf_(2, 3);

/** What a worker's programs find, whatever they are: PATH, LANG, the user's, and `environment`. @return 0, -ENOMEM. */
int environment_base(struct strings *s, const struct worker_definition *definition, const struct user *user);

#endif
