/* SPDX-License-Identifier: MIT */
/* Log files: rotated without losing a line, found again when they are moved, and never written through a link of others. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/own-directory.h"
#include "base/time.h"
#include "daemon/log/file.h"
#include "daemon/log/sink.h"
#include "harness.h"

#define T0 (UINT64_C(1795773600) * USEC_PER_SEC)

static char directory[32], path[64];
static struct log_file f;

static void setup(void) {
        strcpy(directory, "/tmp/ganger-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(path, sizeof path, "%s/w.log", directory);
        f = LOG_FILE_NULL;
        f.keep = 3;
        ck_assert_int_eq(log_file_set_path(&f, path), 0);
}

static void teardown(void) {
        char command[64];

        log_file_done(&f);
        snprintf(command, sizeof command, "rm -r %s", directory);
        ck_assert_int_eq(system(command), 0);
}

static int say_at(const char *text, uint64_t realtime_usec) {
        struct log_record record = {
                .source = { .worker = "w", .key = "w/3", .instance = 3, .pid = 42, .stream = LOG_STREAM_STDERR },
                .priority = LOG_WARNING,
                .realtime_usec = realtime_usec,
                .text = text,
                .size = strlen(text),
        };

        return log_file_write(&f, &record);
}

static int say(const char *text) {
        return say_at(text, T0);
}

/* All of NAME (0) or NAME.N; empty if there is none. */
static const char *content(int number) {
        static char buf[1 << 20];
        char name[80];
        size_t n;
        FILE *file;

        snprintf(name, sizeof name, number ? "%s.%d" : "%s", path, number);
        file = fopen(name, "re");
        n = file ? fread(buf, 1, sizeof buf - 1, file) : 0;
        buf[n] = '\0';
        if (file)
                fclose(file);
        return buf;
}

static bool has(int number, const char *text) {
        return strstr(content(number), text);
}

static size_t count_files(void) {
        struct dirent *entry;
        size_t n = 0;
        DIR *d = opendir(directory);

        while ((entry = readdir(d)))
                n += entry->d_name[0] != '.';
        closedir(d);
        return n;
}

START_TEST(a_line_has_all_that_is_known) {
        struct stat st;

        ck_assert_int_eq(say("low on space"), 0);
        ck_assert_int_eq(say_at("", T0 + 1), 0);
        ck_assert_str_eq(content(0), "2026-11-27T10:00:00.000000Z w/3[42] stderr warning: low on space\n"
                                     "2026-11-27T10:00:00.000001Z w/3[42] stderr warning: \n");
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 0137, 0);
        log_file_close(&f);
        ck_assert_int_eq(say("again"), 0);
        ck_assert(has(0, "low on space") && has(0, "again"));
}
END_TEST

START_TEST(rotation_loses_nothing) {
        unsigned int next = 0;

        f.size_max = 1000;
        for (unsigned int i = 0; i < 50; i++) {
                char text[16];

                snprintf(text, sizeof text, "line %02u.", i);
                ck_assert_int_eq(say(text), 0);
        }
        ck_assert_uint_eq(count_files(), 4);
        /* Each line of the last four files once, in order, to the very last. */
        for (int number = 3; number >= 0; number--) {
                const char *p = content(number);

                ck_assert_uint_le(strlen(p), 1000);
                ck_assert_uint_gt(strlen(p), 900 * (number > 0));
                for (; (p = strstr(p, "line ")); p++) {
                        unsigned int i = (unsigned int)atoi(p + 5);

                        if (next > 0)
                                ck_assert_uint_eq(i, next);
                        next = i + 1;
                }
        }
        ck_assert_uint_eq(next, 50);
}
END_TEST

START_TEST(fewer_are_kept) {
        f.size_max = 1;
        for (int i = 0; i < 8; i++)
                ck_assert_int_eq(say("x"), 0);
        ck_assert_uint_eq(count_files(), 4);
        f.keep = 1;
        ck_assert_int_eq(say("y"), 0);
        ck_assert_uint_eq(count_files(), 2);
        f.keep = 0;
        ck_assert_int_eq(say("z"), 0);
        ck_assert_uint_eq(count_files(), 1);
        ck_assert(has(0, ": z\n") && !has(0, ": y\n"));
}
END_TEST

START_TEST(an_old_one_is_rotated) {
        f.age_max_usec = 60 * USEC_PER_SEC;
        ck_assert_int_eq(say_at("first", T0), 0);
        ck_assert_int_eq(say_at("second", T0 + 59 * USEC_PER_SEC), 0);
        log_file_close(&f);             /* how old it is stands in it */
        ck_assert_int_eq(say_at("third", T0 + 60 * USEC_PER_SEC), 0);
        ck_assert(has(1, "first") && has(1, "second") && !has(1, "third"));
        ck_assert(has(0, "third"));
        ck_assert_int_eq(say_at("set back", T0), 0);
        ck_assert_int_eq(say_at("fourth", T0 + 61 * USEC_PER_SEC), 0);
        ck_assert(has(0, "set back") && has(0, "fourth"));
}
END_TEST

START_TEST(one_that_cannot_be_rotated_grows) {
        char name[80];

        snprintf(name, sizeof name, "%s.1", path);
        ck_assert_int_eq(mkdir(name, 0700), 0); /* a file cannot take its place … */
        f.size_max = 1;
        f.keep = 1;
        ck_assert_int_eq(say("one"), 0);
        ck_assert_int_eq(say("two"), 0);
        ck_assert(f.unrotated && f.why[0]);
        ck_assert(has(0, "one") && has(0, "two"));
        ck_assert_int_eq(rmdir(name), 0);
        log_file_look_again(&f);
        ck_assert_int_eq(say("three"), 0); /* … and now it can */
        ck_assert(!f.unrotated);
        ck_assert(has(1, "two") && has(0, "three") && !has(0, "two"));
}
END_TEST

START_TEST(one_that_was_moved_is_made_anew) {
        char name[80];

        snprintf(name, sizeof name, "%s.old", path);
        ck_assert_int_eq(say("one"), 0);
        ck_assert_int_eq(rename(path, name), 0);
        log_file_look_again(&f);
        ck_assert_int_eq(say("two"), 0);
        ck_assert(has(0, "two") && !has(0, "one"));
        /* Emptied, as `copytruncate` of logrotate does: no hole is left. */
        ck_assert_int_eq(truncate(path, 0), 0);
        log_file_look_again(&f);
        ck_assert_int_eq(say("three"), 0);
        ck_assert_uint_eq(f.size, strlen(content(0)));
        ck_assert(has(0, "three") && content(0)[0] == '2');
        /* With its directory. */
        f.looked_usec -= LOG_FILE_LOOK_USEC;
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(say("four"), 0);
        ck_assert(has(0, "four"));
}
END_TEST

static void refuses(int code, const char *why) {
        log_file_close(&f);
        ck_assert_int_eq(say("x"), code);
        ck_assert_msg(strstr(f.why, why), "%s", f.why);
        /* Not at once again. */
        ck_assert_int_eq(say("x"), code);
        log_file_look_again(&f);
}

START_TEST(links_of_others_are_not_followed) {
        char victim[80], other[80];
        struct stat st;
        int fd;

        snprintf(victim, sizeof victim, "%s/victim", directory);
        snprintf(other, sizeof other, "%s/other.log", directory);
        ck_assert_int_eq(symlink(victim, path), 0);
        refuses(-ELOOP, "symbolic link");
        ck_assert_int_lt(stat(victim, &st), 0); /* nor made through a link */
        unlink(path);

        fd = open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        close(fd);
        ck_assert_int_eq(link(victim, path), 0);
        refuses(-EMLINK, "other names");
        unlink(path);

        ck_assert_int_eq(mkfifo(path, 0600), 0); /* and it does not wait for a reader */
        refuses(-EINVAL, "no regular file");
        unlink(path);
        ck_assert_int_eq(stat(victim, &st), 0);
        ck_assert_int_eq(st.st_size, 0);

        /* One that takes the place of an older file is replaced, not followed. */
        snprintf(other, sizeof other, "%s.1", path);
        ck_assert_int_eq(symlink(victim, other), 0);
        f.size_max = 1;
        ck_assert_int_eq(say("one"), 0);
        ck_assert_int_eq(say("two"), 0);
        ck_assert_int_eq(stat(victim, &st), 0);
        ck_assert_int_eq(st.st_size, 0);
        ck_assert(has(1, "one") && has(0, "two"));
}
END_TEST

START_TEST(directories_of_others_are_not_used) {
        char deep[80], link[80];
        struct error e = ERROR_NULL;
        int fd;

        ck_assert_int_eq(chmod(directory, 0777), 0);
        refuses(-EPERM, "others can write to");
        ck_assert_int_eq(chmod(directory, 01777), 0); /* for a file, not even if it is sticky */
        refuses(-EPERM, "others can write to");

        /* … but what is ours in a sticky one is. What is missing is made. */
        snprintf(deep, sizeof deep, "%s/a/b//c/w.log", directory);
        fd = own_directory_open(deep, &e);
        ck_assert_msg(fd >= 0, "%s", e.text);
        close(fd);
        snprintf(deep, sizeof deep, "%s/a/b", directory);
        ck_assert_int_eq(chmod(deep, 0770), 0);
        snprintf(deep, sizeof deep, "%s/a/b/c/w.log", directory);
        ck_assert_int_eq(own_directory_open(deep, &e), -EPERM);
        ck_assert_msg(strstr(e.text, "'b'"), "%s", e.text);

        /* A link of ours is followed, one of another is not. */
        ck_assert_int_eq(chmod(directory, 0755), 0);
        snprintf(link, sizeof link, "%s/link", directory);
        snprintf(deep, sizeof deep, "%s/a", directory);
        ck_assert_int_eq(symlink(deep, link), 0);
        snprintf(deep, sizeof deep, "%s/link/w.log", directory);
        fd = own_directory_open(deep, &e);
        ck_assert_msg(fd >= 0, "%s", e.text);
        close(fd);
        if (geteuid() == 0) {
                ck_assert_int_eq(lchown(link, 7, 7), 0);
                ck_assert_int_eq(own_directory_open(deep, &e), -ELOOP);
                snprintf(deep, sizeof deep, "%s/a", directory);
                ck_assert_int_eq(chown(deep, 7, 7), 0);
                snprintf(deep, sizeof deep, "%s/a/w.log", directory);
                ck_assert_int_eq(own_directory_open(deep, &e), -EPERM);
                ck_assert_msg(strstr(e.text, "user 7"), "%s", e.text);
        }
        ck_assert_int_lt(own_directory_open("w.log", &e), 0);
        ck_assert_int_lt(own_directory_open("/dev/null/w.log", &e), 0);
}
END_TEST

/* A file that can grow to a limit only, as a full disk: no line is there by half, and it goes on when there is room. */
START_TEST(a_full_disk_leaves_no_half_line) {
        struct log_sink sink = LOG_SINK_NULL;
        struct log_record record = {
                .priority = LOG_INFO, .realtime_usec = T0, .text = "a line like any other", .size = 21,
        };
        struct rlimit saved, limit;
        size_t written = 0;
        char told[64];

        sink.file = &f;
        log_sink_open(&sink, &log_sink_file);
        log_sink_write(&sink, &record);
        getrlimit(RLIMIT_FSIZE, &saved);
        limit = (struct rlimit){ .rlim_cur = 1000, .rlim_max = saved.rlim_max };
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        for (int i = 1; i < 100; i++)
                log_sink_write(&sink, &record);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &saved), 0);
        for (const char *p = content(0); (p = strchr(p, '\n')); p++)
                written++;
        ck_assert_int_eq(content(0)[strlen(content(0)) - 1], '\n');
        ck_assert_uint_eq(written + sink.dropped, 100);
        snprintf(told, sizeof told, "%zu lines of log dropped\n", (size_t)sink.dropped);
        log_sink_write(&sink, &record);
        ck_assert_uint_eq(sink.dropped, 0);
        ck_assert(has(0, told));
        log_sink_close(&sink);
}
END_TEST

START_TEST(long_lines_are_cut_not_split) {
        static char text[LOG_LINE_MAX + 100];
        size_t letters = 0;

        memset(text, 'x', sizeof text - 1);
        ck_assert_int_eq(say(text), 0);
        for (const char *p = content(0); *p; p++)
                letters += *p == 'x';
        ck_assert_uint_eq(letters, LOG_LINE_MAX);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("log-file");
        TCase *c = tcase_create("log-file");

        tcase_add_checked_fixture(c, setup, teardown);
        tcase_add_test(c, a_line_has_all_that_is_known);
        tcase_add_test(c, rotation_loses_nothing);
        tcase_add_test(c, fewer_are_kept);
        tcase_add_test(c, an_old_one_is_rotated);
        tcase_add_test(c, one_that_cannot_be_rotated_grows);
        tcase_add_test(c, one_that_was_moved_is_made_anew);
        tcase_add_test(c, links_of_others_are_not_followed);
        tcase_add_test(c, directories_of_others_are_not_used);
        tcase_add_test(c, a_full_disk_leaves_no_half_line);
        tcase_add_test(c, long_lines_are_cut_not_split);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
