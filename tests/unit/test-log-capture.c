/* SPDX-License-Identifier: MIT */
/* Capture: a flood is bounded in memory and time, others get through, and nothing written is lost. */

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/time.h"
#include "daemon/log/capture.h"
#include "daemon/log/tail.h"
#include "harness.h"

#define FLOOD_BYTES (UINT64_C(100) << 20)

static unsigned int n_refused;          /* so many more times, the kernel has no memory, or no room, to watch something */

/* In the place of that of the C library. */
int epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event) {
        if (operation != EPOLL_CTL_ADD || n_refused == 0)
                return (int)syscall(SYS_epoll_ctl, epoll_fd, operation, fd, event);
        ck_assert_int_ge(fd, 0);
        n_refused--;
        errno = n_refused % 2 ? ENOMEM : ENOSPC;
        return -1;
}

/* One instance: its capture, its tail, and what came. */
struct instance {
        struct log_capture capture;
        struct log_tail tail;
        uint64_t bytes, lines;
        int write_fd;
};

static void on_line(struct log_capture *capture, const struct log_record *record) {
        struct instance *i = capture->userdata;

        i->lines++;
        i->bytes += record->size + !record->continued;
        log_tail_add(&i->tail, record);
}

static void instance_open(struct instance *i, struct log_captures *captures, const char *key) {
        struct log_source from = { .worker = "w", .key = key, .stream = LOG_STREAM_STDOUT, .pid = 5 };
        int ends[2];

        *i = (struct instance){ .capture = LOG_CAPTURE_NULL };
        log_tail_init(&i->tail);
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        i->write_fd = ends[1];
        ck_assert_int_eq(log_capture_open(&i->capture, captures, ends[0], &from, on_line, i), 0);
}

static void instance_close(struct instance *i) {
        log_capture_close(&i->capture);
        log_tail_done(&i->tail);
        i->write_fd = close_fd(i->write_fd);
}

static void say(struct instance *i, const char *text) {
        ck_assert_int_eq(fd_write_all(i->write_fd, text, strlen(text)), 0);
}

static const char *last_line(struct instance *i) {
        const struct log_tail_line *line = log_tail_last(&i->tail, 1);

        return line ? line->text : "";
}

/* Until nothing is pending. */
static void run_idle(sd_event *event) {
        while (sd_event_run(event, 0) > 0)
                ;
}

static void run_to_end(sd_event *event, struct instance *i) {
        while (log_capture_is_open(&i->capture))
                ck_assert_int_ge(sd_event_run(event, UINT64_MAX), 0);
}

START_TEST(lines_come_as_they_are_written) {
        struct log_captures captures;
        sd_event *event = NULL;
        struct instance i;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(log_captures_init(&captures, event), 0);
        instance_open(&i, &captures, "w/0");
        run_idle(event);
        ck_assert_uint_eq(i.lines, 0);
        say(&i, "one\ntw");
        run_idle(event);
        ck_assert_str_eq(last_line(&i), "one");
        say(&i, "o\n");
        run_idle(event);
        ck_assert_str_eq(last_line(&i), "two");

        /* The end of the stream ends the last line, and the capture. */
        say(&i, "three");
        i.write_fd = close_fd(i.write_fd);
        run_to_end(event, &i);
        ck_assert_str_eq(last_line(&i), "three");
        ck_assert_uint_eq(i.lines, 3);
        instance_close(&i);
        log_captures_done(&captures);
        sd_event_unref(event);
}
END_TEST

START_TEST(priorities_are_taken_off) {
        static const struct {
                const char *in, *text;
                int priority;
        } cases[] = {
                { "<3>broken\n", "broken", LOG_ERR }, { "plain\n", "plain", LOG_INFO },
                { "<7>\n", "", LOG_DEBUG },           { "<8>no\n", "<8>no", LOG_INFO },
                { "<3\n", "<3", LOG_INFO },           { " <3>x\n", " <3>x", LOG_INFO },
        };
        struct log_captures captures;
        sd_event *event = NULL;
        struct instance i;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(log_captures_init(&captures, event), 0);
        instance_open(&i, &captures, "w/0");
        for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
                say(&i, cases[k].in);
                run_idle(event);
                ck_assert_str_eq(last_line(&i), cases[k].text);
                ck_assert_int_eq(log_tail_last(&i.tail, 1)->priority, cases[k].priority);
        }
        instance_close(&i);
        log_captures_done(&captures);
        sd_event_unref(event);
}
END_TEST

START_TEST(pieces_of_a_line_have_its_priority) {
        static char text[LOG_LINE_MAX + 100];
        const struct log_tail_line *line;
        struct log_captures captures;
        sd_event *event = NULL;
        struct instance i;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(log_captures_init(&captures, event), 0);
        instance_open(&i, &captures, "w/0");
        memset(text, 'x', sizeof text - 1);
        memcpy(text, "<4>", 3);
        /* A new piece begins like a priority, and is none. */
        memcpy(text + LOG_LINE_MAX, "<2>", 3);
        say(&i, text);
        say(&i, "\n");
        run_idle(event);
        line = log_tail_last(&i.tail, 2);
        ck_assert(line->continued && line->size == LOG_LINE_MAX - 3 && line->priority == LOG_WARNING);
        line = log_tail_next(&i.tail, line);
        ck_assert(!line->continued && line->priority == LOG_WARNING);
        ck_assert_int_eq(strncmp(line->text, "<2>x", 4), 0);
        instance_close(&i);
        log_captures_done(&captures);
        sd_event_unref(event);
}
END_TEST

static pid_t start_flood(struct instance *i, const char *unit) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                static char buf[1 << 16];
                size_t size = strlen(unit) * (sizeof buf / strlen(unit));

                for (size_t k = 0; k < size; k++)
                        buf[k] = unit[k % strlen(unit)];
                for (uint64_t sum = 0; sum < FLOOD_BYTES; sum += size)
                        if (fd_write_all(i->write_fd, buf, (size_t)MIN(size, FLOOD_BYTES - sum)) < 0)
                                _exit(1);
                _exit(0);
        }
        i->write_fd = close_fd(i->write_fd);
        return pid;
}

static size_t heap(void) {
        struct mallinfo2 info = mallinfo2();

        return info.uordblks + info.hblkhd;
}

/* A child writes 100 MB; each time we come round, another says a line. */
static void flood(const char *unit, uint64_t lines_expected) {
        struct instance flooding, quiet;
        struct log_captures captures;
        sd_event *event = NULL;
        size_t before, highest = 0;
        uint64_t said = 0, rounds = 0, step;
        int status;
        pid_t pid;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(log_captures_init(&captures, event), 0);
        instance_open(&flooding, &captures, "w/0");
        instance_open(&quiet, &captures, "w/1");
        pid = start_flood(&flooding, unit);
        before = heap();
        while (log_capture_is_open(&flooding.capture)) {
                if (quiet.lines == said && rounds++ % 16 == 0) {
                        say(&quiet, "still here\n");
                        said++;
                        step = flooding.bytes;
                }
                ck_assert_int_ge(sd_event_run(event, UINT64_MAX), 0);
                highest = MAX(highest, heap());
                /* The line waits for two wake-ups of the other at most. */
                if (quiet.lines < said)
                        ck_assert_uint_le(flooding.bytes - step, 2 * (LOG_CAPTURE_BYTES + LOG_LINE_MAX));
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        ck_assert_uint_eq(flooding.bytes, FLOOD_BYTES + (FLOOD_BYTES % strlen(unit) || !strchr(unit, '\n')));
        ck_assert_uint_eq(flooding.lines, lines_expected);
        ck_assert_msg(highest < before + LOG_TAIL_BYTES * 3 + (64 << 10), "%zu, %zu before", highest, before);
        run_idle(event);
        ck_assert_uint_eq(quiet.lines, said);
        ck_assert_uint_gt(said, 10);
        instance_close(&flooding);
        instance_close(&quiet);
        log_captures_done(&captures);
        sd_event_unref(event);
}

START_TEST(a_flood_of_short_lines_is_bounded) {
        flood("yyyyyyy\n", FLOOD_BYTES / 8);
}
END_TEST

START_TEST(a_flood_without_an_end_of_line_is_bounded) {
        flood("x", FLOOD_BYTES / LOG_LINE_MAX);
}
END_TEST

START_TEST(a_wake_up_takes_a_bounded_number_of_lines) {
        struct log_captures captures;
        sd_event *event = NULL;
        struct instance i;
        uint64_t before = 0;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(log_captures_init(&captures, event), 0);
        instance_open(&i, &captures, "w/0");
        for (int k = 0; k < 60000; k++)
                say(&i, "\n");
        while (i.lines < 60000) {
                ck_assert_int_gt(sd_event_run(event, 0), 0);
                ck_assert_uint_le(i.lines - before, LOG_CAPTURE_LINES + 4096);
                before = i.lines;
        }
        instance_close(&i);
        log_captures_done(&captures);
        sd_event_unref(event);
}
END_TEST

START_TEST(what_the_dead_wrote_is_drained) {
        struct log_captures captures;
        sd_event *event = NULL;
        struct instance i;
        int holder;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(log_captures_init(&captures, event), 0);
        instance_open(&i, &captures, "w/0");
        /* A grandchild has the other end too: there is no end of the stream to wait for. */
        holder = dup(i.write_fd);
        for (int k = 0; k < 2000; k++)
                say(&i, "the last words\n");
        say(&i, "Segmentation fault");
        i.write_fd = close_fd(i.write_fd);
        log_capture_drain(&i.capture);
        ck_assert_uint_eq(i.lines, 2001);
        ck_assert_str_eq(last_line(&i), "Segmentation fault");
        ck_assert(!log_capture_is_open(&i.capture));
        log_capture_drain(&i.capture);
        ck_assert_uint_eq(i.lines, 2001);
        close(holder);
        instance_close(&i);
        log_captures_done(&captures);
        sd_event_unref(event);
}
END_TEST

START_TEST(a_drain_does_not_wait_for_a_flood) {
        struct log_captures captures;
        sd_event *event = NULL;
        struct instance i;
        pid_t pid;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(log_captures_init(&captures, event), 0);
        instance_open(&i, &captures, "w/0");
        pid = start_flood(&i, "yyyyyyy\n");
        ck_assert_int_gt(sd_event_run(event, UINT64_MAX), 0);
        log_capture_drain(&i.capture);
        ck_assert_uint_lt(i.bytes, 2 * LOG_DRAIN_BYTES);
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        instance_close(&i);
        log_captures_done(&captures);
        sd_event_unref(event);
}
END_TEST

START_TEST(what_cannot_be_watched_is_watched_later) {
        struct log_captures captures;
        sd_event *event;
        struct instance a, b;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(log_captures_init(&captures, event), 0);
        n_refused = 4;
        instance_open(&a, &captures, "w/0");
        instance_open(&b, &captures, "w/1");
        ck_assert_uint_eq(n_refused, 2);
        say(&a, "one\n");
        /* One of them is closed meanwhile; the other is tried twice more. */
        instance_close(&b);
        ck_assert_ptr_eq(list_first(&captures.unwatched), &a.capture.link);
        ck_assert_ptr_eq(captures.unwatched.prev, &a.capture.link);
        while (a.lines == 0)
                ck_assert_int_gt(sd_event_run(event, UINT64_MAX), 0);
        ck_assert_uint_eq(n_refused, 0);
        ck_assert(list_is_empty(&captures.unwatched));
        ck_assert_str_eq(last_line(&a), "one");
        say(&a, "two\n");
        while (a.lines == 1)
                ck_assert_int_gt(sd_event_run(event, UINT64_MAX), 0);
        instance_close(&a);
        log_captures_done(&captures);
        sd_event_unref(event);
}
END_TEST

START_TEST(what_can_never_be_watched_is_refused) {
        struct log_source from = { .worker = "w", .key = "w/0", .stream = LOG_STREAM_STDOUT, .pid = 5 };
        struct instance i = { .capture = LOG_CAPTURE_NULL };
        struct log_captures captures;
        sd_event *event = NULL;
        int fd = fd_memfd_sealed("file", "x", 1);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(log_captures_init(&captures, event), 0);
        ck_assert_int_eq(log_capture_open(&i.capture, &captures, fd, &from, on_line, &i), -EPERM);
        ck_assert(!log_capture_is_open(&i.capture) && list_is_empty(&captures.unwatched));
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);       /* it is still the caller's */
        close(fd);
        log_captures_done(&captures);
        sd_event_unref(event);
}
END_TEST

START_TEST(a_closed_capture_stays_closed) {
        struct log_capture c = LOG_CAPTURE_NULL;

        log_capture_close(&c);
        log_capture_drain(&c);
        ck_assert(!log_capture_is_open(&c));
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("log-capture", lines_come_as_they_are_written,
                                         priorities_are_taken_off, pieces_of_a_line_have_its_priority,
                                         a_flood_of_short_lines_is_bounded,
                                         a_flood_without_an_end_of_line_is_bounded,
                                         a_wake_up_takes_a_bounded_number_of_lines,
                                         what_the_dead_wrote_is_drained, a_drain_does_not_wait_for_a_flood,
                                         what_cannot_be_watched_is_watched_later, what_can_never_be_watched_is_refused,
                                         a_closed_capture_stays_closed));
}
