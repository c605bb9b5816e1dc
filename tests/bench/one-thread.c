/* SPDX-License-Identifier: MIT */

/*
 * One thread: send, receive and acknowledge a message of 64 bytes
 *
 * What the operations themselves cost, without any other processor. All three copy the payload in, and out
 * into the caller's buffer, and look at it.
 */

#include <string.h>

#include "bench.h"
#include "gang.h"
#include "queue-bench.h"
#include "vyukov.h"

#define SLOTS 1024
#define SIZE 64
#define MESSAGES 200000
#define ROUNDS 41

static volatile uint64_t sink;

static double time_ganger(struct ganger_ring *ring) {
        uint64_t data[SIZE / 8] = { 0 }, buf[SIZE / 8], sum = 0, start = bench_now_ns();
        struct ganger_message m;

        for (uint64_t i = 0; i < MESSAGES; i++) {
                data[0] = i;
                if (ganger_ring_send(ring, data, sizeof data, 0) < 0 || ganger_ring_receive(ring, &m, 0) < 0)
                        bench_die("ganger: a message did not come");
                memcpy(buf, m.data, m.size);
                sum += buf[0];
                ganger_acknowledge(&m);
        }
        sink = sum;
        return (double)(bench_now_ns() - start) / MESSAGES;
}

static double time_shm(struct queue *q) {
        uint64_t data[SIZE / 8] = { 0 }, buf[SIZE / 8], sum = 0, start = bench_now_ns();
        size_t size = sizeof data;
        struct lease l;

        __asm__ volatile("" : "+r"(size));
        for (uint64_t i = 0; i < MESSAGES; i++) {
                data[0] = i;
                if (queue_reserve(q, &l) < 0)
                        bench_die("lib/shm: full");
                memcpy(l.data, data, size);
                queue_commit(q, &l, (uint32_t)size);
                if (queue_receive(q, &l) < 0)
                        bench_die("lib/shm: a message did not come");
                memcpy(buf, l.data, l.size);
                sum += buf[0];
                queue_acknowledge(q, l.slot);
        }
        sink = sum;
        return (double)(bench_now_ns() - start) / MESSAGES;
}

static double time_vyukov(struct vyukov *q) {
        uint64_t data[SIZE / 8] = { 0 }, buf[SIZE / 8], sum = 0, start = bench_now_ns();
        size_t size;

        for (uint64_t i = 0; i < MESSAGES; i++) {
                data[0] = i;
                if (vyukov_send(q, data, sizeof data) < 0 || vyukov_receive(q, buf, &size) < 0)
                        bench_die("vyukov: a message did not come");
                sum += buf[0];
        }
        sink = sum;
        return (double)(bench_now_ns() - start) / MESSAGES;
}

void bench_one_thread(void) {
        struct bench_table *t = bench_table_new("queue", "queue, one thread: send, receive, acknowledge 64 B",
                                                "ns", BENCH_LESS, "vyukov");
        size_t size = vyukov_memory_size(SLOTS, SIZE);
        void *memory = bench_shared(size);
        struct ganger_ring *ring;
        struct vyukov vyukov;
        struct region region;
        struct gang gang;
        struct ganger *g;
        struct queue q;

        gang_open(&gang, SLOTS, SIZE);
        g = gang_join(&gang, 0, &ring);
        gang_attach(&gang, 9, &region, &q);
        vyukov_create(memory, SLOTS, SIZE);
        vyukov_open(&vyukov, memory, SLOTS, SIZE);
        bench_pin(0);
        for (int left = bench_rounds(ROUNDS); bench_round(&left);) {
                bench_add(bench_row(t, "vyukov", "not kill-safe"), time_vyukov(&vyukov));
                bench_add(bench_row(t, "ganger", "ganger.h"), time_ganger(ring));
                bench_add(bench_row(t, "ganger, inside", "lib/shm"), time_shm(&q));
        }
        bench_pin(-1);
        bench_table_show(t);
        bench_aim_least("queue, one thread: beside vyukov, round by round", bench_ratio(t, "ganger", "vyukov", 0.5), 0.75);
        bench_table_free(t);
        ganger_leave(g);
        region_unmap(&region);
        gang_close(&gang);
        bench_unmap(memory, size);
}
