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
 * Count the connections at each socket, those that wait to be taken too: into `connections` of each. Of datagrams there are none.
 * Reads the kernel's tables, each once: for people, and once in a period of `idle-stop`.
 * @return 0, or -errno: not all could be counted.
 */
int sockets_count(struct gang_sockets *sockets);

/** How many wait to be taken. @return -EOPNOTSUPP: only TCP tells that. */
int64_t socket_waiting(const struct gang_socket *socket);

#endif
