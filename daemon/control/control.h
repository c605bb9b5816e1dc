/* SPDX-License-Identifier: MIT */
#ifndef GANGER_DAEMON_CONTROL_CONTROL_H
#define GANGER_DAEMON_CONTROL_CONTROL_H

/*
 * The control server: proto/control.proto on a Unix socket, for whoever may ask
 *
 * Runs in the manager's loop. It never blocks, and what a peer can make it hold is bounded by the limits
 * here and in its other headers. It works on the gang by the functions of its headers, and nothing in
 * the gang knows it but for the two lists of listeners (events, log lines).
 */

#include <stdbool.h>

struct control;
struct gang;

/** The socket, in the runtime directory. */
#define CONTROL_SOCKET_NAME "control"

/** Connections of all peers together. */
#define CONTROL_CONNECTIONS_MAX 1024
/** Connections of root, and of the user of the daemon. */
#define CONTROL_CONNECTIONS_PER_UID_MAX 512
/** Connections of all other users who may ask something, and of one of them. */
#define CONTROL_GUESTS_MAX 256
#define CONTROL_GUESTS_PER_UID_MAX 32
/** Connections of all users who may ask nothing, so that they cannot take the room of the others. */
#define CONTROL_STRANGERS_MAX 64
/** Connections of one user who may ask nothing. */
#define CONTROL_STRANGERS_PER_UID_MAX 8

/**
 * Serve.
 * @param listen_fd  the listening socket that the predecessor stored, the server's from now on, also after an
 *                   error; -1: one is made at runtime_dir/control, mode 0666, in place of what is there.
 * @param ret_made   receives whether it was made, and so should be stored with the keeper (control_fd()).
 * @return 0; -ENAMETOOLONG (the path does not fit a socket address); or -errno.
 */
int control_init(struct control **ret, struct gang *gang, int listen_fd, bool *ret_made);

/** The listening socket; stays the server's. */
int control_fd(const struct control *control);

/**
 * Close every connection, with a last attempt to send what waits. The path stays: the next manager listens on
 * the same socket, and the keeper's end makes it refuse. Before the gang is taken apart. Takes NULL. @return
 * NULL.
 */
struct control *control_done(struct control *control);

#endif
