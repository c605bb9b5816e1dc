/* SPDX-License-Identifier: MIT */
/* The runtime directory, and the lock in it. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/runtime.h"
#include "harness.h"

static char parent[] = "/tmp/ganger-test-XXXXXX";
static char path[64], other[64];

static void setup(void) {
        strcpy(parent, "/tmp/ganger-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(parent));
        snprintf(path, sizeof path, "%s/run", parent);
        snprintf(other, sizeof other, "%s/other", parent);
}

static void teardown(void) {
        char lock[80];

        snprintf(lock, sizeof lock, "%s/lock", path);
        (void)unlink(lock);
        (void)unlink(path);
        (void)rmdir(path);
        (void)rmdir(other);
        (void)rmdir(parent);
}

static void expect_refused(int error, const char *word) {
        struct error e = ERROR_NULL;

        ck_assert_int_eq(runtime_directory_open(path, &e), error);
        ck_assert_msg(strstr(e.text, word) != NULL, "%s", e.text);
}

START_TEST(it_is_made_with_the_right_mode) {
        _cleanup_(closep) int fd = -1;
        struct error e = ERROR_NULL;
        mode_t before = umask(077);
        struct stat st;

        fd = runtime_directory_open(path, &e);
        umask(before);
        ck_assert_msg(fd >= 0, "%s", e.text);
        ck_assert_int_eq(fstat(fd, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, geteuid() == 0 ? 0755 : 0700);
}
END_TEST

START_TEST(one_that_is_there_keeps_its_mode) {
        _cleanup_(closep) int fd = -1;
        struct error e = ERROR_NULL;
        struct stat st;

        ck_assert_int_eq(mkdir(path, 0700), 0);
        fd = runtime_directory_open(path, &e);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fstat(fd, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0700);
}
END_TEST

START_TEST(what_others_could_have_put_there_is_refused) {
        ck_assert_int_eq(mkdir(other, 0700), 0);
        ck_assert_int_eq(symlink(other, path), 0);
        expect_refused(-ENOTDIR, "no directory");
        ck_assert_int_eq(unlink(path), 0);

        ck_assert_int_eq(mkdir(path, 0700), 0);
        ck_assert_int_eq(chmod(path, 01777), 0);
        expect_refused(-EPERM, "others can write");
        if (geteuid() == 0) {
                ck_assert_int_eq(chmod(path, 0700), 0);
                ck_assert_int_eq(chown(path, 65534, 65534), 0);
                expect_refused(-EPERM, "user 65534");
        }
        ck_assert_int_eq(rmdir(path), 0);
        ck_assert_int_eq(rmdir(parent), -1);            /* `other` is in it */
        snprintf(path, sizeof path, "%s/none/run", parent);
        expect_refused(-ENOENT, "none/run");
}
END_TEST

START_TEST(the_lock_is_taken_once) {
        _cleanup_(closep) int fd = -1;
        int first, second;
        struct error e = ERROR_NULL;
        char words[64];

        fd = runtime_directory_open(path, &e);
        first = runtime_lock(fd, &e);
        ck_assert_int_ge(first, 0);
        ck_assert_int_eq(runtime_lock(fd, &e), -EADDRINUSE);
        snprintf(words, sizeof words, "another gangerd runs here already (pid %d)", (int)getpid());
        ck_assert_str_eq(e.text, words);
        close(first);
        second = runtime_lock(fd, &e);
        ck_assert_int_ge(second, 0);
        close(second);
}
END_TEST

/* Also the one that a daemon of before has left, which anybody could open: and whoever can open it can lock it. */
START_TEST(the_lock_can_be_opened_by_nobody_else) {
        _cleanup_(closep) int fd = -1, old = -1, lock = -1;
        struct error e = ERROR_NULL;
        struct stat st;

        fd = runtime_directory_open(path, &e);
        old = openat(fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        ck_assert_int_ge(old, 0);
        lock = runtime_lock(fd, &e);
        ck_assert_int_ge(lock, 0);
        ck_assert_int_eq(fstat(lock, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("runtime");
        TCase *tests = tcase_create("runtime");

        tcase_add_checked_fixture(tests, setup, teardown);
        tcase_add_test(tests, it_is_made_with_the_right_mode);
        tcase_add_test(tests, one_that_is_there_keeps_its_mode);
        tcase_add_test(tests, what_others_could_have_put_there_is_refused);
        tcase_add_test(tests, the_lock_is_taken_once);
        tcase_add_test(tests, the_lock_can_be_opened_by_nobody_else);
        suite_add_tcase(suite, tests);
        return harness_run(suite);
}
