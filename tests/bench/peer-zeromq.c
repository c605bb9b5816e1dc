/* SPDX-License-Identifier: MIT */

/*
 * ZeroMQ: PUSH to PULL over ipc://
 *
 * Each receiver binds an address of its own, each sender connects to all of them. Compiled for the run,
 * where libzmq is.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "peer.h"

extern const struct peer peer;

static struct peer_world world;
static char directory[64];
static void *sock;

static void setup(const struct peer_world *w) {
        world = *w;
        snprintf(directory, sizeof directory, "/tmp/ganger-bench-XXXXXX");
        if (!mkdtemp(directory))
                abort();
}

static void address(char *buf, size_t size, unsigned int receiver, const char *scheme) {
        snprintf(buf, size, "%s%s/%u", scheme, directory, receiver);
}

/** It connects in threads of its own, and does not tell when it is done. */
static void settle(void) {
        usleep(50000);
}

static void enter(unsigned int role) {
        void *context = zmq_ctx_new();
        int high_water = (int)world.slots;
        char name[128];

        sock = zmq_socket(context, role < world.senders ? ZMQ_PUSH : ZMQ_PULL);
        zmq_setsockopt(sock, ZMQ_SNDHWM, &high_water, sizeof high_water);
        zmq_setsockopt(sock, ZMQ_RCVHWM, &high_water, sizeof high_water);
        if (role >= world.senders) {
                address(name, sizeof name, role - world.senders, "ipc://");
                if (zmq_bind(sock, name) < 0)
                        abort();
        }
        for (unsigned int i = 0; role < world.senders && i < world.receivers; i++) {
                address(name, sizeof name, i, "ipc://");
                if (zmq_connect(sock, name) < 0)
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
        char name[128];

        for (unsigned int i = 0; i < world.receivers; i++) {
                address(name, sizeof name, i, "");
                unlink(name);
        }
        rmdir(directory);
}

const struct peer peer = {
        .name = "ZeroMQ PUSH/PULL", .spins = true, .blocks = true,
        .setup = setup, .enter = enter, .send = send_one, .receive = receive_one, .teardown = teardown,
};
