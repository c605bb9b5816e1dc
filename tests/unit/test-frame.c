/* SPDX-License-Identifier: MIT */
/* Frames over a stream socket: whole, in pieces, from hostile peers. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "harness.h"
#include "proto/control.pb-c.h"
#include "wire/frame.h"
#include "wire/message.h"

struct fixture {
        int pair[2];            /* 0: ours, written by hand or by the writer; 1: read by the reader */
        struct frame_reader reader;
        struct frame_writer writer;
        struct frame frame;
};

static void fixture_init(struct fixture *f, size_t limit) {
        *f = (struct fixture){ 0 };
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, f->pair), 0);
        frame_writer_init(&f->writer, limit);
}

static void fixture_done(struct fixture *f) {
        frame_done(&f->frame);
        frame_reader_done(&f->reader);
        frame_writer_done(&f->writer);
        f->pair[0] = close_fd(f->pair[0]);
        close(f->pair[1]);
}

static void put(struct fixture *f, const void *data, size_t size) {
        ck_assert_int_eq(fd_write_all(f->pair[0], data, size), 0);
}

static void put_length(struct fixture *f, uint32_t length) {
        length = htonl(length);
        put(f, &length, sizeof length);
}

static int get(struct fixture *f) {
        frame_done(&f->frame);
        return frame_reader_read(&f->reader, f->pair[1], &f->frame);
}

static void expect(struct fixture *f, const char *text) {
        ck_assert_int_eq(get(f), 0);
        ck_assert_uint_eq(f->frame.size, strlen(text));
        ck_assert_mem_eq(f->frame.data, text, strlen(text));
}

START_TEST(frames_arrive_in_order_and_apart) {
        struct fixture f;

        fixture_init(&f, 1000);
        ck_assert_int_eq(get(&f), -EAGAIN);
        ck_assert_int_eq(frame_writer_push(&f.writer, "one", 3, NULL, 0), 0);
        ck_assert_int_eq(frame_writer_push(&f.writer, "", 0, NULL, 0), 0);
        ck_assert_int_eq(frame_writer_push(&f.writer, "three", 5, NULL, 0), 0);
        ck_assert(frame_writer_is_pending(&f.writer));
        ck_assert_int_eq(frame_writer_flush(&f.writer, f.pair[0]), 0);
        ck_assert(!frame_writer_is_pending(&f.writer));
        expect(&f, "one");
        expect(&f, "");
        ck_assert_ptr_nonnull(f.frame.data);
        expect(&f, "three");
        ck_assert_int_eq(get(&f), -EAGAIN);
        fixture_done(&f);
}
END_TEST

/* Two frames of 4 + 3 and 4 + 2 bytes, sent in three pieces, at every pair of split points. */
START_TEST(every_split_point) {
        static const uint8_t wire[] = { 0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 2, 'd', 'e' };

        for (size_t a = 0; a <= sizeof wire; a++) {
                for (size_t b = a; b <= sizeof wire; b++) {
                        const size_t ends[] = { a, b, sizeof wire };
                        size_t at = 0, n = 0;
                        struct fixture f;

                        fixture_init(&f, 1000);
                        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                                put(&f, wire + at, ends[i] - at);
                                at = ends[i];
                                while (get(&f) == 0)
                                        ck_assert_uint_eq(f.frame.size, n++ == 0 ? 3 : 2);
                        }
                        ck_assert_uint_eq(n, 2);
                        fixture_done(&f);
                }
        }
}
END_TEST

START_TEST(a_byte_at_a_time_with_a_descriptor_on_each) {
        static const uint8_t wire[] = { 0, 0, 0, 40 };
        uint8_t body[40] = { 1 };
        struct fixture f;

        fixture_init(&f, 1000);
        for (size_t i = 0; i < sizeof wire + sizeof body; i++) {
                const uint8_t *byte = i < sizeof wire ? &wire[i] : &body[i - sizeof wire];
                int two[] = { f.pair[0], f.pair[0] };

                ck_assert_int_eq(get(&f), -EAGAIN);
                ck_assert_int_eq(fd_send(f.pair[0], byte, 1, two, 2), 1);
        }
        ck_assert_int_eq(get(&f), 0);
        ck_assert_uint_eq(f.frame.size, 40);
        ck_assert_uint_eq(f.frame.n_fds, FRAME_FDS_MAX); /* and no other is open: the harness counts */
        fixture_done(&f);
}
END_TEST

START_TEST(descriptors_stay_with_their_frame) {
        struct fixture f;
        int files[2], taken;
        struct stat sent, came;

        fixture_init(&f, 1000);
        ck_assert_int_eq(pipe2(files, O_CLOEXEC), 0);
        frame_writer_push(&f.writer, "before", 6, NULL, 0);
        ck_assert_int_eq(frame_writer_push(&f.writer, "with", 4, files, 2), 0);
        frame_writer_push(&f.writer, "after", 5, NULL, 0);
        ck_assert_int_eq(frame_writer_push(&f.writer, "again", 5, files, 1), 0);
        ck_assert_int_eq(frame_writer_flush(&f.writer, f.pair[0]), 0);

        expect(&f, "before");
        ck_assert_uint_eq(f.frame.n_fds, 0);
        expect(&f, "with");
        ck_assert_uint_eq(f.frame.n_fds, 2);
        ck_assert_int_eq(fstat(files[1], &sent), 0);
        ck_assert_int_eq(fstat(f.frame.fds[1], &came), 0);
        ck_assert_uint_eq(sent.st_ino, came.st_ino);
        taken = TAKE_FD(f.frame.fds[0]);
        ck_assert(fcntl(taken, F_GETFD) & FD_CLOEXEC);
        expect(&f, "after");
        ck_assert_uint_eq(f.frame.n_fds, 0);
        ck_assert_int_eq(fcntl(taken, F_GETFD), FD_CLOEXEC);
        expect(&f, "again");
        ck_assert_uint_eq(f.frame.n_fds, 1);
        close(taken);
        close(files[0]);
        close(files[1]);
        fixture_done(&f);
}
END_TEST

START_TEST(descriptors_that_cannot_be_queued_leave_nothing) {
        int many[FRAME_FDS_MAX + 1] = { 0 }, bad[] = { 0, -1 };
        struct fixture f;

        fixture_init(&f, 1000);
        ck_assert_int_eq(frame_writer_push(&f.writer, "x", 1, many, FRAME_FDS_MAX + 1), -E2BIG);
        ck_assert_int_eq(frame_writer_push(&f.writer, "x", 1, bad, 2), -EBADF);
        ck_assert(!frame_writer_is_pending(&f.writer));
        ck_assert_int_eq(frame_writer_push(&f.writer, "x", 1, many, FRAME_FDS_MAX), 0);
        fixture_done(&f); /* unsent: the harness counts the descriptors */
}
END_TEST

START_TEST(too_long_a_frame_is_refused_before_it_is_read) {
        struct fixture f;
        uint8_t *room;

        fixture_init(&f, 1000);
        put_length(&f, FRAME_SIZE_MAX + 1);
        ck_assert_int_eq(get(&f), -EMSGSIZE);
        ck_assert_ptr_null(f.reader.frame.data);
        ck_assert_int_eq(get(&f), -EMSGSIZE); /* and stays so */
        ck_assert_int_eq(frame_writer_reserve(&f.writer, FRAME_SIZE_MAX + 1, NULL, 0, &room), -EMSGSIZE);
        fixture_done(&f);
}
END_TEST

START_TEST(what_is_announced_and_not_sent_costs_little) {
        struct fixture f;

        fixture_init(&f, 1000);
        put_length(&f, FRAME_SIZE_MAX);
        put(&f, "x", 1);
        ck_assert_int_eq(get(&f), -EAGAIN);
        ck_assert_uint_le(f.reader.capacity, 4096);
        fixture_done(&f);
}
END_TEST

START_TEST(the_end_of_the_stream) {
        struct fixture f;

        fixture_init(&f, 1000);
        put_length(&f, 1);
        put(&f, "x", 1);
        f.pair[0] = close_fd(f.pair[0]);
        expect(&f, "x");
        ck_assert_int_eq(get(&f), -EPIPE);
        fixture_done(&f);

        fixture_init(&f, 1000);
        put(&f, "\0", 1);
        f.pair[0] = close_fd(f.pair[0]);
        ck_assert_int_eq(get(&f), -EPROTO);
        fixture_done(&f);

        fixture_init(&f, 1000);
        put_length(&f, 2);
        put(&f, "x", 1);
        f.pair[0] = close_fd(f.pair[0]);
        ck_assert_int_eq(get(&f), -EPROTO);
        fixture_done(&f);
}
END_TEST

START_TEST(the_longest_frame_passes_a_socket_that_is_smaller) {
        _cleanup_(freep) uint8_t *big = malloc(FRAME_SIZE_MAX);
        struct fixture f;
        int r, waits = 0;

        ck_assert_ptr_nonnull(big);
        for (size_t i = 0; i < FRAME_SIZE_MAX; i++)
                big[i] = (uint8_t)(i * 31 >> 3);
        fixture_init(&f, 10); /* the limit does not stop a single frame */
        ck_assert_int_eq(frame_writer_push(&f.writer, big, FRAME_SIZE_MAX, NULL, 0), 0);
        while ((r = get(&f)) == -EAGAIN) {
                if (frame_writer_flush(&f.writer, f.pair[0]) == -EAGAIN)
                        waits++;
        }
        ck_assert_int_eq(r, 0);
        ck_assert_int_gt(waits, 0);
        ck_assert_uint_eq(f.frame.size, FRAME_SIZE_MAX);
        ck_assert_mem_eq(f.frame.data, big, FRAME_SIZE_MAX);
        fixture_done(&f);
}
END_TEST

START_TEST(a_slow_reader_meets_the_limit) {
        char data[1000] = "";
        struct fixture f;
        int n = 0, r;

        fixture_init(&f, 100 * 1004);
        while ((r = frame_writer_push(&f.writer, data, sizeof data, NULL, 0)) == 0)
                n++;
        ck_assert_int_eq(r, -ENOBUFS);
        ck_assert_int_eq(n, 100);
        while (n > 0) {
                (void)frame_writer_flush(&f.writer, f.pair[0]);
                while (get(&f) == 0)
                        n--;
        }
        ck_assert(!frame_writer_is_pending(&f.writer));
        ck_assert_int_eq(frame_writer_push(&f.writer, data, sizeof data, NULL, 0), 0);
        fixture_done(&f);
}
END_TEST

START_TEST(a_peer_that_went_away_is_an_error_and_no_signal) {
        struct fixture f;

        fixture_init(&f, 1000);
        close(f.pair[1]);
        f.pair[1] = -1;
        ck_assert_int_eq(frame_writer_push(&f.writer, "x", 1, NULL, 0), 0);
        ck_assert_int_eq(frame_writer_flush(&f.writer, f.pair[0]), -EPIPE);
        fixture_done(&f);
}
END_TEST

START_TEST(messages_are_packed_in_place) {
        Ganger__V1__Request request = GANGER__V1__REQUEST__INIT, *unpacked;
        Ganger__V1__ScaleRequest scale = GANGER__V1__SCALE_REQUEST__INIT;
        struct fixture f;

        fixture_init(&f, 1000);
        scale.name = (char *)"resize";
        scale.instances = 4;
        request.id = 7;
        request.call_case = GANGER__V1__REQUEST__CALL_SCALE;
        request.scale = &scale;
        ck_assert_int_eq(message_push(&f.writer, &request.base, NULL, 0), 0);
        ck_assert_int_eq(frame_writer_flush(&f.writer, f.pair[0]), 0);
        ck_assert_int_eq(get(&f), 0);
        unpacked = ganger__v1__request__unpack(NULL, f.frame.size, f.frame.data);
        ck_assert_ptr_nonnull(unpacked);
        ck_assert_str_eq(unpacked->scale->name, "resize");
        ganger__v1__request__free_unpacked(unpacked, NULL);
        fixture_done(&f);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE(
                "frame", frames_arrive_in_order_and_apart, every_split_point, a_byte_at_a_time_with_a_descriptor_on_each,
                descriptors_stay_with_their_frame, descriptors_that_cannot_be_queued_leave_nothing,
                too_long_a_frame_is_refused_before_it_is_read, what_is_announced_and_not_sent_costs_little,
                the_end_of_the_stream, the_longest_frame_passes_a_socket_that_is_smaller, a_slow_reader_meets_the_limit,
                a_peer_that_went_away_is_an_error_and_no_signal, messages_are_packed_in_place));
}
