/* SPDX-License-Identifier: MIT */

/*
 * Boost.Interprocess: message_queue
 *
 * Compiled for the run, where Boost and a C++ compiler are.
 */

#include <boost/interprocess/ipc/message_queue.hpp>

#include <cstdio>
#include <unistd.h>

#include "peer.h"

namespace ipc = boost::interprocess;

static peer_world world;
static ipc::message_queue *queues[PEER_CHANNELS], *out, *in;

static void name_of(char *buf, size_t size, unsigned int channel) {
        snprintf(buf, size, "ganger-bench-%d-%u", getpid(), channel);
}

static void setup(const peer_world *w) {
        char name[64];

        world = *w;
        for (unsigned int i = 0; i < PEER_CHANNELS; i++) {
                name_of(name, sizeof name, i);
                ipc::message_queue::remove(name);
                queues[i] = new ipc::message_queue(ipc::create_only, name, world.slots, world.size);
        }
}

static void enter(unsigned int role) {
        out = queues[peer_channel(&world, role, true)];
        in = queues[peer_channel(&world, role, false)];
}

static bool send(const void *data) {
        if (!world.blocking)
                return out->try_send(data, world.size, 0);
        out->send(data, world.size, 0);
        return true;
}

static bool receive(void *buf) {
        ipc::message_queue::size_type n = 0;
        unsigned int priority;

        if (!world.blocking)
                return in->try_receive(buf, world.size, n, priority);
        in->receive(buf, world.size, n, priority);
        return true;
}

static void teardown() {
        char name[64];

        for (unsigned int i = 0; i < PEER_CHANNELS; i++) {
                delete queues[i];
                name_of(name, sizeof name, i);
                ipc::message_queue::remove(name);
        }
}

extern "C" {
extern const struct peer peer;
const struct peer peer = {
        .name = "Boost message_queue", .note = nullptr, .spins = true, .blocks = true, .setup = setup, .enter = enter,
        .send = send, .receive = receive, .publish = nullptr, .teardown = teardown, .size_max = 0, .pairs_max = 0,
        .all = false, .all_lossy = false, .one_size = false, .recover = nullptr,
};
}
