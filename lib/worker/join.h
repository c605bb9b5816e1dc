/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WORKER_JOIN_H
#define GANGER_WORKER_JOIN_H

/*
 * The message by which a host passes a member what it needs to join (ganger_member_send, ganger_join_socket)
 *
 * These eight bytes, and descriptors: the first is a sealed file with the handshake, whose descriptor numbers are places
 * among all of them. A Unix socket delivers bytes that came with descriptors on their own, so it may be a stream.
 */

#include <stdint.h>

#define JOIN_MAGIC UINT64_C(0x0a6e696f6a676e67)

#endif
