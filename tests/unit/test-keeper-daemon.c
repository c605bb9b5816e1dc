/* SPDX-License-Identifier: MIT */
/* gangerd as it is started by hand: it goes to the background, once, and says what is wrong. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "harness.h"

#define PATH_SIZE 256

static char directory[64], config[PATH_SIZE], runtime_dir[PATH_SIZE];
static char output[4096];

static void setup(void) {
        strcpy(directory, "/tmp/ganger-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(config, sizeof config, "%s/ganger.conf", directory);
        snprintf(runtime_dir, sizeof runtime_dir, "%s/run", directory);
        ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  /* the daemon is ours to wait for */
}

static void teardown(void) {
        static const char *const names[] = { "run/lock", "run/control", "run/notify", "run", "ganger.conf", "" };
        char path[2 * PATH_SIZE];

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                snprintf(path, sizeof path, "%s/%s", directory, names[i]);
                (void)remove(path);
        }
}

static void write_config(const char *text) {
        _cleanup_(fclosep) FILE *file = fopen(config, "we");

        ck_assert_ptr_nonnull(file);
        fputs(text, file);
}

/* Run gangerd, as from a shell that collects what it says, to the end of its output. @return its exit status. */
static int run(const char *option) {
        int pipe_fds[2], status;
        size_t size = 0;
        ssize_t n;
        pid_t pid;

        ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
        fflush(NULL);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                unsetenv("NOTIFY_SOCKET");
                dup2(pipe_fds[1], STDOUT_FILENO);
                dup2(pipe_fds[1], STDERR_FILENO);
                execl(GANGERD, "gangerd", "--config", config, "--runtime-dir", runtime_dir, option, NULL);
                _exit(127);
        }
        close(pipe_fds[1]);
        while ((n = read(pipe_fds[0], output + size, sizeof output - 1 - size)) > 0)
                size += (size_t)n;
        output[size] = '\0';
        close(pipe_fds[0]);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/* The daemon's, from its lock file. */
static pid_t keeper_pid(void) {
        char path[2 * PATH_SIZE];
        _cleanup_(fclosep) FILE *file = NULL;
        int pid = 0;

        snprintf(path, sizeof path, "%s/lock", runtime_dir);
        file = fopen(path, "re");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
        return pid;
}

static int wait_for(pid_t pid) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return status;
}

START_TEST(it_goes_to_the_background_when_it_serves) {
        pid_t keeper;

        write_config("worker nap { exec = {\"/bin/sleep\", \"1000\"} instances = 2 }\n");
        ck_assert_msg(run(NULL) == 0, "%s", output);
        keeper = keeper_pid();
        ck_assert_int_eq(getsid(keeper) != getsid(0), 1);
        ck_assert_int_ne(getsid(keeper), keeper);               /* no leader: no terminal becomes its own */

        ck_assert_int_eq(run(NULL), EX_TEMPFAIL);
        ck_assert_ptr_nonnull(strstr(output, "another gangerd runs here already (pid "));
        ck_assert_int_eq(run("--foreground"), EX_TEMPFAIL);

        ck_assert_int_eq(kill(keeper, SIGTERM), 0);
        ck_assert_int_eq(wait_for(keeper), 0);
        while (waitpid(-1, NULL, 0) > 0)
                ;
}
END_TEST

START_TEST(everything_dies_with_it) {
        pid_t keeper;

        write_config("worker nap { exec = {\"/bin/sleep\", \"1000\"} instances = 2 }\n");
        ck_assert_msg(run(NULL) == 0, "%s", output);
        keeper = keeper_pid();
        ck_assert_int_eq(kill(keeper, SIGKILL), 0);
        while (waitpid(-1, NULL, 0) > 0)                        /* else the suite's time runs out */
                ;
        ck_assert_msg(run(NULL) == 0, "%s", output);            /* the lock died with it, too */
        keeper = keeper_pid();
        ck_assert_int_eq(kill(keeper, SIGTERM), 0);
        ck_assert_int_eq(wait_for(keeper), 0);
        while (waitpid(-1, NULL, 0) > 0)
                ;
}
END_TEST

START_TEST(a_bad_configuration_is_told_on_stderr) {
        write_config("worker nap { exce = {\"/bin/sleep\"} }\n");
        ck_assert_int_eq(run(NULL), EX_CONFIG);
        ck_assert_ptr_nonnull(strstr(output, "ganger.conf:1:"));
        ck_assert_int_eq(run("--foreground"), EX_CONFIG);
        ck_assert_int_eq(run("--check"), 1);
        while (waitpid(-1, NULL, 0) > 0)
                ;
}
END_TEST

START_TEST(a_runtime_directory_that_cannot_be_is_told) {
        write_config("");
        snprintf(runtime_dir, sizeof runtime_dir, "%s/none/run", directory);
        ck_assert_int_eq(run(NULL), EX_CANTCREAT);
        ck_assert_ptr_nonnull(strstr(output, "none/run"));
        while (waitpid(-1, NULL, 0) > 0)
                ;
}
END_TEST

int main(void) {
        Suite *suite = suite_create("keeper-daemon");
        TCase *tests = tcase_create("keeper-daemon");

        tcase_add_checked_fixture(tests, setup, teardown);
        tcase_add_test(tests, it_goes_to_the_background_when_it_serves);
        tcase_add_test(tests, everything_dies_with_it);
        tcase_add_test(tests, a_bad_configuration_is_told_on_stderr);
        tcase_add_test(tests, a_runtime_directory_that_cannot_be_is_told);
        suite_add_tcase(suite, tests);
        return harness_run(suite);
}
