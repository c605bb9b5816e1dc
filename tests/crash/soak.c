/* SPDX-License-Identifier: MIT */

/*
 * soak [SECONDS] [SEED]: random SIGKILLs under load, for as long as the argument or $SECONDS says
 *
 * A feeder sends numbered messages into ring A; workers forward them to ring B, each in one step with its acknowledgement; the
 * collector marks each in a bitmap. Now and then a worker rejects a message first, holds one for long, or waits by polling. The parent kills workers at
 * random moments, recovers them, and starts replacements, which inherit nothing but descriptors.
 * At the end every number must have come out exactly once.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "shm/member.h"
#include "shm/queue.h"
#include "shm/recover.h"

#define WORKERS 4
#define FEEDER (WORKERS + 1)
#define COLLECTOR (WORKERS + 2)
#define MESSAGES_MAX (UINT64_C(1) << 31)
#define LATENCIES_MAX 65536
/** Longer without a message while some are missing: somebody is wedged. */
#define PATIENCE_USEC 10000000
#define SECONDS_USUAL 12
#define IN 0
#define OUT 1

/** Long enough that a torn one shows. */
struct message {
        uint64_t number;
        uint64_t check[3];
};

/** What parent and children share beside the rings. */
struct shared {
        _Atomic uint64_t redelivered_usec; /* when the last redelivery was seen */
        _Atomic uint64_t sent;
        _Atomic uint32_t stop;
};

static const struct geometry geometry[] = {
        [IN] = { .kind = OBJECT_QUEUE, .slots = 64, .message_max = sizeof(struct message), .max_deliveries = 255 },
        [OUT] = { .kind = OBJECT_QUEUE, .slots = 16, .message_max = sizeof(struct message), .max_deliveries = 255 },
};

static struct {
        int ring_fd[2], event_fd[2], member_fd[COLLECTOR];
        pid_t pid[COLLECTOR];
        uint32_t generation[COLLECTOR];
        struct region region[2];
        struct object judge[2];
        struct shared *shared;
        unsigned char *seen;
        uint64_t received, duplicated, torn, kills, returned, redone, redelivered;
        uint64_t latencies[LATENCIES_MAX];
        size_t n_latencies;
        uint64_t died_usec;             /* somebody who held a message that was not delivered again yet */
        uint64_t random;
} soak;

static uint64_t draw(uint64_t n) {
        soak.random ^= soak.random << 13;
        soak.random ^= soak.random >> 7;
        soak.random ^= soak.random << 17;
        return soak.random % n;
}

static _Noreturn void fail(const char *what, int r) {
        fprintf(stderr, "soak: %s: %s\n", what, strerror(-r));
        exit(EXIT_FAILURE);
}

static void message_fill(struct message *m, uint64_t number) {
        m->number = number;
        for (unsigned int i = 0; i < 3; i++)
                m->check[i] = number * UINT64_C(0x9e3779b97f4a7c15) + i;
}

static bool message_is_whole(const struct message *m, uint32_t size) {
        for (unsigned int i = 0; i < 3; i++)
                if (m->check[i] != m->number * UINT64_C(0x9e3779b97f4a7c15) + i)
                        return false;
        return size == sizeof *m;
}

/* ---- children ------------------------------------------------------------------------------------ */

static void map_rings(struct region *regions, struct queue *queues, uint32_t who) {
        for (int i = 0; i < 2; i++) {
                int r = region_map(&regions[i], soak.ring_fd[i], &geometry[i]);

                if (r < 0)
                        fail("map", r);
                queue_open(&queues[i], &regions[i], who, soak.generation[who], soak.event_fd[i]);
        }
}

static _Noreturn void feed(void) {
        struct region regions[2];
        struct queue queues[2];

        map_rings(regions, queues, FEEDER);
        for (uint64_t n = 0; n < MESSAGES_MAX && !atomic_load(&soak.shared->stop); n++) {
                struct lease l;
                int r = queue_reserve_wait(&queues[IN], &l, UINT64_MAX);

                if (r < 0)
                        fail("send", r);
                message_fill(l.data, n);
                queue_commit(&queues[IN], &l, sizeof(struct message));
                atomic_store_explicit(&soak.shared->sent, n + 1, memory_order_release);
        }
        _exit(EXIT_SUCCESS);
}

/** Wait for a message, one way or the other. */
static int receive(struct queue *q, struct lease *l, bool polls) {
        int r;

        if (!polls)
                return queue_receive_wait(q, l, UINT64_MAX, NULL);
        while ((r = queue_receive_poll(q, l)) == -EAGAIN) {
                struct pollfd p = { .fd = q->messages.event_fd, .events = POLLIN };

                (void)poll(&p, 1, -1);
        }
        return r;
}

static void forward(struct queue *queues, struct journal *j, const struct lease *in) {
        struct lease out;
        int r = queue_reserve_wait(&queues[OUT], &out, UINT64_MAX);

        if (r < 0)
                fail("reserve", r);
        memcpy(out.data, in->data, sizeof(struct message));
        queue_commit_prepare(&queues[OUT], &out, in->size);
        journal_settle(j, (struct settlement[]){
                                  { .queue = &queues[OUT], .ring = OUT, .slot = out.slot },
                                  { .queue = &queues[IN], .ring = IN, .slot = in->slot, .acknowledge = true },
                          }, 2);
}

static _Noreturn void work(uint32_t who) {
        struct region regions[2];
        struct queue queues[2];
        struct member member;
        int r;

        map_rings(regions, queues, who);
        r = member_map(&member, soak.member_fd[who]);
        if (r < 0)
                fail("member", r);
        for (;;) {
                struct lease l;

                r = receive(&queues[IN], &l, who % 2 == 0);
                if (r < 0)
                        fail("receive", r);
                if (l.deliveries > 1)
                        atomic_store(&soak.shared->redelivered_usec, now_usec());
                if (draw(1000) == 0)
                        usleep((useconds_t)draw(20000));
                if (l.deliveries < 4 && draw(500) == 0)
                        queue_reject(&queues[IN], l.slot, "at random");
                else
                        forward(queues, &member.memory->journals[0], &l);
        }
}

static void start(uint32_t who) {
        pid_t pid = fork();

        if (pid < 0)
                fail("fork", -errno);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                soak.random ^= ((uint64_t)who << 32 | soak.generation[who]) * UINT64_C(0x9e3779b97f4a7c15);
                if (who == FEEDER)
                        feed();
                work(who);
        }
        soak.pid[who] = pid;
}

/* ---- the parent ---------------------------------------------------------------------------------- */

static void kill_one(uint32_t who) {
        const struct seat seats[] = {
                { &soak.judge[IN], IN, who, 1, soak.generation[who] },
                { &soak.judge[OUT], OUT, who, 1, soak.generation[who] },
        };
        struct recovery got = { 0 };
        struct member member;
        uint64_t died;
        int status, r;

        kill(soak.pid[who], SIGKILL);
        if (waitpid(soak.pid[who], &status, 0) < 0)
                fail("waitpid", -errno);
        if (!WIFSIGNALED(status))
                fail("a worker ended by itself", -ECHILD);
        died = now_usec();
        r = member_map(&member, soak.member_fd[who]);
        if (r < 0)
                fail("member", r);
        recover_process(&member, seats, 2, "killed by soak", &got);
        member_unmap(&member);
        soak.kills++;
        soak.returned += got.returned;
        soak.redone += got.redone;
        soak.generation[who]++;
        start(who);
        if (got.returned > 0)
                soak.died_usec = died;
}

/** How long until somebody else has what a dead one held? */
static void note_latency(void) {
        uint64_t again = atomic_load(&soak.shared->redelivered_usec);

        if (soak.died_usec == 0 || again < soak.died_usec)
                return;
        if (soak.n_latencies < LATENCIES_MAX)
                soak.latencies[soak.n_latencies++] = again - soak.died_usec;
        soak.died_usec = 0;
}

/** @return whether there was one. */
static bool collect(struct queue *out) {
        struct message m;
        struct lease l;

        if (queue_receive(out, &l) < 0)
                return false;
        memcpy(&m, l.data, sizeof m);
        if (!message_is_whole(&m, l.size) || m.number >= MESSAGES_MAX)
                soak.torn++;
        else if (soak.seen[m.number / 8] & 1u << m.number % 8)
                soak.duplicated++;
        else
                soak.seen[m.number / 8] |= (unsigned char)(1u << m.number % 8);
        soak.redelivered += l.deliveries > 1;
        queue_acknowledge(out, l.slot);
        soak.received++;
        return true;
}

/** Until nothing is missing any more, or nothing has come for long. */
static void drain(struct queue *out) {
        uint64_t last = now_usec();
        int status;

        atomic_store(&soak.shared->stop, 1);
        while (now_usec() - last < PATIENCE_USEC) {
                if (collect(out))
                        last = now_usec();
                else if (soak.pid[FEEDER] && waitpid(soak.pid[FEEDER], &status, WNOHANG) == soak.pid[FEEDER])
                        soak.pid[FEEDER] = 0;
                else if (!soak.pid[FEEDER] && soak.received >= atomic_load(&soak.shared->sent))
                        break;
        }
}

static int compare(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static uint64_t count_lost(void) {
        uint64_t lost = 0, sent = atomic_load(&soak.shared->sent);

        for (uint64_t i = 0; i < sent; i++)
                lost += !(soak.seen[i / 8] & 1u << i % 8);
        return lost;
}

static void set_up(void) {
        for (int i = 0; i < 2; i++) {
                int r;

                soak.ring_fd[i] = region_create(i == IN ? "soak-in" : "soak-out", &geometry[i]);
                soak.event_fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
                r = soak.ring_fd[i] < 0 ? soak.ring_fd[i] : region_map(&soak.region[i], soak.ring_fd[i], &geometry[i]);
                if (r < 0)
                        fail("ring", r);
                object_open(&soak.judge[i], &soak.region[i], soak.event_fd[i]);
        }
        soak.shared = mmap(NULL, sizeof *soak.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        soak.seen = mmap(NULL, MESSAGES_MAX / 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (soak.shared == MAP_FAILED || soak.seen == MAP_FAILED)
                fail("mmap", -errno);
        for (uint32_t who = 1; who <= WORKERS; who++) {
                soak.member_fd[who] = member_create("soak-member");
                if (soak.member_fd[who] < 0)
                        fail("member", soak.member_fd[who]);
        }
        for (uint32_t who = 1; who <= FEEDER; who++)
                start(who);
}

static void run(struct queue *out, uint64_t usec) {
        uint64_t end = now_usec() + usec, next_kill = now_usec() + 1000;

        while (now_usec() < end) {
                for (int i = 0; i < 64 && collect(out); i++)
                        ;
                note_latency();
                if (now_usec() >= next_kill) {
                        kill_one(1 + (uint32_t)draw(WORKERS));
                        next_kill = now_usec() + draw(4000);
                }
        }
}

int main(int argc, char **argv) {
        const char *length = argc > 1 ? argv[1] : getenv("SECONDS");
        uint64_t seconds = length ? strtoull(length, NULL, 10) : SECONDS_USUAL, lost;
        uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : now_usec();
        struct queue out;

        soak.random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
        set_up();
        queue_open(&out, &soak.region[OUT], COLLECTOR, 0, soak.event_fd[OUT]);
        run(&out, seconds * 1000000);
        drain(&out);
        for (uint32_t who = 1; who <= WORKERS; who++) {
                kill(soak.pid[who], SIGKILL);
                waitpid(soak.pid[who], NULL, 0);
        }
        lost = count_lost();
        qsort(soak.latencies, soak.n_latencies, sizeof soak.latencies[0], compare);
        printf("soak: seed %lu: %lu kills, %lu messages, %lu lost, %lu duplicated, %lu torn; %lu returned, %lu redone, "
               "death to redelivery %lu us (median of %zu)\n",
               seed, soak.kills, atomic_load(&soak.shared->sent), lost, soak.duplicated, soak.torn, soak.returned,
               soak.redone, soak.n_latencies ? soak.latencies[soak.n_latencies / 2] : 0, soak.n_latencies);
        return lost == 0 && soak.duplicated == 0 && soak.torn == 0 && soak.kills > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
