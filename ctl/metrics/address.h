/* SPDX-License-Identifier: MIT */
#ifndef GANGER_METRICS_ADDRESS_H
#define GANGER_METRICS_ADDRESS_H

/*
 * Where the metrics are served: a path, or a port of this machine alone
 */

#include "base/error.h"

/**
 * Listen there. A socket at a path that nobody serves any more is replaced; its mode is 0660.
 * @param address  has a slash: a path; else HOST:PORT, a numeric address of the loopback interface.
 * @return a descriptor; -EADDRINUSE, -EINVAL, -EACCES, …
 */
int address_listen(const char *address, struct error *error);

/** At the end: remove the socket, if it is a path. */
void address_forget(const char *address);

#endif
