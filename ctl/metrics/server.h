/* SPDX-License-Identifier: MIT */
#ifndef GANGER_METRICS_SERVER_H
#define GANGER_METRICS_SERVER_H

/*
 * An HTTP server at one socket: GET /metrics
 */

#include <ganger-control.h>

struct server;

/**
 * Serve, in a thread.
 * @param fd, client  taken, in any case.
 * @return 0, -ENOMEM, -EIO (libmicrohttpd does not take the socket).
 */
int server_new(struct server **ret, int fd, struct ganger_control *client);

/** End it, once what it answers is answered. @return NULL. */
struct server *server_free(struct server *server);

#endif
