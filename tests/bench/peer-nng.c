/* SPDX-License-Identifier: MIT */

/*
 * nng: PUSH to PULL over ipc://
 *
 * Compiled for the run, where nng is. Each receiver listens at an address of its own, each sender dials all of them.
 */

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "peer.h"

extern const struct peer peer;

static struct peer_world world;
static char directory[64];
static nng_socket out, in;

static void setup(const struct peer_world *w) {
        world = *w;
        snprintf(directory, sizeof directory, "/tmp/ganger-bench-XXXXXX");
        if (!mkdtemp(directory))
                abort();
}

static void address(char *buf, size_t size, unsigned int channel, unsigned int receiver, const char *scheme) {
        snprintf(buf, size, "%s%s/%u-%u", scheme, directory, channel, receiver);
}

static bool sends(unsigned int role) {
        return world.echo || role < world.senders;
}

static bool receives(unsigned int role) {
        return world.echo || role >= world.senders;
}

static void listen_at(unsigned int role) {
        char name[128];

        address(name, sizeof name, peer_channel(&world, role, false), world.echo ? 0 : role - world.senders, "ipc://");
        if (nng_pull0_open(&in) != 0 || nng_listen(in, name, NULL, 0) != 0)
                abort();
}

/** Those who listen may not be there yet: it goes on trying. */
static void dial(unsigned int role) {
        char name[128];

        if (nng_push0_open(&out) != 0)
                abort();
        for (unsigned int i = 0; i < (world.echo ? 1 : world.receivers); i++) {
                address(name, sizeof name, peer_channel(&world, role, true), i, "ipc://");
                if (nng_dial(out, name, NULL, NNG_FLAG_NONBLOCK) != 0)
                        abort();
        }
}

static void enter(unsigned int role) {
        if (receives(role))
                listen_at(role);
        if (sends(role))
                dial(role);
}

static bool send_one(const void *data) {
        return nng_send(out, (void *)(uintptr_t)data, world.size, world.blocking ? 0 : NNG_FLAG_NONBLOCK) == 0;
}

static bool receive_one(void *buf) {
        size_t size = world.size;

        return nng_recv(in, buf, &size, world.blocking ? 0 : NNG_FLAG_NONBLOCK) == 0;
}

static void teardown(void) {
        char name[128];

        for (unsigned int channel = 0; channel < PEER_CHANNELS; channel++)
                for (unsigned int i = 0; i < world.receivers; i++) {
                        address(name, sizeof name, channel, i, "");
                        unlink(name);
                }
        rmdir(directory);
}

const struct peer peer = {
        .name = "nng PUSH/PULL", .spins = true, .blocks = true,
        .setup = setup, .enter = enter, .send = send_one, .receive = receive_one, .teardown = teardown,
};
