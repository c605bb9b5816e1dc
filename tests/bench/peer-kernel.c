/* SPDX-License-Identifier: MIT */

/*
 * What the kernel has: a pipe, and a pair of SOCK_SEQPACKET sockets
 *
 * Both lose what a receiver had read when it dies.
 */

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "peer.h"

static int ends[2];                     /* to receive from, to send to */
static size_t size;
static int flags;

static void pipe_setup(const struct peer_world *world) {
        size = world->size;
        if (pipe2(ends, O_CLOEXEC | (world->blocking ? 0 : O_NONBLOCK)) < 0)
                bench_die("pipe2");
        (void)fcntl(ends[1], F_SETPIPE_SZ, (int)(world->slots * world->size));
}

static bool pipe_send(const void *data) {
        return write(ends[1], data, size) == (ssize_t)size;
}

static bool pipe_receive(void *buf) {
        return read(ends[0], buf, size) == (ssize_t)size;
}

static void socket_setup(const struct peer_world *world) {
        size = world->size;
        flags = world->blocking ? 0 : MSG_DONTWAIT;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                bench_die("socketpair");
}

static bool socket_send(const void *data) {
        return send(ends[1], data, size, flags | MSG_NOSIGNAL) == (ssize_t)size;
}

static bool socket_receive(void *buf) {
        return recv(ends[0], buf, size, flags) == (ssize_t)size;
}

static void enter(unsigned int role) {
        (void)role;
}

static void teardown(void) {
        close(ends[0]);
        close(ends[1]);
}

const struct peer peer_pipe = {
        .name = "pipe", .spins = true, .blocks = true,
        .setup = pipe_setup, .enter = enter, .send = pipe_send, .receive = pipe_receive, .teardown = teardown,
};

const struct peer peer_seqpacket = {
        .name = "SOCK_SEQPACKET", .spins = true, .blocks = true,
        .setup = socket_setup, .enter = enter, .send = socket_send, .receive = socket_receive, .teardown = teardown,
};
