/* SPDX-License-Identifier: MIT */

/*
 * nng: PUB to SUB over ipc://, which loses what a reader is too slow for
 *
 * Compiled for the run, where nng is. The writer listens, readers dial.
 */

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "peer.h"

extern const struct peer peer;

static struct peer_world world;
static char directory[64], address[128];
static nng_socket sock;

static void setup(const struct peer_world *w) {
        world = *w;
        snprintf(directory, sizeof directory, "/tmp/ganger-bench-XXXXXX");
        if (!mkdtemp(directory))
                abort();
        snprintf(address, sizeof address, "ipc://%s/all", directory);
}

/** Nobody tells a writer when its readers are there: so a while, once, before anything is measured. */
static void settle(void) {
        usleep(50000);
}

static void enter(unsigned int role) {
        if (role < world.senders) {
                if (nng_pub0_open(&sock) != 0 || nng_socket_set_int(sock, NNG_OPT_SENDBUF, (int)world.slots) != 0 ||
                    nng_listen(sock, address, NULL, 0) != 0)
                        abort();
        } else if (nng_sub0_open(&sock) != 0 || nng_socket_set(sock, NNG_OPT_SUB_SUBSCRIBE, "", 0) != 0 ||
                   nng_socket_set_int(sock, NNG_OPT_RECVBUF, (int)world.slots) != 0 ||
                   nng_socket_set_ms(sock, NNG_OPT_RECONNMINT, 1) != 0 ||
                   nng_dial(sock, address, NULL, NNG_FLAG_NONBLOCK) != 0) {
                abort();
        }
        settle();
}

static bool send_one(const void *data) {
        return nng_send(sock, (void *)(uintptr_t)data, world.size, world.blocking ? 0 : NNG_FLAG_NONBLOCK) == 0;
}

static bool receive_one(void *buf) {
        size_t size = world.size;

        return nng_recv(sock, buf, &size, world.blocking ? 0 : NNG_FLAG_NONBLOCK) == 0;
}

static void teardown(void) {
        unlink(address + sizeof "ipc://" - 1);
        rmdir(directory);
}

const struct peer peer = {
        .name = "nng PUB/SUB", .spins = true, .blocks = true, .all_lossy = true,
        .setup = setup, .enter = enter, .send = send_one, .receive = receive_one, .teardown = teardown,
};
