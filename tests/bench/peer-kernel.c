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

static struct peer_world world;
static int channels[PEER_CHANNELS][2];  /* to receive from, to send to */
static int out = -1, in = -1;
static int flags;

static void enter(unsigned int role) {
        out = channels[peer_channel(&world, role, true)][1];
        in = channels[peer_channel(&world, role, false)][0];
}

static void teardown(void) {
        for (unsigned int i = 0; i < PEER_CHANNELS; i++) {
                close(channels[i][0]);
                close(channels[i][1]);
        }
}

/* ---- pipes --------------------------------------------------------------------------------------- */

static void pipe_setup(const struct peer_world *w) {
        world = *w;
        for (unsigned int i = 0; i < PEER_CHANNELS; i++) {
                if (pipe2(channels[i], O_CLOEXEC | (world.blocking ? 0 : O_NONBLOCK)) < 0)
                        bench_die("pipe2");
                (void)fcntl(channels[i][1], F_SETPIPE_SZ, (int)(world.slots * world.size));
        }
}

/** All of it, or nothing: past PIPE_BUF a pipe may take or give a part, and then the rest must follow. */
static bool pipe_send(const void *data) {
        const char *p = data;
        size_t left = world.size;

        while (left > 0) {
                ssize_t n = write(out, p + (world.size - left), left);

                if (n > 0)
                        left -= (size_t)n;
                else if (left == world.size)
                        return false;
        }
        return true;
}

static bool pipe_receive(void *buf) {
        char *p = buf;
        size_t left = world.size;

        while (left > 0) {
                ssize_t n = read(in, p + (world.size - left), left);

                if (n > 0)
                        left -= (size_t)n;
                else if (left == world.size)
                        return false;
        }
        return true;
}

/* ---- sockets ------------------------------------------------------------------------------------- */

static void socket_setup(const struct peer_world *w) {
        world = *w;
        flags = world.blocking ? 0 : MSG_DONTWAIT;
        for (unsigned int i = 0; i < PEER_CHANNELS; i++)
                if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channels[i]) < 0)
                        bench_die("socketpair");
}

static bool socket_send(const void *data) {
        return send(out, data, world.size, flags | MSG_NOSIGNAL) == (ssize_t)world.size;
}

static bool socket_receive(void *buf) {
        return recv(in, buf, world.size, flags) == (ssize_t)world.size;
}

const struct peer peer_pipe = {
        .name = "pipe(2)", .spins = true, .blocks = true,
        .setup = pipe_setup, .enter = enter, .send = pipe_send, .receive = pipe_receive, .teardown = teardown,
};

const struct peer peer_seqpacket = {
        .name = "SOCK_SEQPACKET", .spins = true, .blocks = true,
        .setup = socket_setup, .enter = enter, .send = socket_send, .receive = socket_receive, .teardown = teardown,
};
