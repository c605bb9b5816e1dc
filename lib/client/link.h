/* SPDX-License-Identifier: MIT */
#ifndef GANGER_CLIENT_LINK_H
#define GANGER_CLIENT_LINK_H

/*
 * One connection to the daemon: connect, send a message, receive a frame, each until a deadline.
 */

#include <stdbool.h>
#include <stdint.h>

#include "wire/message.h"

struct link {
        int fd;
        struct frame_reader reader;
        struct frame_writer writer;
};

#define LINK_NULL ((struct link){ .fd = -1 })

/** Close, and forget what was under way. Takes LINK_NULL, and leaves it. */
void link_close(struct link *l);

/**
 * Connect. Waits while the daemon's queue of connections is full.
 * @param deadline_usec  of CLOCK_MONOTONIC; USEC_INFINITY: none.
 * @return 0, -ETIMEDOUT, -ENAMETOOLONG, and errors of socket(2) and connect(2): -ENOENT, -ECONNREFUSED, -EACCES.
 */
int link_connect(struct link *l, const char *path, uint64_t deadline_usec);

/** Send a message. @return 0, -ETIMEDOUT, -ECONNRESET (lost), -EMSGSIZE (too long a message), -ENOMEM, … */
int link_send(struct link *l, const ProtobufCMessage *message, uint64_t deadline_usec);

/**
 * Receive a frame.
 * @param ret  free it with frame_done().
 * @return 0, -ETIMEDOUT, -ECONNRESET (lost, maybe in the middle of a frame), -EMSGSIZE, -EINTR (a signal
 *         handler ran; nothing is lost), -ENOMEM, …
 */
int link_receive(struct link *l, struct frame *ret, uint64_t deadline_usec);

/** Whether an error says that nobody listens at the path. */
bool link_error_is_absent(int error);

/** Sleep until then. @return 0 or -EINTR. */
int link_sleep_until(uint64_t deadline_usec);

#endif
