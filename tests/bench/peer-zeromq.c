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
static void *out, *in;

static void setup(const struct peer_world *w) {
        world = *w;
        snprintf(directory, sizeof directory, "/tmp/ganger-bench-XXXXXX");
        if (!mkdtemp(directory))
                abort();
}

static void address(char *buf, size_t size, unsigned int channel, unsigned int receiver, const char *scheme) {
        snprintf(buf, size, "%s%s/%u-%u", scheme, directory, channel, receiver);
}

/** It connects in threads of its own, and does not tell when it is done. */
static void settle(void) {
        usleep(50000);
}

static void *open_socket(void *context, int type) {
        int high_water = (int)world.slots;
        void *sock = zmq_socket(context, type);

        zmq_setsockopt(sock, ZMQ_SNDHWM, &high_water, sizeof high_water);
        zmq_setsockopt(sock, ZMQ_RCVHWM, &high_water, sizeof high_water);
        return sock;
}

static void bind_to(void *context, unsigned int role) {
        char name[128];

        in = open_socket(context, ZMQ_PULL);
        address(name, sizeof name, peer_channel(&world, role, false), world.echo ? 0 : role - world.senders, "ipc://");
        if (zmq_bind(in, name) < 0)
                abort();
}

static void connect_to_all(void *context, unsigned int role) {
        char name[128];

        out = open_socket(context, ZMQ_PUSH);
        for (unsigned int i = 0; i < (world.echo ? 1 : world.receivers); i++) {
                address(name, sizeof name, peer_channel(&world, role, true), i, "ipc://");
                if (zmq_connect(out, name) < 0)
                        abort();
        }
}

static void enter(unsigned int role) {
        void *context = zmq_ctx_new();

        if (world.echo || role >= world.senders)
                bind_to(context, role);
        if (world.echo || role < world.senders)
                connect_to_all(context, role);
        settle();
}

static bool send_one(const void *data) {
        return zmq_send(out, data, world.size, world.blocking ? 0 : ZMQ_DONTWAIT) >= 0;
}

static bool receive_one(void *buf) {
        return zmq_recv(in, buf, world.size, world.blocking ? 0 : ZMQ_DONTWAIT) >= 0;
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
        .name = "ZeroMQ PUSH/PULL", .spins = true, .blocks = true,
        .setup = setup, .enter = enter, .send = send_one, .receive = receive_one, .teardown = teardown,
};
