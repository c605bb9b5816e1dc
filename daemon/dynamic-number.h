/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_DYNAMIC_NUMBER_H
#define GANGER_DAEMON_DYNAMIC_NUMBER_H

/*
 * Numbers of users that exist only while somebody has them
 *
 * A number is somebody's as long as he has its locks: of all gangs of the machine, and of systemd.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/** As systemd has it: https://systemd.io/UIDS-GIDS */
#define DYNAMIC_UID_MIN 61184u
#define DYNAMIC_UID_MAX 65519u

enum dynamic_lock {
        DYNAMIC_LOCK_GANGS,             /* a file below /run/ganger-dynamic-uid … */
        DYNAMIC_LOCK_SYSTEMD,           /* … and below /run/systemd/dynamic-uid, where systemd runs */
        _DYNAMIC_LOCK_N,
};

/** A number, of a user and of a group. */
struct dynamic_number {
        uid_t uid;
        int locks[_DYNAMIC_LOCK_N];     /* descriptors; -1: there is none */
};

#define DYNAMIC_NUMBER_NULL ((struct dynamic_number){ .locks = { -1, -1 } })

static inline bool dynamic_number_is_one(uid_t uid) {
        return uid >= DYNAMIC_UID_MIN && uid <= DYNAMIC_UID_MAX;
}

/** The number that is tried first: the same for the same name. */
uid_t dynamic_number_first(const char *name);

/** Take one that nobody has, known or not, and of which nothing is left. @return 0; -EBUSY: all are taken; -errno. */
int dynamic_number_take(const char *name, struct dynamic_number *ret, struct error *error);

/**
 * Take the locks that come with descriptors from a predecessor, which has them still, or has just given them back.
 * @return 0; -EBUSY: somebody else has it now; -errno.
 */
int dynamic_number_take_again(const struct dynamic_number *number);

/** Give it back, also where others have copies of the descriptors. */
void dynamic_number_give_back(struct dynamic_number *number);

/** Close the descriptors: it remains taken as long as others have copies. */
void dynamic_number_done(struct dynamic_number *number);

/** Does any process run as it? */
bool dynamic_number_has_process(uid_t uid);

#endif
