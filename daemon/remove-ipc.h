/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_REMOVE_IPC_H
#define GANGER_DAEMON_REMOVE_IPC_H

/*
 * Objects of IPC that a user leaves behind: of System V, and of POSIX
 */

#include <stdbool.h>
#include <sys/types.h>

/** Is there any of that user or group? A look, for who wants a new number: a very full /dev/shm is not looked through. */
bool ipc_is_there(uid_t uid);

/**
 * Remove those of a user and of the group of the same number.
 * @return 0: there are none left; -EAGAIN: some may be, since there was more than is looked at in one call; -errno.
 */
int ipc_remove(uid_t uid);

#endif
