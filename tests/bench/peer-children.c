/* SPDX-License-Identifier: MIT */

/*
 * Children that send and receive
 *
 * Each is pinned to a processor, or they share the processors if there are more of them.
 */

#include "peer-children.h"

#include <stdlib.h>
#include <unistd.h>

/** How long the parent, and whoever is early, does nothing between two looks. */
#define LOOK_NS 100000

_Alignas(64) unsigned char peer_payload[1 << 16];

/** After a kill: how long was this child without a message at most? */
static inline void note_gap(struct shared *shared, struct child *self) {
        uint64_t kill = atomic_load_explicit(&shared->kill_ns, memory_order_relaxed), now, last;

        if (__builtin_expect(kill == 0, 1))
                return;
        now = bench_now_ns();
        last = atomic_load_explicit(&self->last_ns, memory_order_relaxed);
        if (last < kill)
                last = kill;
        if (now > last && now - last > atomic_load_explicit(&self->gap_ns, memory_order_relaxed))
                atomic_store_explicit(&self->gap_ns, now - last, memory_order_relaxed);
        atomic_store_explicit(&self->last_ns, now, memory_order_relaxed);
}

static inline void did(struct shared *shared, struct child *self, uint64_t n) {
        atomic_store_explicit(&self->done, n, memory_order_relaxed);
        note_gap(shared, self);
}

static _Noreturn void send_always(const struct peer *peer, const struct peer_world *world, struct child *self,
                                  struct shared *shared) {
        bool crowded = peer_is_crowded(world);

        for (uint64_t n = 1;; n++) {
                peer_send_one(peer, crowded);
                if (world->batch > 1 && n % world->batch == 0)
                        peer->publish();
                did(shared, self, n);
        }
}

static _Noreturn void receive_always(const struct peer *peer, const struct peer_world *world, struct child *self,
                                     struct shared *shared) {
        bool crowded = peer_is_crowded(world);

        for (uint64_t n = 1;; n++) {
                peer_receive_one(peer, crowded);
                did(shared, self, n);
        }
}

void peer_one_way(const struct peer *peer, const struct peer_world *world, unsigned int role, struct shared *shared) {
        if (role < world->senders)
                send_always(peer, world, &shared->children[role], shared);
        receive_always(peer, world, &shared->children[role], shared);
}

/* ---- the parent -------------------------------------------------------------------------------- */

static void enter(const struct peer *peer, const struct peer_world *world, unsigned int role, struct shared *shared) {
        /* First: threads that a peer starts are free to run elsewhere. */
        peer->enter(role);
        if (world->sides)
                bench_pin(role < world->senders ? 0 : 1);
        else if (!peer_is_crowded(world))
                bench_pin((int)role);
        atomic_store(&shared->children[role].there, 1);
        while (!atomic_load(&shared->go))
                bench_pause_ns(LOOK_NS);
}

struct shared *peer_start(const struct peer *peer, const struct peer_world *world, child_fn fn) {
        struct shared *shared = bench_shared(sizeof *shared);
        unsigned int n = peer_children(world);

        peer->setup(world);
        for (unsigned int i = 0; i < n; i++) {
                pid_t pid = fork();

                if (pid < 0)
                        bench_die("fork");
                if (pid == 0) {
                        enter(peer, world, i, shared);
                        fn(peer, world, i, shared);
                        _exit(EXIT_FAILURE);
                }
                shared->pids[i] = pid;
        }
        for (unsigned int i = 0; i < n; i++)
                while (!atomic_load(&shared->children[i].there))
                        bench_pause_ns(LOOK_NS);
        atomic_store(&shared->go, 1);
        return shared;
}

void peer_stop(const struct peer *peer, const struct peer_world *world, struct shared *shared) {
        for (unsigned int i = 0; i < peer_children(world); i++)
                bench_kill(shared->pids[i]);
        peer->teardown();
        bench_unmap(shared, sizeof *shared);
}
