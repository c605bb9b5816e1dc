/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CONTROL_GRANT_NAMES_H
#define GANGER_DAEMON_CONTROL_GRANT_NAMES_H

/*
 * Which numbers users and groups have: asked of the system, and remembered for a moment
 */

#include <stdint.h>

#include "daemon/map.h"
#include "daemon/policy/grant.h"

/** How long that is remembered: then a user that was made, or removed, is known. So streams need not ask for each line. */
#define GRANT_NAMES_USEC USEC_PER_SEC

/** … or, if asking took long, so many times as long: who connects must not keep the manager waiting. */
#define GRANT_NAMES_REST 10

struct grant_names {
        struct map by_name;             /* struct grant_name */
        uint64_t since_usec;
        uint64_t spent_usec;            /* with asking, since then */
};

#define GRANT_NAMES_NULL ((struct grant_names){ .by_name = MAP_NULL })

/** A grant_lookup_fn, with `struct grant_names` as userdata. @return 0; -ENOENT: nobody has that name; or -errno. */
int grant_names_find(void *userdata, enum grant_who who, const char *name, uint32_t *ret);

/** Forget all. It can be used again. */
void grant_names_done(struct grant_names *names);

#endif
