/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WIRE_MESSAGE_H
#define GANGER_WIRE_MESSAGE_H

/*
 * Messages of proto/ in frames.
 */

#include <protobuf-c/protobuf-c.h>

#include "wire/frame.h"

/**
 * Pack a message into the queue of a writer.
 * @param fds  stay the caller's; may be NULL if `n_fds` is 0.
 * @return as frame_writer_reserve(): -ENOBUFS, -EMSGSIZE, …
 */
int message_push(struct frame_writer *w, const ProtobufCMessage *message, const int *fds, size_t n_fds);

#endif
