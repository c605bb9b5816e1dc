/* SPDX-License-Identifier: MIT */

/*
 * One moment of a run: somebody is killed, somebody is woken
 *
 * A kill. Two are left, a sender and a receiver, on a processor each that nobody shares with them: else they would be
 * seen to wait for the end of each other's time slices, some 4 ms. What is told is how long one of them got nothing done,
 * longest.
 *
 * A wake-up. The receiver surely sleeps: the kernel says so, and a while has passed.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "peer-children.h"
#include "peer-run.h"

/* ---- a kill ------------------------------------------------------------------------------------ */

/** The survivors are watched for so long. */
#define WATCH_NS 20000000
/** Whoever got nothing done for so long at its end is watched on. */
#define OPEN_NS 5000000

/** How long was somebody without a message at most? @param ret_open  somebody still is. */
static uint64_t longest_gap(const struct peer_world *world, struct shared *shared, unsigned int victim, bool *ret_open) {
        uint64_t kill = atomic_load(&shared->kill_ns), now = bench_now_ns(), longest = 0;

        *ret_open = false;
        for (unsigned int i = 0; i < peer_children(world); i++) {
                struct child *c = &shared->children[i];
                uint64_t last = atomic_load(&c->last_ns), gap = atomic_load(&c->gap_ns), open;

                if (i == victim)
                        continue;
                last = last > kill ? last : kill;
                open = now > last ? now - last : 0;
                *ret_open |= open > OPEN_NS;
                gap = gap > open ? gap : open;
                longest = longest > gap ? longest : gap;
        }
        return longest;
}

double peer_run_kill(const struct peer *peer, const struct peer_world *world, unsigned int victim) {
        struct shared *shared = peer_start(peer, world, peer_one_way);
        uint64_t gap;
        double ms;
        bool open;

        bench_pause_ns(PEER_WARM_UP_NS + bench_now_ns() % 1000000);
        atomic_store(&shared->kill_ns, bench_now_ns());
        if (victim != PEER_NOBODY) {
                bench_kill(shared->pids[victim]);
                shared->pids[victim] = 0;
                if (peer->recover)
                        peer->recover(victim);
        }
        do {
                bench_pause_ns(WATCH_NS);
                gap = longest_gap(world, shared, victim, &open);
                ms = (double)gap / 1e6;
        } while (open && ms < PEER_STUCK);
        peer_stop(peer, world, shared);
        return ms < PEER_STUCK ? ms : PEER_STUCK;
}

/* ---- a wake-up --------------------------------------------------------------------------------- */

/** After the kernel says that it sleeps: so that it really does. */
#define ASLEEP_NS 50000

static bool sleeps(pid_t pid) {
        char path[64], line[256] = "";
        const char *state;
        FILE *f;

        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        f = fopen(path, "re");
        if (f) {
                (void)!fgets(line, sizeof line, f);
                fclose(f);
        }
        state = strrchr(line, ')');
        return state && state[1] == ' ' && state[2] == 'S';
}

static void wake(const struct peer *peer, struct shared *shared) {
        for (uint32_t i = 0; i < PEER_WAKES; i++) {
                uint64_t since;

                while (atomic_load(&shared->waits) != i + 1 || !sleeps(shared->pids[1]))
                        bench_relax();
                since = bench_now_ns();
                while (bench_now_ns() - since < ASLEEP_NS)
                        bench_relax();
                atomic_store_explicit(&shared->sent_ns, bench_now_ns(), memory_order_relaxed);
                peer_send_one(peer, false);
        }
        for (;;)
                pause();
}

static void be_woken(const struct peer *peer, struct shared *shared) {
        for (uint32_t i = 0; i < PEER_WAKES; i++) {
                atomic_store(&shared->waits, i + 1);
                peer_receive_one(peer, false);
                shared->wakes[i] = (double)(bench_now_ns() - atomic_load_explicit(&shared->sent_ns, memory_order_relaxed));
        }
        atomic_store(&shared->over, 1);
        for (;;)
                pause();
}

static void wake_or_be_woken(const struct peer *peer, const struct peer_world *world, unsigned int role,
                             struct shared *shared) {
        (void)world;
        if (role == 0)
                wake(peer, shared);
        be_woken(peer, shared);
}

double peer_run_wake(const struct peer *peer, const struct peer_world *world) {
        struct shared *shared = peer_start(peer, world, wake_or_be_woken);
        double p50;

        while (!atomic_load(&shared->over))
                bench_pause_ns(1000000);
        p50 = bench_quantile(shared->wakes, PEER_WAKES, 0.5);
        peer_stop(peer, world, shared);
        return p50;
}
