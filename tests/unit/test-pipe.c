/* SPDX-License-Identifier: MIT */
/* The pipe, one thread at a time: records, padding, ends, recovery, and memory that is not what it should be. */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/time.h"
#include "harness.h"
#include "shm/pipe-fast.h"
#include "shm/recover.h"

#define CAPACITY 4096u

static struct region region;
static struct pipe writer, reader;
static struct object object;            /* as one sees it who recovers */
static struct pipe_control *control;
static int event_fd;

static void setup(void) {
        const struct geometry g = {
                .kind = OBJECT_PIPE, .capacity = CAPACITY, .message_max = pipe_message_max(CAPACITY),
        };
        _cleanup_(closep) int fd = region_create("test", &g);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(region_map(&region, fd, &g), 0);
        event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        object_open(&object, &region, event_fd);
        control = object.pipe.control;
        pipe_open(&writer, &region, event_fd);
        pipe_open(&reader, &region, event_fd);
        ck_assert_int_eq(pipe_take(&writer, PIPE_WRITER, 1, 1), 0);
        ck_assert_int_eq(pipe_take(&reader, PIPE_READER, 2, 1), 0);
}

static void teardown(void) {
        region_unmap(&region);
        close(event_fd);
}

static void die(uint32_t participant) {
        const struct seat seat = { .object = &object, .first = participant, .count = 1, .generation = 1 };

        recover_process(NULL, &seat, 1, "killed by SIGKILL", NULL);
}

/** Everything in a record is its number's low byte; how long it is follows from it. */
static uint32_t size_of(unsigned int n) {
        return n * 37 % (pipe_message_max(CAPACITY) + 1);
}

static int append(struct pipe *p, unsigned int n) {
        void *data;
        int r = pipe_reserve(p, size_of(n), &data);

        if (r < 0)
                return r;
        memset(data, (int)n, size_of(n));
        pipe_append(p, size_of(n));
        return 0;
}

static int send_number(struct pipe *p, unsigned int n) {
        int r = append(p, n);

        if (r == 0)
                pipe_tell(p);
        return r;
}

static void look_for(struct pipe *p, unsigned int n) {
        const unsigned char *bytes;
        const void *data;
        uint32_t size;

        ck_assert_int_eq(pipe_look(p, &data, &size), 0);
        ck_assert_uint_eq(size, size_of(n));
        ck_assert_uint_eq((uintptr_t)data % PIPE_ALIGN, 0);
        bytes = data;
        for (uint32_t i = 0; i < size; i++)
                ck_assert_uint_eq(bytes[i], n & 0xff);
        pipe_pass(p, size);
}

static void expect_empty(struct pipe *p) {
        const void *data;
        uint32_t size;

        ck_assert_int_eq(pipe_look(p, &data, &size), -EAGAIN);
}

START_TEST(records_of_all_sizes_come_in_order) {
        unsigned int sent = 0, got = 0;

        while (got < 5000) {
                while (send_number(&writer, sent) == 0)
                        sent++;
                ck_assert_uint_gt(sent, got);
                while (got < sent)
                        look_for(&reader, got++);
                expect_empty(&reader);
                pipe_tell(&reader);
        }
}
END_TEST

START_TEST(the_longest_always_fits_an_empty_pipe) {
        uint32_t max = pipe_message_max(CAPACITY), size;
        static unsigned char buffer[CAPACITY];
        void *data;

        for (unsigned int i = 0; i < CAPACITY / PIPE_ALIGN; i++) {
                ck_assert_int_eq(pipe_reserve(&writer, max, &data), 0);
                pipe_append(&writer, max);
                pipe_tell(&writer);
                ck_assert_int_eq(pipe_receive(&reader, buffer, max - 1, &size), -EMSGSIZE);
                ck_assert_int_eq(pipe_receive(&reader, buffer, max, &size), 0);
                ck_assert_uint_eq(size, max);
                /* One step on, so that it begins everywhere in turn. */
                ck_assert_int_eq(pipe_send(&writer, NULL, 0), 0);
                ck_assert_int_eq(pipe_receive(&reader, buffer, 0, &size), 0);
                ck_assert_uint_eq(size, 0);
        }
}
END_TEST

/** Short ones and long ones, some of them empty. */
static uint32_t mixed_size_of(unsigned int n) {
        return n % 7 == 0 ? size_of(n) : n * 11 % 300;
}

/** With one call each: batches of all lengths, from every place of the ring on. */
START_TEST(many_with_one_call) {
        static unsigned char data[40][CAPACITY];
        struct iovec messages[ARRAY_SIZE(data)], there[ARRAY_SIZE(data)];
        unsigned int sent = 0, got = 0;

        while (got < 20000) {
                size_t n = 1 + sent % ARRAY_SIZE(data);
                int r;

                for (size_t i = 0; i < n; i++) {
                        messages[i] = (struct iovec){ data[i], mixed_size_of(sent + (unsigned int)i) };
                        memset(data[i], (int)(sent + i), messages[i].iov_len);
                }
                r = pipe_append_many(&writer, messages, n);
                ck_assert(r == -EAGAIN || (r > 0 && r <= (int)n));
                if (r > 0) {
                        sent += (unsigned int)r;
                        pipe_tell(&writer);
                }
                r = pipe_peek_many(&reader, there, 1 + got % 5);
                ck_assert(r > 0 && (unsigned int)r <= 1 + got % 5);
                for (int i = 0; i < r; i++, got++) {
                        ck_assert_uint_eq(there[i].iov_len, mixed_size_of(got));
                        ck_assert_uint_eq((uintptr_t)there[i].iov_base % PIPE_ALIGN, 0);
                        for (size_t k = 0; k < there[i].iov_len; k++)
                                ck_assert_uint_eq(((unsigned char *)there[i].iov_base)[k], (unsigned char)got);
                }
                pipe_tell(&reader);
        }
}
END_TEST

START_TEST(many_stop_at_one_that_is_too_long) {
        struct iovec messages[3] = { { (void *)"a", 1 }, { (void *)"b", 1 }, { NULL, CAPACITY } };
        struct iovec there[3];

        ck_assert_int_eq(pipe_append_many(&writer, messages + 2, 1), -EMSGSIZE);
        ck_assert_int_eq(pipe_append_many(&writer, messages, 3), 2);
        ck_assert_int_eq(pipe_peek_many(&reader, there, 3), -EAGAIN);
        pipe_tell(&writer);
        ck_assert_int_eq(pipe_peek_many(&reader, there, 3), 2);
        ck_assert_int_eq(pipe_peek_many(&reader, there, 3), -EAGAIN);
        ck_assert_mem_eq(there[1].iov_base, "b", 1);
}
END_TEST

START_TEST(a_batch_is_seen_at_once) {
        for (unsigned int i = 1; i <= 5; i++)
                ck_assert_int_eq(append(&writer, i), 0);
        expect_empty(&reader);
        pipe_tell(&writer);
        for (unsigned int i = 1; i <= 5; i++)
                look_for(&reader, i);
        ck_assert_uint_eq(control->consumed, 0);
        pipe_tell(&reader);
        ck_assert_uint_eq(control->consumed, control->written);
}
END_TEST

START_TEST(a_full_pipe_publishes_what_was_appended) {
        unsigned int n = 0;

        while (append(&writer, 20) == 0)
                n++;
        ck_assert_uint_ge(n, 2);
        for (unsigned int i = 0; i < n; i++)
                look_for(&reader, 20);
        expect_empty(&reader);
}
END_TEST

START_TEST(a_record_may_be_shorter_than_reserved) {
        const void *data;
        uint32_t size;
        void *to;

        ck_assert_int_eq(pipe_reserve(&writer, 1000, &to), 0);
        memcpy(to, "short", 5);
        pipe_append(&writer, 5);
        pipe_tell(&writer);
        ck_assert_int_eq(pipe_look(&reader, &data, &size), 0);
        ck_assert_uint_eq(size, 5);
        ck_assert_mem_eq(data, "short", 5);
}
END_TEST

/* ---- ends ---------------------------------------------------------------------------------------- */

START_TEST(an_end_has_one_holder) {
        struct pipe other;

        pipe_open(&other, &region, event_fd);
        ck_assert_int_eq(pipe_take(&other, PIPE_WRITER, 3, 1), -EBUSY);
        ck_assert_int_eq(pipe_take(&other, PIPE_READER, 3, 1), -EBUSY);
        die(3); /* who has none takes none from others */
        ck_assert_int_eq(pipe_take(&other, PIPE_READER, 3, 1), -EBUSY);
        pipe_leave(&reader);
        ck_assert_int_eq(pipe_take(&other, PIPE_READER, 3, 1), 0);
        ck_assert_int_eq(pipe_take(&reader, PIPE_READER, 2, 1), -EBUSY);
}
END_TEST

START_TEST(recovery_knows_generations_apart) {
        struct pipe next;

        pipe_leave(&writer);
        pipe_open(&next, &region, event_fd);
        ck_assert_int_eq(pipe_take(&next, PIPE_WRITER, 1, 2), 0);
        die(1);
        ck_assert_uint_eq(control->writer, next.owner);
}
END_TEST

START_TEST(a_new_reader_gets_what_the_dead_one_had_not_consumed) {
        struct pipe next;

        for (unsigned int i = 1; i <= 4; i++)
                send_number(&writer, i);
        look_for(&reader, 1);
        pipe_tell(&reader);
        look_for(&reader, 2);
        die(2);
        pipe_open(&next, &region, event_fd);
        ck_assert_int_eq(pipe_take(&next, PIPE_READER, 2, 2), 0);
        for (unsigned int i = 2; i <= 4; i++)
                look_for(&next, i);
        expect_empty(&next);
}
END_TEST

START_TEST(a_new_writer_goes_on_behind_what_was_published) {
        struct pipe next;

        send_number(&writer, 1);
        append(&writer, 2);
        die(1);
        pipe_open(&next, &region, event_fd);
        ck_assert_int_eq(pipe_take(&next, PIPE_WRITER, 3, 1), 0);
        send_number(&next, 3);
        look_for(&reader, 1);
        look_for(&reader, 3);
        expect_empty(&reader);
}
END_TEST

START_TEST(leaving_publishes) {
        append(&writer, 1);
        pipe_leave(&writer);
        look_for(&reader, 1);
        ck_assert_uint_eq(control->writer, 0);
}
END_TEST

/* ---- waiting ------------------------------------------------------------------------------------- */

START_TEST(waiting_ends_in_time) {
        static _Atomic uint32_t drain = 1;
        const void *data;
        uint32_t size;
        void *to;

        ck_assert_int_eq(pipe_look_wait(&reader, &data, &size, now_usec() + 2000, NULL), -ETIMEDOUT);
        ck_assert_int_eq(pipe_look_wait(&reader, &data, &size, UINT64_MAX, &drain), -ESHUTDOWN);
        while (append(&writer, 20) == 0)
                ;
        ck_assert_int_eq(pipe_reserve_wait(&writer, size_of(20), &to, now_usec() + 2000), -ETIMEDOUT);
        ck_assert_uint_eq((uint32_t)control->records.sleepers, 0);
        ck_assert_uint_eq((uint32_t)control->space.sleepers, 0);
}
END_TEST

START_TEST(the_descriptor_becomes_readable) {
        struct pollfd p = { .fd = event_fd, .events = POLLIN };
        const void *data;
        uint32_t size;

        send_number(&writer, 1);
        ck_assert_int_eq(poll(&p, 1, 0), 0); /* nobody polls: no system call */
        ck_assert_int_eq(pipe_look_poll(&reader, &data, &size), 0);
        pipe_pass(&reader, size);
        ck_assert_int_eq(pipe_look_poll(&reader, &data, &size), -EAGAIN);
        send_number(&writer, 2);
        ck_assert_int_eq(poll(&p, 1, 0), 1);
        ck_assert_int_eq(pipe_look_poll(&reader, &data, &size), 0);
        ck_assert_int_eq(poll(&p, 1, 0), 0);
}
END_TEST

/* ---- what others may have written ---------------------------------------------------------------- */

/** Positions that make no sense together stop both ends, and who wants to take one. */
START_TEST(impossible_positions_are_damage) {
        static const uint64_t ahead[] = { CAPACITY + 16, 8, (uint64_t)-16, UINT64_MAX / 2 };
        const void *data;
        struct pipe p;
        uint32_t size;
        void *to;

        for (size_t i = 0; i < ARRAY_SIZE(ahead); i++) {
                control->written = control->consumed + ahead[i];
                ck_assert_int_eq(pipe_look(&reader, &data, &size), -EBADMSG);
                for (enum pipe_end end = PIPE_WRITER; end <= PIPE_READER; end++) {
                        die(end == PIPE_WRITER ? 1 : 2);
                        pipe_open(&p, &region, event_fd);
                        ck_assert_int_eq(pipe_take(&p, end, 9, 1), -EBADMSG);
                }
                control->written = control->consumed;
                control->consumed = control->written - ahead[i];
                writer.limit = control->written; /* it looks when it knows of no room */
                ck_assert_int_eq(pipe_reserve(&writer, 1000, &to), -EBADMSG);
                control->consumed = control->written;
        }
        ck_assert_int_eq(pipe_reserve(&writer, 1000, &to), 0);
}
END_TEST

/** No size leads out of the ring, or beyond what is published. */
START_TEST(impossible_sizes_are_damage) {
        uint64_t *header = (void *)reader.records;
        const uint64_t bad[] = {
                pipe_message_max(CAPACITY) + 1, 2000, UINT32_MAX, UINT64_C(1) << 32, PIPE_PADDING, PIPE_PADDING - 1,
        };
        const void *data;
        uint32_t size;

        send_number(&writer, 1);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                *header = bad[i];
                ck_assert_int_eq(pipe_look(&reader, &data, &size), -EBADMSG);
                ck_assert_int_eq(pipe_look(&reader, &data, &size), -EBADMSG);
        }
}
END_TEST

/** Any bytes at all: each look ends, and says of a record only what lies in the ring. */
START_TEST(random_memory_leads_nobody_astray) {
        unsigned char *from = reader.records, *to = from + CAPACITY;

        srandom(1);
        for (int round = 0; round < 20000; round++) {
                struct pipe r;

                for (unsigned int i = 0; i < 64; i++)
                        from[(unsigned long)random() % CAPACITY] = (unsigned char)random();
                for (unsigned int i = 0; i < CAPACITY; i += 64)
                        *(uint64_t *)(void *)(from + i) = random() % 5 == 0 ? PIPE_PADDING : (uint64_t)random() % 2100;
                control->consumed = (uint64_t)random() % CAPACITY & ~15ull;
                control->written = control->consumed + ((uint64_t)random() % (CAPACITY + 16) & ~15ull);
                control->reader = 0;
                pipe_open(&r, &region, event_fd);
                ck_assert_int_eq(pipe_take(&r, PIPE_READER, 5, 1), 0);
                for (unsigned int n = 0;; n++) {
                        const void *data;
                        uint32_t size;

                        if (pipe_look(&r, &data, &size) < 0)
                                break;
                        ck_assert_uint_le(n, CAPACITY / PIPE_HEADER);
                        ck_assert((const unsigned char *)data >= from && (const unsigned char *)data + size <= to);
                        pipe_pass(&r, size);
                        pipe_tell(&r);
                }
        }
}
END_TEST

/** What lies behind the ring. */
static unsigned char *behind(void) {
        return reader.records + CAPACITY;
}

static size_t behind_size(void) {
        return region.size - (size_t)(behind() - (unsigned char *)region.base);
}

static bool is_within(const void *data, size_t size) {
        return (const unsigned char *)data >= reader.records && (const unsigned char *)data + size <= behind();
}

static void write_somewhere(void) {
        static const unsigned char zeroes[CAPACITY];
        const struct iovec two[] = { { (void *)(uintptr_t)zeroes, 200 }, { (void *)(uintptr_t)zeroes, 40 } };
        uint32_t size = (uint32_t)random() % (pipe_message_max(CAPACITY) + 1);
        void *to;

        switch (random() % 3) {
        case 0:
                if (pipe_reserve(&writer, size, &to) == 0) {
                        ck_assert(is_within(to, size));
                        memset(to, 0, size);
                        pipe_append(&writer, size / 2);
                }
                break;
        case 1: (void)pipe_send(&writer, zeroes, size % 300); break;
        default: (void)pipe_append_many(&writer, two, ARRAY_SIZE(two));
        }
}

static void read_somewhere(void) {
        struct iovec some[4];
        const void *data;
        uint32_t size;
        int n;

        if (random() % 2 == 0) {
                if (pipe_look(&reader, &data, &size) == 0) {
                        ck_assert(is_within(data, size));
                        pipe_pass(&reader, size);
                }
                return;
        }
        n = pipe_peek_many(&reader, some, ARRAY_SIZE(some));
        for (int i = 0; i < n; i++)
                ck_assert(is_within(some[i].iov_base, some[i].iov_len));
}

/** An end that has its own position spoilt, even off the places where records begin, stays in the ring too. */
START_TEST(a_spoilt_position_leads_nobody_astray) {
        static unsigned char untouched[REGION_PAGE];
        uint64_t header[CAPACITY / 8];

        srandom(1);
        ck_assert_uint_le(behind_size(), sizeof untouched);
        memset(untouched, 0x5a, sizeof untouched);
        memset(behind(), 0x5a, behind_size());
        for (int round = 0; round < 2000; round++) {
                for (size_t i = 0; i < ARRAY_SIZE(header); i++)
                        header[i] = (uint64_t)random() % 2100;
                memcpy(reader.records, header, sizeof header);
                control->written = (uint64_t)random() << random() % 33;
                control->consumed = random() % 2 == 0 ? control->written - (uint64_t)random() % CAPACITY :
                                                        (uint64_t)random();
                write_somewhere();
                read_somewhere();
                ck_assert_uint_eq(control->writer, writer.owner);
                ck_assert_mem_eq(behind(), untouched, behind_size());
        }
}
END_TEST

START_TEST(geometry_is_checked) {
        struct geometry g = { .kind = OBJECT_PIPE, .capacity = CAPACITY, .message_max = CAPACITY / 2 - 8 };

        ck_assert_int_eq(geometry_check(&g), 0);
        g.message_max++;
        ck_assert_int_eq(geometry_check(&g), -E2BIG);
        g.message_max = 0;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g.message_max = 1;
        g.capacity = 2048;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g.capacity = 12288;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g.capacity = 1u << 31;
        ck_assert_int_eq(geometry_check(&g), -E2BIG);
        g.capacity = PIPE_CAPACITY_MAX;
        ck_assert_int_eq(geometry_check(&g), 0);
        ck_assert_uint_ge(geometry_size(&g), PIPE_CAPACITY_MAX);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("pipe");
        TCase *c = tcase_create("pipe");
        const TTest *tests[] = {
                records_of_all_sizes_come_in_order, the_longest_always_fits_an_empty_pipe, a_batch_is_seen_at_once,
                many_with_one_call, many_stop_at_one_that_is_too_long,
                a_full_pipe_publishes_what_was_appended, a_record_may_be_shorter_than_reserved, an_end_has_one_holder,
                recovery_knows_generations_apart, a_new_reader_gets_what_the_dead_one_had_not_consumed,
                a_new_writer_goes_on_behind_what_was_published, leaving_publishes, waiting_ends_in_time,
                the_descriptor_becomes_readable, impossible_positions_are_damage, impossible_sizes_are_damage,
                random_memory_leads_nobody_astray, a_spoilt_position_leads_nobody_astray, geometry_is_checked,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
