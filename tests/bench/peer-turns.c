/* SPDX-License-Identifier: MIT */

/*
 * Yardsticks for a round trip: two processes that take turns, and carry nothing
 *
 * The bare cache line is as fast as two processors can tell each other anything; a futex and an eventfd are the least that a process
 * pays to sleep until it is told.
 */

#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "peer.h"

struct turn {
        _Alignas(128) _Atomic uint32_t n;
};

static struct peer_world world;
static struct turn *turns;
static struct turn *out, *in;
static uint32_t seen;
static int fds[PEER_CHANNELS], out_fd, in_fd;

static void setup(const struct peer_world *w) {
        world = *w;
        turns = bench_shared(PEER_CHANNELS * sizeof *turns);
}

static void enter(unsigned int role) {
        out = &turns[peer_channel(&world, role, true)];
        in = &turns[peer_channel(&world, role, false)];
        seen = 0;
}

static void teardown(void) {
        bench_unmap(turns, PEER_CHANNELS * sizeof *turns);
}

/* ---- a line -------------------------------------------------------------------------------------- */

static bool line_send(const void *data) {
        (void)data;
        atomic_store_explicit(&out->n, atomic_load_explicit(&out->n, memory_order_relaxed) + 1, memory_order_release);
        return true;
}

static bool line_receive(void *buf) {
        (void)buf;
        if (atomic_load_explicit(&in->n, memory_order_acquire) == seen)
                return false;
        seen++;
        return true;
}

const struct peer peer_line = {
        .name = "cache line", .note = "bare, carries nothing", .spins = true, .one_size = true, .pairs_max = 1,
        .setup = setup, .enter = enter, .send = line_send, .receive = line_receive, .teardown = teardown,
};

/* ---- a futex ------------------------------------------------------------------------------------- */

static bool futex_send(const void *data) {
        line_send(data);
        (void)syscall(SYS_futex, &out->n, FUTEX_WAKE, 1, NULL, NULL, 0);
        return true;
}

static bool futex_receive(void *buf) {
        while (!line_receive(buf))
                (void)syscall(SYS_futex, &in->n, FUTEX_WAIT, seen, NULL, NULL, 0);
        return true;
}

const struct peer peer_futex = {
        .name = "futex", .note = "bare, carries nothing", .blocks = true, .one_size = true, .pairs_max = 1,
        .setup = setup, .enter = enter, .send = futex_send, .receive = futex_receive, .teardown = teardown,
};

/* ---- an eventfd ---------------------------------------------------------------------------------- */

static void eventfd_setup(const struct peer_world *w) {
        world = *w;
        for (unsigned int i = 0; i < PEER_CHANNELS; i++) {
                fds[i] = eventfd(0, EFD_CLOEXEC);
                if (fds[i] < 0)
                        bench_die("eventfd");
        }
}

static void eventfd_enter(unsigned int role) {
        out_fd = fds[peer_channel(&world, role, true)];
        in_fd = fds[peer_channel(&world, role, false)];
}

static bool eventfd_send(const void *data) {
        const uint64_t one = 1;

        (void)data;
        return write(out_fd, &one, sizeof one) == sizeof one;
}

static bool eventfd_receive(void *buf) {
        uint64_t n;

        (void)buf;
        return read(in_fd, &n, sizeof n) == sizeof n;
}

static void eventfd_teardown(void) {
        for (unsigned int i = 0; i < PEER_CHANNELS; i++)
                close(fds[i]);
}

const struct peer peer_eventfd = {
        .name = "eventfd", .note = "bare, carries nothing", .blocks = true, .one_size = true, .pairs_max = 1,
        .setup = eventfd_setup, .enter = eventfd_enter, .send = eventfd_send, .receive = eventfd_receive,
        .teardown = eventfd_teardown,
};
