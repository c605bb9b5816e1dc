/* SPDX-License-Identifier: MIT */

/*
 * ZeroMQ: PUB to SUB over ipc://, and XPUB with ZMQ_XPUB_NODROP where nothing may be lost
 *
 * Compiled for the run, where libzmq is. The writer binds, readers connect.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "peer.h"

extern const struct peer peer;

static struct peer_world world;
static char directory[64], address[128];
static void *sock;

static void setup(const struct peer_world *w) {
        world = *w;
        snprintf(directory, sizeof directory, "/tmp/ganger-bench-XXXXXX");
        if (!mkdtemp(directory))
                abort();
        snprintf(address, sizeof address, "ipc://%s/all", directory);
}

/** Subscriptions travel in threads of its own, and nobody tells when they are there. */
static void settle(void) {
        usleep(50000);
}

static void enter(unsigned int role) {
        int high_water = (int)world.slots, keep = 1, again_ms = 1;
        void *context = zmq_ctx_new();

        if (role < world.senders) {
                sock = zmq_socket(context, world.cast == PEER_TO_ALL ? ZMQ_XPUB : ZMQ_PUB);
                zmq_setsockopt(sock, ZMQ_SNDHWM, &high_water, sizeof high_water);
                if (world.cast == PEER_TO_ALL)
                        zmq_setsockopt(sock, ZMQ_XPUB_NODROP, &keep, sizeof keep);
                if (zmq_bind(sock, address) < 0)
                        abort();
        } else {
                sock = zmq_socket(context, ZMQ_SUB);
                zmq_setsockopt(sock, ZMQ_RCVHWM, &high_water, sizeof high_water);
                zmq_setsockopt(sock, ZMQ_SUBSCRIBE, "", 0);
                /* The writer may not be there yet. */
                zmq_setsockopt(sock, ZMQ_RECONNECT_IVL, &again_ms, sizeof again_ms);
                if (zmq_connect(sock, address) < 0)
                        abort();
        }
        settle();
}

static bool send_one(const void *data) {
        return zmq_send(sock, data, world.size, world.blocking ? 0 : ZMQ_DONTWAIT) >= 0;
}

static bool receive_one(void *buf) {
        return zmq_recv(sock, buf, world.size, world.blocking ? 0 : ZMQ_DONTWAIT) >= 0;
}

static void teardown(void) {
        unlink(address + sizeof "ipc://" - 1);
        rmdir(directory);
}

const struct peer peer = {
        .name = "ZeroMQ PUB/SUB", .spins = true, .blocks = true, .all = true, .all_lossy = true,
        .setup = setup, .enter = enter, .send = send_one, .receive = receive_one, .teardown = teardown,
};
