/* SPDX-License-Identifier: MIT */
/* Handshakes: what is written is read back; nothing that is damaged gets through. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "harness.h"
#include "shm/layout.h"
#include "worker/handshake.h"

static struct handshake_object some_ring(int i) {
        struct handshake_object r = {
                .geometry = {
                        .kind = OBJECT_QUEUE,
                        .slots = 64,
                        .message_max = 100 + (uint32_t)i,
                        .max_deliveries = 3,
                },
                .memory_fd = 10 + 2 * i,
                .event_fd = 11 + 2 * i,
                .first = 1 + (uint32_t)i,
                .count = 4,
                .generation = 9,
                .receives = i % 2,
                .sends = i % 2 == 0,
        };

        snprintf(r.name, sizeof r.name, "ring%d", i);
        return r;
}

static struct handshake *some_handshake(int rings) {
        struct handshake *h;

        ck_assert_int_eq(handshake_new(&h, "resize", 3, 9), 0);
        for (int i = 0; i < rings; i++) {
                struct handshake_object r = some_ring(i);

                ck_assert_int_eq(handshake_add(h, &r), i);
        }
        return h;
}

START_TEST(what_is_written_is_read) {
        _cleanup_(handshake_freep) struct handshake *h = NULL, *back = NULL;
        _cleanup_(freep) void *blob = NULL;
        size_t size;

        h = some_handshake(HANDSHAKE_OBJECTS_MAX);
        h->objects[5].geometry.fences = true;
        ck_assert_int_eq(handshake_encode(h, &blob, &size), 0);
        ck_assert_uint_eq(size, handshake_size_max());
        ck_assert_int_eq(handshake_decode(blob, size, &back), 0);
        ck_assert_str_eq(back->worker, "resize");
        ck_assert_uint_eq(back->instance, 3);
        ck_assert_int_eq(back->member_fd, 9);
        ck_assert_uint_eq(back->n_objects, h->n_objects);
        for (size_t i = 0; i < h->n_objects; i++) {
                struct handshake_object *a = &h->objects[i], *b = &back->objects[i];

                ck_assert_str_eq(a->name, b->name);
                ck_assert_uint_eq(a->geometry.slots, b->geometry.slots);
                ck_assert_uint_eq(a->geometry.message_max, b->geometry.message_max);
                ck_assert_uint_eq(a->geometry.max_deliveries, b->geometry.max_deliveries);
                ck_assert(a->geometry.fences == b->geometry.fences);
                ck_assert_int_eq(a->memory_fd, b->memory_fd);
                ck_assert_int_eq(a->event_fd, b->event_fd);
                ck_assert_uint_eq(a->first, b->first);
                ck_assert_uint_eq(a->count, b->count);
                ck_assert_uint_eq(a->generation, b->generation);
                ck_assert(a->receives == b->receives && a->sends == b->sends);
        }
}
END_TEST

START_TEST(one_without_rings_needs_no_member_memory) {
        _cleanup_(handshake_freep) struct handshake *h = NULL, *back = NULL;
        _cleanup_(freep) void *blob = NULL, *none = NULL;
        struct handshake_object r = some_ring(0);
        size_t size;

        ck_assert_int_eq(handshake_new(&h, "", 0, -1), 0);
        ck_assert_int_eq(handshake_encode(h, &blob, &size), 0);
        ck_assert_int_eq(handshake_decode(blob, size, &back), 0);
        ck_assert_int_eq(handshake_add(h, &r), 0);
        ck_assert_int_eq(handshake_encode(h, &none, &size), -EINVAL);
}
END_TEST

/** Each is one thing that makes a ring impossible. */
#define REFUSED(change, expected)                                       \
        do {                                                            \
                struct handshake_object r = some_ring(1);                 \
                change;                                                 \
                ck_assert_int_eq(handshake_add(h, &r), expected);  \
        } while (0)

START_TEST(nonsense_is_refused) {
        _cleanup_(handshake_freep) struct handshake *h = some_handshake(1), *none = NULL;

        REFUSED(r.name[0] = '\0', -EINVAL);
        REFUSED(memset(r.name, 'x', sizeof r.name), -EINVAL);
        REFUSED(strcpy(r.name, "a/b"), -EINVAL);
        REFUSED(strcpy(r.name, "ring0"), -EEXIST);
        REFUSED(r.geometry.slots = 63, -EINVAL);
        REFUSED(r.geometry.slots = QUEUE_SLOTS_MAX * 2, -EINVAL);
        REFUSED(r.geometry.message_max = 0, -EINVAL);
        REFUSED(r.geometry.max_deliveries = DELIVERIES_MAX + 1, -EINVAL);
        REFUSED(r.geometry.kind = (enum object_kind)7, -EINVAL);
        REFUSED(r.first = 0, -EINVAL);
        REFUSED(r.count = 0, -EINVAL);
        REFUSED(r.count = RING_PARTICIPANTS, -EINVAL);
        REFUSED(r.first = UINT32_MAX, -EINVAL);
        REFUSED(r.receives = r.sends = false, -EINVAL);
        REFUSED(r.memory_fd = -1, -EINVAL);
        REFUSED(r.event_fd = -5, -EINVAL);
        REFUSED(r.event_fd = r.memory_fd, -EEXIST);
        REFUSED(r.memory_fd = 10, -EEXIST);
        REFUSED(r.event_fd = 9, -EEXIST);
        ck_assert_uint_eq(h->n_objects, 1);
        ck_assert_int_eq(handshake_new(&none, "a b", 0, -1), -EINVAL);
        ck_assert_int_eq(handshake_new(&none, "ok", 0, -2), -EINVAL);
        ck_assert_ptr_null(none);
}
END_TEST

START_TEST(no_more_rings_than_fit) {
        _cleanup_(handshake_freep) struct handshake *h = some_handshake(HANDSHAKE_OBJECTS_MAX);
        struct handshake_object r = some_ring(HANDSHAKE_OBJECTS_MAX);

        ck_assert_int_eq(handshake_add(h, &r), -E2BIG);
}
END_TEST

/** What gets through must be sound all the same: writing it gives the same bytes. */
static void decode_any(const void *blob, size_t size) {
        _cleanup_(handshake_freep) struct handshake *h = NULL;
        _cleanup_(freep) void *again = NULL;
        size_t again_size;
        int r = handshake_decode(blob, size, &h);

        if (r < 0) {
                ck_assert(r == -EPROTO || r == -EPROTONOSUPPORT);
                ck_assert_ptr_null(h);
                return;
        }
        ck_assert_int_eq(handshake_encode(h, &again, &again_size), 0);
        ck_assert_uint_eq(again_size, size);
}

START_TEST(what_is_cut_is_refused) {
        _cleanup_(handshake_freep) struct handshake *h = some_handshake(3), *none = NULL;
        _cleanup_(freep) void *blob = NULL;
        size_t size;

        ck_assert_int_eq(handshake_encode(h, &blob, &size), 0);
        for (size_t n = 0; n < size; n++) {
                _cleanup_(freep) void *cut = malloc(n ? n : 1); /* exact, for the sanitizer to see */

                memcpy(cut, blob, n);
                ck_assert_int_eq(handshake_decode(cut, n, &none), -EPROTO);
        }
        blob = realloc(blob, size + 1);
        ck_assert_int_eq(handshake_decode(blob, size + 1, &none), -EPROTO);
}
END_TEST

START_TEST(another_version_is_told) {
        _cleanup_(handshake_freep) struct handshake *h = some_handshake(1), *none = NULL;
        _cleanup_(freep) uint32_t *blob = NULL;
        void *made;
        size_t size;

        ck_assert_int_eq(handshake_encode(h, &made, &size), 0);
        blob = made;
        blob[2]++; /* after the magic number, 8 bytes, in every version */
        ck_assert_int_eq(handshake_decode(blob, size, &none), -EPROTONOSUPPORT);
        ck_assert_int_eq(handshake_decode(blob, 12, &none), -EPROTONOSUPPORT);
        ck_assert_int_eq(handshake_decode(blob, 11, &none), -EPROTO);
}
END_TEST

START_TEST(flipped_bits_do_no_harm) {
        _cleanup_(handshake_freep) struct handshake *h = some_handshake(2);
        _cleanup_(freep) unsigned char *blob = NULL;
        size_t size;

        ck_assert_int_eq(handshake_encode(h, (void **)&blob, &size), 0);
        for (size_t bit = 0; bit < size * 8; bit++) {
                blob[bit / 8] ^= (unsigned char)(1u << bit % 8);
                decode_any(blob, size);
                for (size_t other = bit + 1; other < bit + 64 && other < size * 8; other++) {
                        blob[other / 8] ^= (unsigned char)(1u << other % 8);
                        decode_any(blob, size);
                        blob[other / 8] ^= (unsigned char)(1u << other % 8);
                }
                blob[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
}
END_TEST

START_TEST(random_bytes_do_no_harm) {
        _cleanup_(handshake_freep) struct handshake *h = some_handshake(3);
        _cleanup_(freep) unsigned char *blob = NULL;
        uint64_t x = 88172645463325252u;
        size_t size;

        ck_assert_int_eq(handshake_encode(h, (void **)&blob, &size), 0);
        for (int i = 0; i < 20000; i++) {
                _cleanup_(freep) unsigned char *copy = malloc(size);

                memcpy(copy, blob, size);
                for (int n = 0; n < 1 + i % 8; n++) {
                        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                        copy[x % size] = (unsigned char)(x >> 32);
                }
                decode_any(copy, size);
        }
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("handshake", what_is_written_is_read,
                                         one_without_rings_needs_no_member_memory, nonsense_is_refused,
                                         no_more_rings_than_fit, what_is_cut_is_refused,
                                         flipped_bits_do_no_harm, another_version_is_told, random_bytes_do_no_harm));
}
