/* SPDX-License-Identifier: MIT */

/*
 * Runs the unit tests of one program
 *
 * In one process, so that sanitizers and leak checks see everything. A test that leaves a descriptor
 * or a child process behind has failed, whatever it asserted.
 */

#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/** A test that hangs is ended by this, with a core for the debugger. */
#define SUITE_TIME_LIMIT_SEC 300

/* Not alarm(2): Check answers SIGALRM by killing its whole process group, with make and the terminal's shell. */
static void limit_time(void) {
        const struct itimerspec limit = { .it_value.tv_sec = SUITE_TIME_LIMIT_SEC };
        struct sigevent abort_us = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGABRT };
        timer_t timer;

        if (timer_create(CLOCK_MONOTONIC, &abort_us, &timer) == 0)
                timer_settime(timer, 0, &limit, NULL);
}

static int count_fds(void) {
        DIR *d = opendir("/proc/self/fd");
        int n = 0;

        while (d && readdir(d))
                n++;
        if (d)
                closedir(d);
        return n;
}

int harness_run(Suite *suite) {
        SRunner *runner = srunner_create(suite);
        int before, after, failed;

        setvbuf(stdout, NULL, _IOLBF, 0);
        srunner_set_fork_status(runner, CK_NOFORK);
        limit_time();
        before = count_fds();
        srunner_run_all(runner, CK_ENV);
        after = count_fds();
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);

        if (after != before) {
                fprintf(stderr, "the tests left %d file descriptors open\n", after - before);
                failed++;
        }
        if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
                fprintf(stderr, "the tests left a child process behind\n");
                failed++;
        }
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
