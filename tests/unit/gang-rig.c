/* SPDX-License-Identifier: MIT */

#include "gang-rig.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/fd.h"

void rig_ring_open(struct rig_ring *r, const char *name, uint32_t slots, uint32_t message_max,
                   uint32_t max_deliveries) {
        struct region region;

        *r = (struct rig_ring){
                .name = name,
                .geometry = {
                        .kind = OBJECT_QUEUE,
                        .slots = slots,
                        .message_max = message_max,
                        .max_deliveries = max_deliveries,
                        .fences = !region_barrier_is_available(),
                },
                .next_participant = 1,
        };
        r->memory_fd = region_create(name, &r->geometry);
        ck_assert_int_ge(r->memory_fd, 0);
        r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        ck_assert_int_ge(r->event_fd, 0);
        ck_assert_int_eq(region_map(&region, r->memory_fd, &r->geometry), 0);
        object_open(&r->judge, &region, r->event_fd);
}

void rig_ring_close(struct rig_ring *r) {
        region_unmap(&r->judge.region);
        r->memory_fd = close_fd(r->memory_fd);
        r->event_fd = close_fd(r->event_fd);
}

uint32_t rig_ring_count(const struct rig_ring *r, enum slot_state state) {
        uint32_t n = 0;

        for (uint64_t i = 0; i < r->judge.queue.n; i++)
                n += word_state(atomic_load(&queue_slot(&r->judge.queue, i)->word)) == state;
        return n;
}

const char *rig_ring_reason(const struct rig_ring *r, uint32_t slot, char *buf, size_t size) {
        const struct note *note = &r->judge.queue.notes[slot];

        snprintf(buf, size, "%.*s", note->length, note->text);
        return buf;
}

void rig_member_open(struct rig_member *m, const char *worker, uint32_t instance) {
        *m = (struct rig_member){ .worker = worker, .instance = instance };
        m->member_fd = member_create("member");
        ck_assert_int_ge(m->member_fd, 0);
        ck_assert_int_eq(member_map(&m->memory, m->member_fd), 0);
}

void rig_member_close(struct rig_member *m) {
        member_unmap(&m->memory);
        m->member_fd = close_fd(m->member_fd);
}

void rig_member_give(struct rig_member *m, struct rig_ring *ring, unsigned int flags, uint32_t handles) {
        struct handshake_object *r = &m->rings[m->n_rings];

        ck_assert_uint_lt(m->n_rings, RIG_RINGS);
        *r = (struct handshake_object){
                .geometry = ring->geometry,
                .first = ring->next_participant,
                .count = handles,
                .generation = 7,
                .receives = flags & GANGER_RECEIVE,
                .sends = flags & GANGER_SEND,
        };
        snprintf(r->name, sizeof r->name, "%s", ring->name);
        ring->next_participant += handles;
        m->of[m->n_rings++] = ring;
}

size_t rig_member_handshake(const struct rig_member *m, int first, int *fds, void **ret_blob,
                            size_t *ret_size) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        size_t n = 0;

        ck_assert_int_eq(handshake_new(&h, m->worker, m->instance, first), 0);
        fds[n++] = m->member_fd;
        for (size_t i = 0; i < m->n_rings; i++) {
                struct handshake_object r = m->rings[i];

                r.memory_fd = first + (int)n;
                fds[n++] = m->of[i]->memory_fd;
                r.event_fd = first + (int)n;
                fds[n++] = m->of[i]->event_fd;
                ck_assert_int_eq(handshake_add(h, &r), (int)i);
        }
        ck_assert_int_eq(handshake_encode(h, ret_blob, ret_size), 0);
        return n;
}

struct ganger *rig_member_join(const struct rig_member *m) {
        struct ganger *g = NULL;
        int fds[1 + 2 * RIG_RINGS];
        size_t n, size;
        void *blob;

        n = rig_member_handshake(m, 0, fds, &blob, &size);
        for (size_t i = 0; i < n; i++)
                fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        ck_assert_int_eq(ganger_join_descriptors(&g, blob, size, fds, n), 0);
        free(blob);
        return g;
}

void rig_member_become(const struct rig_member *m) {
        int fds[1 + 2 * RIG_RINGS], memfd;
        char number[16];
        size_t n, size;
        void *blob;

        n = rig_member_handshake(m, RIG_FD + 1, fds, &blob, &size);
        memfd = fd_memfd_sealed("handshake", blob, size);
        free(blob);
        dup2(memfd, RIG_FD);
        close(memfd);
        for (size_t i = 0; i < n; i++)
                dup2(fds[i], RIG_FD + 1 + (int)i);
        snprintf(number, sizeof number, "%d", RIG_FD);
        setenv(HANDSHAKE_ENV, number, 1);
        setenv("GANGER_WORKER", m->worker, 1);
}

void rig_member_recover(struct rig_member *m, const char *reason, struct recovery *ret) {
        struct seat seats[RIG_RINGS];

        for (size_t i = 0; i < m->n_rings; i++)
                seats[i] = (struct seat){
                        .object = &m->of[i]->judge, .ring = (uint32_t)i, .first = m->rings[i].first,
                        .count = m->rings[i].count, .generation = m->rings[i].generation,
                };
        recover_process(&m->memory, seats, m->n_rings, reason, ret);
}
