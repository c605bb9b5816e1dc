/* SPDX-License-Identifier: MIT */
#ifndef GANGER_KEEPER_USER_NAMESPACE_H
#define GANGER_KEEPER_USER_NAMESPACE_H

/*
 * A user namespace of a process
 *
 * Users and groups in it are those outside, but for all that are not named, which are nobody.
 */

#include <sys/types.h>

/** Enter one in which there is this user, who is who we are, by system calls alone. @return -1 with errno, else 0. */
long user_namespace_enter(uid_t uid, gid_t gid);

/** The rest of that, for a process that was cloned into one (CLONE_NEWUSER). */
long user_namespace_begin(uid_t uid, gid_t gid);

/** Enter one in which there are root, who we are, and these. @return -1 with errno, else 0. */
long user_namespace_enter_as_root(uid_t uid, gid_t gid);

#endif
