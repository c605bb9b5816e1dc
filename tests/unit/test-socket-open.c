/* SPDX-License-Identifier: MIT */
/*
 * The file of a socket, in a directory in which somebody else can put another one in its place: that gets neither owner
 * nor mode.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/socket-open.h"
#include "harness.h"

static char directory[] = "/tmp/ganger-test-XXXXXX";
static char path[64], secret[64];
static const struct listen_definition definition = { .mode = 0666, .backlog = 8 };

static void setup(void) {
        int fd;

        strcpy(directory + strlen(directory) - 6, "XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(path, sizeof path, "%s/page", directory);
        snprintf(secret, sizeof secret, "%s/secret", directory);
        fd = open(secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        close(fd);
}

static void teardown(void) {
        unlink(path);
        unlink(secret);
        ck_assert_int_eq(rmdir(directory), 0);
}

static struct listen_address address(void) {
        struct listen_address a;
        struct error e = ERROR_NULL;

        ck_assert_int_eq(listen_address_parse(path, &a, &e), 0);
        return a;
}

static unsigned int mode_of(const char *name) {
        struct stat st;

        ck_assert_int_eq(lstat(name, &st), 0);
        return st.st_mode & 07777;
}

START_TEST(a_socket_has_its_mode) {
        struct listen_address a = address();
        struct error e = ERROR_NULL;
        _cleanup_(closep) int fd = socket_open(SOCK_STREAM, &a, &definition, &e);

        ck_assert_msg(fd >= 0, "%s", e.text);
        ck_assert_uint_eq(mode_of(path), 0666);
}
END_TEST

START_TEST(what_is_put_in_its_place_keeps_its_own) {
        struct listen_address a = address();
        struct error e = ERROR_NULL;
        _cleanup_(closep) int fd = socket_open(SOCK_STREAM, &a, &definition, &e);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(symlink(secret, path), 0);
        ck_assert_int_eq(socket_adjust(fd, SOCK_STREAM, &a, &definition, &e), -EPERM);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(link(secret, path), 0);
        ck_assert_int_eq(socket_adjust(fd, SOCK_STREAM, &a, &definition, &e), -EPERM);
        ck_assert_uint_eq(mode_of(secret), 0600);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("socket-open");
        TCase *tests = tcase_create("socket-open");

        tcase_add_checked_fixture(tests, setup, teardown);
        tcase_add_test(tests, a_socket_has_its_mode);
        tcase_add_test(tests, what_is_put_in_its_place_keeps_its_own);
        suite_add_tcase(suite, tests);
        return harness_run(suite);
}
