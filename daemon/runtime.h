/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_RUNTIME_H
#define GANGER_DAEMON_RUNTIME_H

/*
 * The runtime directory, and the lock that makes sure of one gangerd in it
 */

#include "base/error.h"

/**
 * Make the directory if it is missing (only its last part): 0755 for root, 0700 for others. Refuses one that is a
 * symlink, is not ours, or can be written by others.
 * @return a descriptor of it, or -errno and `e` says why.
 */
int runtime_directory_open(const char *path, struct error *e);

/**
 * Take the lock, and write our pid into it. It ends with the descriptor.
 * @return the descriptor, or -errno; -EADDRINUSE: another has it.
 */
int runtime_lock(int directory_fd, struct error *e);

#endif
