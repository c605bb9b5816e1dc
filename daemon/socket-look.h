/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_SOCKET_LOOK_H
#define GANGER_DAEMON_SOCKET_LOOK_H

/*
 * Looking at sockets: who is connected to them
 */

#include "daemon/sockets.h"

/**
 * Count the connections at each socket: `connections`, and of them `waiting`, which nobody has taken yet. Of datagrams
 * there are none.
 * Reads the kernel's tables, each once: for people, and once in a period of `idle-stop`.
 * @return 0, or -errno: not all could be counted.
 */
int sockets_count(struct gang_sockets *sockets);

#endif
