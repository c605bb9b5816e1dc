/* SPDX-License-Identifier: MIT */
/* A keeper with a thousand children, and one whose manager does not read; what it costs. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "daemon/keeper/protocol.h"
#include "harness.h"
#include "keeper-fixture.h"

#define N_CHILDREN 1000
#define N_ROUNDS 300

static void key_of(char ret[32], int i) {
        snprintf(ret, 32, "worker/%d", i);
}

/* They exit when the pipe that is their standard input ends. All are asked for before one answer is read. */
static void start_many(struct fixture *f, int hold) {
        const int fds[] = { hold, STDOUT_FILENO, STDERR_FILENO };
        char key[32];

        for (int i = 0; i < N_CHILDREN; i++) {
                key_of(key, i);
                fixture_ask(f, key, spec_shell("read x; exit 4"), fds, ARRAY_SIZE(fds), -1);
        }
        for (int i = 0; i < N_CHILDREN; i++) {
                Event *event = fixture_event(f);

                key_of(key, i);
                ck_assert_int_eq(event->event_case, GANGER__KEEPER__FROM_KEEPER__EVENT_SPAWNED);
                ck_assert_str_eq(event->spawned->key, key);
                ck_assert_int_eq(event->spawned->error, 0);
                event_free(event);
        }
}

static void expect_exits(struct fixture *f) {
        bool seen[N_CHILDREN] = { false };

        for (int i = 0; i < N_CHILDREN; i++) {
                Event *event = fixture_event(f);
                int n;

                ck_assert_int_eq(event->event_case, GANGER__KEEPER__FROM_KEEPER__EVENT_EXITED);
                ck_assert_int_eq(event->exited->status, 4 << 8);
                n = atoi(event->exited->key + strlen("worker/"));
                ck_assert(!seen[n]);
                seen[n] = true;
                fixture_acknowledge(f, event->exited->key, event->exited->pid);
                event_free(event);
        }
}

static long private_kib(pid_t pid) {
        char path[64], line[256];
        long total = 0, n;
        FILE *file;

        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
        file = fopen(path, "re");
        while (file && fgets(line, sizeof line, file))
                if (sscanf(line, "Private_Clean: %ld", &n) == 1 || sscanf(line, "Private_Dirty: %ld", &n) == 1)
                        total += n;
        if (file)
                fclose(file);
        return total;
}

/* Children of the keeper, dead ones that it has not reaped too. */
static int count_children(pid_t pid) {
        char path[64];
        int n = 0, child;
        FILE *file;

        snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
        file = fopen(path, "re");
        while (file && fscanf(file, "%d", &child) == 1)
                n++;
        if (file)
                fclose(file);
        return n;
}

START_TEST(a_thousand_children_and_a_manager_that_does_not_read) {
        struct fixture f;
        uint64_t begin;
        int hold[2];

        ck_assert_int_eq(pipe2(hold, O_CLOEXEC), 0);
        fixture_start(&f);
        fixture_ready(&f, false);
        begin = now_usec();
        start_many(&f, hold[0]);
        printf("%d children started in %.1f ms; keeper: %ld KiB private\n", N_CHILDREN,
               (double)(now_usec() - begin) / 1e3, private_kib(f.keeper));

        begin = now_usec();
        close(hold[1]);
        while (count_children(f.keeper) > 1)                    /* the manager. All are reaped while nobody reads */
                usleep(1000);
        printf("%d children exited and were reaped in %.1f ms, nothing read\n", N_CHILDREN, (double)(now_usec() - begin) / 1e3);
        expect_exits(&f);
        ck_assert(!fixture_has_event(&f, 0));
        fixture_next_manager(&f);
        ck_assert_uint_eq(f.welcome->n_exits + f.welcome->n_children, 0);
        close(hold[0]);
        fixture_stop(&f);
}
END_TEST

START_TEST(a_thousand_children_are_handed_over) {
        struct fixture f;
        uint64_t begin;
        int hold[2];

        ck_assert_int_eq(pipe2(hold, O_CLOEXEC), 0);
        fixture_start(&f);
        fixture_ready(&f, false);
        start_many(&f, hold[0]);
        begin = now_usec();
        fixture_next_manager(&f);
        printf("%zu children handed over, %.1f ms after the death of the manager\n", f.welcome->n_children,
               (double)(now_usec() - begin) / 1e3);
        ck_assert_uint_eq(f.welcome->n_children, N_CHILDREN);
        fixture_kill_manager(&f);
        close(hold[1]);
        fixture_connect(&f);
        fixture_welcome(&f);
        for (size_t i = f.welcome->n_exits; i < N_CHILDREN; i++)
                event_free(fixture_event(&f));
        fixture_next_manager(&f);
        ck_assert_uint_eq(f.welcome->n_exits, N_CHILDREN);
        close(hold[0]);
        fixture_stop(&f);
}
END_TEST

/* Answers pile up to their limit; then the keeper stops reading, and the manager is the one who waits. */
START_TEST(answers_that_nobody_reads_are_bounded) {
        Ganger__Keeper__Spawn body = GANGER__KEEPER__SPAWN__INIT;
        Ganger__Keeper__ToKeeper message = GANGER__KEEPER__TO_KEEPER__INIT;
        struct fixture f;
        int n = 0, idle = 0;

        body.key = (char *)"a/0";
        message.request_case = GANGER__KEEPER__TO_KEEPER__REQUEST_SPAWN;
        message.spawn = &body;                                  /* no descriptors: refused */
        fixture_start(&f);
        ck_assert_int_eq(fd_set_nonblocking(f.socket, true), 0);
        while (n < 4 * KEEPER_REPLIES_MAX && idle < 100) {
                int r = fixture_try_send(&f, &message, NULL, 0);

                if (r == 0) {
                        idle = 0;
                        n++;
                } else {
                        ck_assert_int_eq(r, -EAGAIN);
                        idle++;
                        usleep(1000);
                }
        }
        ck_assert_int_gt(n, KEEPER_REPLIES_MAX);
        ck_assert_int_lt(n, 4 * KEEPER_REPLIES_MAX);
        for (int i = 0; i < n; i++) {
                Event *event = fixture_event(&f);

                ck_assert_int_eq(event->spawned->error, EINVAL);
                event_free(event);
        }
        ck_assert(!fixture_has_event(&f, 0));
        fixture_stop(&f);
}
END_TEST

/* ---- measured, not judged --------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

static uint64_t median(uint64_t *values, size_t n) {
        qsort(values, n, sizeof *values, by_size);
        return values[n / 2];
}

static uint64_t bare_usec(void) {
        uint64_t times[N_ROUNDS];

        for (int i = 0; i < N_ROUNDS; i++) {
                uint64_t begin = now_usec();
                pid_t pid = vfork();

                if (pid == 0) {
                        execl("/bin/true", "true", NULL);
                        _exit(127);
                }
                times[i] = now_usec() - begin;
                waitpid(pid, NULL, 0);
        }
        return median(times, N_ROUNDS);
}

static uint64_t keeper_usec(struct fixture *f) {
        static char *argv[] = { (char *)"true" };
        uint64_t times[N_ROUNDS];
        Spec spec = *spec_shell("");

        spec.path = (char *)"/bin/true";
        spec.argv = argv;
        spec.n_argv = 1;
        for (int i = 0; i < N_ROUNDS; i++) {
                uint64_t begin = now_usec();
                Event *event = fixture_spawn(f, "a/0", &spec, NULL, 0, -1);
                pid_t pid = event->spawned->pid;

                times[i] = now_usec() - begin;
                event_free(event);
                event_free(fixture_event(f));
                fixture_acknowledge(f, "a/0", pid);
        }
        return median(times, N_ROUNDS);
}

START_TEST(what_a_spawn_costs) {
        struct fixture f;
        char name[32];

        fixture_start(&f);
        printf("bare vfork and exec: %llu us\n", (unsigned long long)bare_usec());
        printf("spawn by the keeper, asked to answered: %llu us\n", (unsigned long long)keeper_usec(&f));
        for (int i = 0; i < 3000; i++) {
                snprintf(name, sizeof name, "stored/%d", i);
                fixture_store(&f, name, STDIN_FILENO);
        }
        printf("the same with 3000 stored descriptors: %llu us\n", (unsigned long long)keeper_usec(&f));
        fixture_stop(&f);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("keeper-load", a_thousand_children_and_a_manager_that_does_not_read,
                                         a_thousand_children_are_handed_over, answers_that_nobody_reads_are_bounded,
                                         what_a_spawn_costs));
}
