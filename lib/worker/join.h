/* SPDX-License-Identifier: MIT */
#ifndef GANGER_WORKER_JOIN_H
#define GANGER_WORKER_JOIN_H

/*
 * Joining by a handshake that did not come through the environment
 *
 * For gangerctl, which is attached to a ring over the control socket. Everything else of it is ganger.h. Not
 * exported from libganger.so: whoever needs it takes libworker.la, libshm.la and libbase.la.
 */

#include "ganger.h"

/**
 * Join.
 * @param blob  the handshake; its descriptor numbers are indexes into `fds`.
 * @param fds   what came with it: taken over, all of them, on success; on failure they stay the caller's.
 * @return as ganger_join(); -EPROTO also: an index is beyond `fds`.
 */
int ganger_join_handshake(struct ganger **ret, const void *blob, size_t size, const int *fds, size_t n_fds);

#endif
