/* SPDX-License-Identifier: MIT */

/*
 * libqb: its ring buffer in shared memory, one writer and one reader
 *
 * Compiled for the run, where libqb is. Its files are in /dev/shm, and are gone at the end.
 */

#include <qb/qbrb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "peer.h"

extern const struct peer peer;

static struct peer_world world;
static qb_ringbuffer_t *rings[PEER_CHANNELS], *out, *in;

static void setup(const struct peer_world *w) {
        uint32_t flags = QB_RB_FLAG_CREATE | QB_RB_FLAG_SHARED_PROCESS | (w->blocking ? 0 : QB_RB_FLAG_NO_SEMAPHORE);
        char name[64];

        world = *w;
        for (unsigned int i = 0; i < PEER_CHANNELS; i++) {
                snprintf(name, sizeof name, "ganger-bench-%d-%u", (int)getpid(), i);
                rings[i] = qb_rb_open(name, world.slots * (world.size + 16), flags, 0);
                if (!rings[i])
                        abort();
        }
}

static void enter(unsigned int role) {
        out = rings[peer_channel(&world, role, true)];
        in = rings[peer_channel(&world, role, false)];
}

/** It has no way to wait for space. */
static bool send_one(const void *data) {
        return qb_rb_chunk_write(out, data, world.size) == (ssize_t)world.size;
}

static bool receive_one(void *buf) {
        return qb_rb_chunk_read(in, buf, world.size, world.blocking ? -1 : 0) == (ssize_t)world.size;
}

static void teardown(void) {
        for (unsigned int i = 0; i < PEER_CHANNELS; i++)
                qb_rb_close(rings[i]);
}

const struct peer peer = {
        .name = "libqb", .spins = true, .blocks = true, .pairs_max = 1,
        .setup = setup, .enter = enter, .send = send_one, .receive = receive_one, .teardown = teardown,
};
