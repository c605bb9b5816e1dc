/* SPDX-License-Identifier: MIT */

/*
 * POSIX message queues
 *
 * The kernel takes no longer messages than /proc/sys/fs/mqueue/msgsize_max (8 KiB), unless root asks.
 */

#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <unistd.h>

#include "bench.h"
#include "peer.h"

/** So many fit the usual limits; more want a privilege. */
#define MESSAGES 10
#define SIZE_MAX_USUAL 8192

static struct peer_world world;
static mqd_t queues[PEER_CHANNELS], out, in;

static void setup(const struct peer_world *w) {
        struct mq_attr attr = { .mq_maxmsg = MESSAGES, .mq_msgsize = (long)w->size };
        char name[64];

        world = *w;
        for (unsigned int i = 0; i < PEER_CHANNELS; i++) {
                snprintf(name, sizeof name, "/ganger-bench-%d-%u", (int)getpid(), i);
                queues[i] = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | (world.blocking ? 0 : O_NONBLOCK), 0600,
                                    &attr);
                if (queues[i] == (mqd_t)-1)
                        bench_die("mq_open");
                mq_unlink(name);
        }
}

static void enter(unsigned int role) {
        out = queues[peer_channel(&world, role, true)];
        in = queues[peer_channel(&world, role, false)];
}

static bool send_one(const void *data) {
        return mq_send(out, data, world.size, 0) == 0;
}

static bool receive_one(void *buf) {
        return mq_receive(in, buf, world.size, NULL) >= 0;
}

static void teardown(void) {
        for (unsigned int i = 0; i < PEER_CHANNELS; i++)
                mq_close(queues[i]);
}

const struct peer peer_mq = {
        .name = "POSIX mq", .spins = true, .blocks = true, .size_max = SIZE_MAX_USUAL,
        .setup = setup, .enter = enter, .send = send_one, .receive = receive_one, .teardown = teardown,
};
