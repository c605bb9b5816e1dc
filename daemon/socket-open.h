/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SOCKET_OPEN_H
#define GANGER_DAEMON_SOCKET_OPEN_H

/*
 * Opening a socket to listen at
 */

#include "base/error.h"
#include "daemon/config/address.h"
#include "daemon/config/config.h"

/**
 * Open, bind and listen. A file that a socket of ours has left at the path is replaced, if nobody answers there.
 * @return the descriptor, close-on-exec and blocking; or -errno (the error says why, not where).
 */
int socket_open(int type, const struct listen_address *address, const struct listen_definition *listen,
                struct error *error);

/** What can be changed under a socket that is open: backlog; mode and owner of its file. @return 0 or -errno. */
int socket_adjust(int fd, int type, const struct listen_address *address, const struct listen_definition *listen,
                  struct error *error);

#endif
