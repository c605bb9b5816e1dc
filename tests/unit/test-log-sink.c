/* SPDX-License-Identifier: MIT */
/* Sinks: whatever is at the other end, nothing blocks, and losses are counted and told of. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/log/lines.h"
#include "daemon/log/log.h"
#include "daemon/log/sink.h"
#include "harness.h"

static struct log_record record_of(const char *text) {
        return (struct log_record){
                .source = { .worker = "resize", .key = "resize/3", .instance = 3, .pid = 42 },
                .priority = LOG_INFO,
                .text = text,
                .size = strlen(text),
        };
}

static void say(struct log_sink *sink, const char *text) {
        struct log_record record = record_of(text);

        log_sink_write(sink, &record);
}

/* All that is there, terminated. */
static size_t read_all(int fd, char *buf, size_t size) {
        size_t n = 0;
        ssize_t r;

        while (n < size - 1 && (r = read(fd, buf + n, size - 1 - n)) > 0)
                n += (size_t)r;
        buf[n] = 0;
        return n;
}

static void open_stderr(struct log_sink *sink, int fd) {
        *sink = LOG_SINK_NULL;
        sink->target_fd = fd;
        log_sink_open(sink, &log_sink_stderr);
        ck_assert_ptr_eq(sink->type, &log_sink_stderr);
}

/* As ours is: blocking, and shared with somebody. The read end is not, so that a test can empty it. */
static void make_pipe(int *ends) {
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
}

static unsigned alarms;

static void on_alarm(int signal) {
        alarms++;
}

/* Ends a write that blocks, which the tests then see; without SA_RESTART. */
static void guard_against_blocking(unsigned sec) {
        static const struct sigaction action = { .sa_handler = on_alarm };
        struct itimerval timer = { .it_value.tv_sec = sec };

        alarms = 0;
        sigaction(SIGALRM, &action, NULL);
        setitimer(ITIMER_REAL, &timer, NULL);
}

START_TEST(lines_carry_their_instance) {
        struct log_record own = { .priority = LOG_ERR, .text = "no memory", .size = 9 };
        struct log_sink sink;
        char buf[256];
        int ends[2];

        make_pipe(ends);
        open_stderr(&sink, ends[1]);
        say(&sink, "hello");
        say(&sink, "");
        log_sink_write(&sink, &own);
        log_sink_close(&sink);
        read_all(ends[0], buf, sizeof buf);
        ck_assert_str_eq(buf, "resize/3: hello\nresize/3: \ngangerd: no memory\n");
        ck_assert_msg(!(fcntl(ends[1], F_GETFL) & O_NONBLOCK), "the stderr of others was changed");
        close(ends[0]);
        close(ends[1]);
}
END_TEST

START_TEST(long_lines_go_to_a_pipe_in_pieces_that_it_takes_whole) {
        char text[LOG_LINE_MAX + 1], buf[3 * LOG_LINE_MAX];
        size_t letters = 0;
        struct log_sink sink;
        int ends[2];

        memset(text, 'x', LOG_LINE_MAX);
        text[LOG_LINE_MAX] = 0;
        make_pipe(ends);
        open_stderr(&sink, ends[1]);
        say(&sink, text);
        log_sink_close(&sink);
        read_all(ends[0], buf, sizeof buf);
        for (char *line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
                ck_assert_uint_lt(strlen(line), PIPE_BUF);
                ck_assert_int_eq(strncmp(line, "resize/3: ", 10), 0);
                for (const char *p = line + 10; *p; p++)
                        letters += *p == 'x';
                ck_assert((letters == LOG_LINE_MAX) != (strstr(line, "…") != NULL));
        }
        ck_assert_uint_eq(letters, LOG_LINE_MAX);
        close(ends[0]);
        close(ends[1]);
}
END_TEST

/* @param guarded  as where no description of our own could be had. */
static void fill_pipe(bool guarded) {
        static char buf[1 << 20];
        struct log_sink sink;
        uint64_t dropped, lines = 0;
        char expected[128];
        int ends[2];

        make_pipe(ends);
        open_stderr(&sink, ends[1]);
        ck_assert_msg(!sink.guarded, "a pipe can be opened once more");
        if (guarded) {
                close(sink.fd);
                sink.fd = dup(ends[1]);
                sink.guarded = true;
        }
        guard_against_blocking(20);
        for (int i = 0; i < 100000; i++)
                say(&sink, "a line like any other");
        ck_assert_uint_eq(alarms, 0);
        dropped = sink.dropped;
        ck_assert_uint_gt(dropped, 0);

        read_all(ends[0], buf, sizeof buf);
        for (const char *p = buf; (p = strchr(p, '\n')); p++)
                lines++;
        ck_assert_msg(lines + dropped == 100000, "each line was written or counted");

        say(&sink, "after");
        ck_assert_uint_eq(sink.dropped, 0);
        ck_assert_uint_eq(sink.dropped_total, dropped);
        read_all(ends[0], buf, sizeof buf);
        snprintf(expected, sizeof expected, "gangerd: %lu lines of log dropped\nresize/3: after\n",
                 (unsigned long)dropped);
        ck_assert_str_eq(buf, expected);
        log_sink_close(&sink);
        close(ends[0]);
        close(ends[1]);
}

START_TEST(a_full_pipe_drops_and_tells_later) {
        fill_pipe(false);
        fill_pipe(true);
}
END_TEST

START_TEST(a_full_disk_is_survived) {
        struct log_sink sink;
        int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        open_stderr(&sink, fd);
        for (int i = 0; i < 100; i++)
                say(&sink, "nobody will read this");
        ck_assert_uint_eq(sink.dropped, 100);
        log_sink_close(&sink);
        close(fd);
}
END_TEST

/* A file that can grow to a limit only, as a full disk: what is torn there does not swallow the next line. */
START_TEST(a_line_torn_by_a_full_disk_is_ended) {
        char path[] = "/tmp/ganger-test-XXXXXX", buf[256];
        struct log_sink sink;
        int ends[2], fd = mkostemp(path, O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        unlink(path);
        open_stderr(&sink, fd);
        sink.torn = true;
        say(&sink, "next");
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        read_all(fd, buf, sizeof buf);
        ck_assert_str_eq(buf, "\nresize/3: next\n");
        log_sink_close(&sink);
        close(fd);

        /* A stream that takes a part of a line. */
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        open_stderr(&sink, ends[0]);
        ck_assert(sink.is_socket);
        guard_against_blocking(20);
        for (int i = 0; i < 100000; i++)
                say(&sink, "a line that somebody should have read long ago");
        ck_assert_uint_eq(alarms, 0);
        ck_assert_uint_gt(sink.dropped, 0);
        log_sink_close(&sink);
        close(ends[0]);
        close(ends[1]);
}
END_TEST

START_TEST(a_reader_that_went_away_is_survived) {
        struct log_sink sink;
        int ends[2];

        make_pipe(ends);
        open_stderr(&sink, ends[1]);
        close(ends[0]);
        say(&sink, "hello?");
        say(&sink, "anybody?");
        ck_assert_uint_eq(sink.dropped, 2);
        log_sink_close(&sink);
        close(ends[1]);
}
END_TEST

START_TEST(a_closed_stderr_is_none) {
        struct log_sink sink = LOG_SINK_NULL;
        int fd = dup(2);

        close(fd);
        sink.target_fd = fd;
        log_sink_open(&sink, &log_sink_stderr);
        ck_assert_ptr_eq(sink.type, &log_sink_none);
        say(&sink, "nobody");
        ck_assert_uint_eq(sink.dropped, 0);
        log_sink_close(&sink);
}
END_TEST

/* A journald of our own. */
struct journal {
        char directory[32], path[64];
        int fd;
};

static void journal_start(struct journal *j) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(j->fd, 0);
        strcpy(address.sun_path, j->path);
        ck_assert_int_eq(bind(j->fd, (struct sockaddr *)&address, sizeof address), 0);
}

static void journal_stop(struct journal *j) {
        close(j->fd);
        unlink(j->path);
}

static void journal_make(struct journal *j) {
        strcpy(j->directory, "/tmp/ganger-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(j->directory));
        snprintf(j->path, sizeof j->path, "%s/socket", j->directory);
        journal_start(j);
}

START_TEST(the_journal_gets_all_fields) {
        static const char expected[] =
                "PRIORITY=4\nSYSLOG_IDENTIFIER=resize\nGANGER_WORKER=resize\nGANGER_INSTANCE=3\n"
                "GANGER_STREAM=stdout\nOBJECT_PID=42\nMESSAGE\n\x0b\0\0\0\0\0\0\0low on disk\n";
        struct log_record record = record_of("low on disk");
        struct log_sink sink = LOG_SINK_NULL;
        struct journal j;
        char buf[512];

        journal_make(&j);
        sink.journal_path = j.path;
        log_sink_open(&sink, &log_sink_journal);
        ck_assert_ptr_eq(sink.type, &log_sink_journal);
        record.priority = LOG_WARNING;
        log_sink_write(&sink, &record);
        ck_assert_int_eq(recv(j.fd, buf, sizeof buf, 0), sizeof expected - 1);
        ck_assert_mem_eq(buf, expected, sizeof expected - 1);

        record.source = (struct log_source){ 0 };
        record.continued = true;
        log_sink_write(&sink, &record);
        ck_assert_int_gt(recv(j.fd, buf, sizeof buf, 0), 0);
        ck_assert_int_eq(strncmp(buf, "PRIORITY=4\nSYSLOG_IDENTIFIER=gangerd\nGANGER_CONTINUED=1\n", 56), 0);
        log_sink_close(&sink);
        journal_stop(&j);
        rmdir(j.directory);
}
END_TEST

START_TEST(a_journal_that_hangs_or_restarts_is_survived) {
        struct log_sink sink = LOG_SINK_NULL;
        char text[LOG_LINE_MAX + 1], buf[2 * LOG_LINE_MAX];
        struct journal j;
        uint64_t taken = 0;

        memset(text, 'x', LOG_LINE_MAX);
        text[LOG_LINE_MAX] = 0;
        journal_make(&j);
        sink.journal_path = j.path;
        log_sink_open(&sink, &log_sink_journal);
        guard_against_blocking(20);
        for (int i = 0; i < 2000; i++)
                say(&sink, text);
        ck_assert_uint_eq(alarms, 0);
        ck_assert_uint_gt(sink.dropped, 0);
        while (recv(j.fd, buf, sizeof buf, 0) > 0)
                taken++;
        ck_assert_uint_eq(taken + sink.dropped, 2000);

        journal_stop(&j);
        say(&sink, "nobody is there");
        ck_assert_uint_eq(taken + sink.dropped, 2001);
        journal_start(&j);
        say(&sink, "somebody is there");
        ck_assert_uint_eq(sink.dropped, 0);
        memset(buf, 0, sizeof buf);
        ck_assert_int_gt(recv(j.fd, buf, sizeof buf, 0), 0);
        ck_assert_ptr_nonnull(memmem(buf, sizeof buf, "lines of log dropped", 20));
        ck_assert_int_gt(recv(j.fd, buf, sizeof buf, 0), 0);
        ck_assert_ptr_nonnull(memmem(buf, sizeof buf, "somebody is there", 17));
        log_sink_close(&sink);
        journal_stop(&j);
        rmdir(j.directory);
}
END_TEST

START_TEST(the_sink_that_is_read_is_chosen) {
        int ends[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        struct journal j;
        struct stat st;
        char stream[64];

        make_pipe(ends);
        journal_make(&j);
        unsetenv("JOURNAL_STREAM");
        ck_assert_ptr_eq(log_sink_choose(ends[1], j.path), &log_sink_stderr);
        ck_assert_ptr_eq(log_sink_choose(null, j.path), &log_sink_journal);
        ck_assert_ptr_eq(log_sink_choose(null, "/nowhere/socket"), &log_sink_stderr);

        ck_assert_int_eq(fstat(ends[1], &st), 0);
        snprintf(stream, sizeof stream, "%lu:%lu", (unsigned long)st.st_dev, (unsigned long)st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        ck_assert_ptr_eq(log_sink_choose(ends[1], j.path), &log_sink_journal);
        ck_assert_ptr_eq(log_sink_choose(ends[1], "/nowhere/socket"), &log_sink_stderr);

        /* journald reads the priority from a stream. */
        {
                struct log_sink sink;
                char buf[64];

                open_stderr(&sink, ends[1]);
                say(&sink, "hello");
                log_sink_close(&sink);
                read_all(ends[0], buf, sizeof buf);
                ck_assert_str_eq(buf, "<6>resize/3: hello\n");
        }
        setenv("JOURNAL_STREAM", "nonsense", 1);
        ck_assert_ptr_eq(log_sink_choose(ends[1], j.path), &log_sink_stderr);
        unsetenv("JOURNAL_STREAM");
        close(ends[0]);
        close(ends[1]);
        close(null);
        journal_stop(&j);
        rmdir(j.directory);
}
END_TEST

/* The table has no holes, and a sink that is not possible falls back. */
START_TEST(every_sink_is_whole) {
        struct log_sink sink = LOG_SINK_NULL;

        for (size_t i = 0; log_sinks[i]; i++)
                ck_assert(log_sinks[i]->name && log_sinks[i]->open && log_sinks[i]->write &&
                          log_sinks[i]->close);
        sink.journal_path = "/nowhere/socket";
        log_sink_open(&sink, &log_sink_journal);
        ck_assert_ptr_eq(sink.type, &log_sink_stderr);
        log_sink_close(&sink);
        ck_assert_ptr_eq(sink.type, &log_sink_none);
}
END_TEST

/* Our own messages may quote what others wrote. */
START_TEST(own_messages_are_one_line_each) {
        int ends[2], saved = dup(2);
        char buf[512];

        make_pipe(ends);
        unsetenv("JOURNAL_STREAM");
        fflush(stderr);
        dup2(ends[1], 2);
        log_info("before it is opened");
        log_open();
        log_info("worker '%s': \x1b[2J%d", "a\tb", 5);
        log_warning("two\nlines");
        log_error("%s", "");
        log_close();
        log_info("after it was closed");
        dup2(saved, 2);
        read_all(ends[0], buf, sizeof buf);
        ck_assert_str_eq(buf, "gangerd: worker 'a\tb': \xEF\xBF\xBD[2J5\ngangerd: two\ngangerd: lines\n");
        close(saved);
        close(ends[0]);
        close(ends[1]);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("log-sink", lines_carry_their_instance,
                                         long_lines_go_to_a_pipe_in_pieces_that_it_takes_whole,
                                         a_full_pipe_drops_and_tells_later, a_full_disk_is_survived,
                                         a_line_torn_by_a_full_disk_is_ended,
                                         a_reader_that_went_away_is_survived,
                                         a_closed_stderr_is_none, the_journal_gets_all_fields,
                                         a_journal_that_hangs_or_restarts_is_survived,
                                         the_sink_that_is_read_is_chosen, every_sink_is_whole,
                                         own_messages_are_one_line_each));
}
