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
static char name[64];
static ipc::message_queue *queue;

static void setup(const peer_world *w) {
        world = *w;
        snprintf(name, sizeof name, "ganger-bench-%d", getpid());
        ipc::message_queue::remove(name);
        queue = new ipc::message_queue(ipc::create_only, name, world.slots, world.size);
}

static void enter(unsigned int) {
}

static bool send(const void *data) {
        if (!world.blocking)
                return queue->try_send(data, world.size, 0);
        queue->send(data, world.size, 0);
        return true;
}

static bool receive(void *buf) {
        ipc::message_queue::size_type n = 0;
        unsigned int priority;

        if (!world.blocking)
                return queue->try_receive(buf, world.size, n, priority);
        queue->receive(buf, world.size, n, priority);
        return true;
}

static void teardown() {
        delete queue;
        ipc::message_queue::remove(name);
}

extern "C" {
extern const struct peer peer;
const struct peer peer = { "Boost message_queue", nullptr, true, true, setup, enter, send, receive, teardown };
}
