/* SPDX-License-Identifier: MIT */

/*
 * ganger's pipe, through the public interface
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "bench.h"
#include "ganger.h"
#include "pipe-bench.h"
#include "shm/member.h"
#include "shm/region.h"
#include "worker/handshake.h"

static struct geometry geometry;
static int memory_fds[2], event_fds[2];
static size_t message_size;

static void setup(size_t size) {
        message_size = size;
        geometry = (struct geometry){
                .kind = OBJECT_PIPE, .capacity = (uint32_t)pipe_capacity(size), .message_max = (uint32_t)size,
                .fences = !region_barrier_is_available(),
        };
        for (int i = 0; i < 2; i++) {
                memory_fds[i] = region_create("bench", &geometry);
                event_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
                if (memory_fds[i] < 0 || event_fds[i] < 0)
                        bench_die("making a pipe");
        }
}

static void teardown(void) {
        for (int i = 0; i < 2; i++) {
                close(memory_fds[i]);
                close(event_fds[i]);
        }
}

/** An end of the `i`th pipe. */
static struct ganger_pipe *open_end(int i, unsigned int flags) {
        struct handshake_object object = {
                .name = "bench", .geometry = geometry, .memory_fd = 1, .event_fd = 2,
                .first = flags == GANGER_SEND ? 1 : 2, .count = 1, .generation = 1,
                .receives = flags == GANGER_RECEIVE, .sends = flags == GANGER_SEND,
        };
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        _cleanup_(freep) void *blob = NULL;
        struct ganger_pipe *pipe = NULL;
        struct ganger *g = NULL;
        size_t size;
        int fds[3] = {
                member_create("bench"),
                fcntl(memory_fds[i], F_DUPFD_CLOEXEC, 0),
                fcntl(event_fds[i], F_DUPFD_CLOEXEC, 0),
        };

        errno = 0;
        if (handshake_new(&h, "bench", 0, 0) < 0 || handshake_add(h, &object) < 0 ||
            handshake_encode(h, &blob, &size) < 0 || ganger_join_descriptors(&g, blob, size, fds, 3) < 0 ||
            ganger_pipe_open(g, NULL, flags, &pipe) < 0)
                bench_die("joining a pipe");
        return pipe;
}

/* ---- one way ------------------------------------------------------------------------------------- */

static void write_always(enum pipe_way way) {
        static unsigned char data[PIPE_SIZE_MAX];
        struct ganger_pipe *p = open_end(0, GANGER_SEND);
        struct iovec batch[PIPE_BATCH];
        size_t size = message_size;
        void *to;

        switch (way) {
        case PIPE_SINGLE:
                for (;;)
                        while (ganger_pipe_send(p, data, size, 0) < 0)
                                bench_relax();
        case PIPE_BATCHES:
                for (int i = 0; i < PIPE_BATCH; i++)
                        batch[i] = (struct iovec){ data, size };
                for (;;)
                        while (ganger_pipe_send_many(p, batch, PIPE_BATCH, 0) < 0)
                                bench_relax();
        case PIPE_IN_PLACE:
                for (uint64_t n = 0;; n++) {
                        while (ganger_pipe_reserve(p, size, &to, 0) < 0)
                                bench_relax();
                        *(uint64_t *)to = n;
                        ganger_pipe_commit(p, size);
                }
        }
}

static void read_always(enum pipe_way way, _Atomic uint64_t *received) {
        static unsigned char data[PIPE_SIZE_MAX];
        struct ganger_pipe *p = open_end(0, GANGER_RECEIVE);
        struct iovec batch[PIPE_BATCH];
        volatile uint64_t seen;
        const void *from;
        uint64_t taken;
        size_t size;
        int n;

        for (;; pipe_count(received, taken)) {
                taken = 1;
                switch (way) {
                case PIPE_SINGLE:
                        while (ganger_pipe_receive(p, data, sizeof data, &size, 0) < 0)
                                bench_relax();
                        break;
                case PIPE_BATCHES:
                        while ((n = ganger_pipe_peek_many(p, batch, PIPE_BATCH, 0)) < 0)
                                bench_relax();
                        for (taken = 0; taken < (uint64_t)n; taken++)
                                memcpy(data, batch[taken].iov_base, batch[taken].iov_len);
                        ganger_pipe_consume(p);
                        break;
                case PIPE_IN_PLACE:
                        while (ganger_pipe_peek(p, &from, &size, 0) < 0)
                                bench_relax();
                        seen = *(const uint64_t *)from;
                        ganger_pipe_consume(p);
                }
        }
        (void)seen;
}

/* ---- to and fro ---------------------------------------------------------------------------------- */

static inline void send_64(struct ganger_pipe *p, const void *data) {
        while (ganger_pipe_send(p, data, 64, 0) < 0)
                bench_relax();
}

static inline void receive_64(struct ganger_pipe *p, void *data) {
        size_t size;

        while (ganger_pipe_receive(p, data, 64, &size, 0) < 0)
                bench_relax();
}

static void ping(uint64_t n) {
        static struct ganger_pipe *out, *in;
        uint64_t data[8] = { 0 };

        if (!out) {
                out = open_end(0, GANGER_SEND);
                in = open_end(1, GANGER_RECEIVE);
        }
        while (n-- > 0) {
                send_64(out, data);
                receive_64(in, data);
        }
}

static void pong(void) {
        struct ganger_pipe *in = open_end(0, GANGER_RECEIVE), *out = open_end(1, GANGER_SEND);
        uint64_t data[8];

        for (;;) {
                receive_64(in, data);
                send_64(out, data);
        }
}

const struct pipe_peer pipe_ganger = {
        .name = "ganger", .note = "any size, kill-safe",
        .setup = setup, .write = write_always, .read = read_always, .ping = ping, .pong = pong, .teardown = teardown,
};
