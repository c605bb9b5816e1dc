/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_ACL_H
#define GANGER_DAEMON_ACL_H

/*
 * Access control lists: a file that one user may read, and that is not his
 */

#include <sys/types.h>

/**
 * Give a file the mode of its owner and another user rights to it; nobody else has any.
 * @param fd      of the file or directory.
 * @param own     of the owner: 4 to read, 2 to write, 1 to execute or to pass.
 * @param theirs  of the user, in the same way.
 * @return 0; -EOPNOTSUPP: this file system has no lists; or -errno.
 */
int acl_give(int fd, unsigned int own, uid_t user, unsigned int theirs);

#endif
