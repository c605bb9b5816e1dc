/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SOCKET_LOOK_H
#define GANGER_DAEMON_SOCKET_LOOK_H

/*
 * Looking at sockets: who is connected to them
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/sockets.h"

/**
 * How many connections there are at a socket, those that wait to be taken too. Of datagrams 0.
 * Reads the kernel's table of its protocol: for people, and once in a period of `idle-stop`.
 * @return the number, or -errno.
 */
int64_t socket_connections(const struct gang_socket *socket);

/** How many wait to be taken. @return -EOPNOTSUPP: only TCP tells that. */
int64_t socket_waiting(const struct gang_socket *socket);

#endif
