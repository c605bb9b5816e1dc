/* SPDX-License-Identifier: MIT */
/* A keeper with a thousand children, and one whose manager does not read; what it costs. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "daemon/keeper/protocol.h"
#include "daemon/keeper/spawn.h"
#include "harness.h"
#include "keeper-fixture.h"

#define N_CHILDREN 1000
#define N_ROUNDS 300
#define N_STORED 3000

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
        uint64_t begin = now_usec(), end;
        pid_t pid = vfork();

        if (pid == 0) {
                execl("/bin/true", "true", NULL);
                _exit(127);
        }
        end = now_usec();
        waitpid(pid, NULL, 0);
        return end - begin;
}

static uint64_t spawn_usec(struct spawner *spawner) {
        static char *argv[] = { (char *)"true", NULL };
        const struct spawn_request request = {
                .path = "/bin/true", .argv = argv, .environment = argv + 1, .umask = 022,
                .fds = (const int[]){ 0, 1, 2 }, .n_fds = 3, .cgroup_fd = -1,
        };
        uint64_t begin = now_usec(), end;
        const char *step;
        pid_t pid;

        ck_assert_int_eq(spawn(spawner, &request, &pid, &step), 0);
        end = now_usec();
        waitpid(pid, NULL, 0);
        return end - begin;
}

static uint64_t keeper_usec(struct fixture *f) {
        static char *argv[] = { (char *)"true" };
        Spec spec = *spec_shell("");
        uint64_t begin, end;
        Event *event;
        pid_t pid;

        spec.path = (char *)"/bin/true";
        spec.argv = argv;
        spec.n_argv = 1;
        begin = now_usec();
        event = fixture_spawn(f, "a/0", &spec, NULL, 0, -1);
        end = now_usec();
        pid = event->spawned->pid;
        event_free(event);
        event_free(fixture_event(f));
        fixture_acknowledge(f, "a/0", pid);
        return end - begin;
}

/* In turn, so that whatever else the machine does slows all of them. */
static void measure(struct fixture *f, const char *when) {
        uint64_t bare[N_ROUNDS], ours[N_ROUNDS], keeper[N_ROUNDS];
        struct spawner spawner;

        ck_assert_int_eq(spawner_init(&spawner), 0);
        for (int i = 0; i < N_ROUNDS; i++) {
                bare[i] = bare_usec();
                ours[i] = spawn_usec(&spawner);
                keeper[i] = keeper_usec(f);
        }
        spawner_done(&spawner);
        printf("%s, median us: bare vfork and exec %llu, spawn() %llu, asked of the keeper and answered %llu\n", when,
               (unsigned long long)median(bare, N_ROUNDS), (unsigned long long)median(ours, N_ROUNDS),
               (unsigned long long)median(keeper, N_ROUNDS));
}

START_TEST(what_a_spawn_costs) {
        int stored[N_STORED];
        struct fixture f;
        char name[32];

        fixture_start(&f);
        measure(&f, "nothing stored");
        for (int i = 0; i < N_STORED; i++) {
                snprintf(name, sizeof name, "stored/%d", i);
                fixture_store(&f, name, STDIN_FILENO);
                stored[i] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, SPAWN_FD_WINDOW);
                ck_assert_int_ge(stored[i], 0);
        }
        measure(&f, "3000 descriptors stored");
        fixture_stop(&f);
        for (int i = 0; i < N_STORED; i++)
                close(stored[i]);
}
END_TEST

int main(void) {
        return harness_run(HARNESS_SUITE("keeper-load", a_thousand_children_and_a_manager_that_does_not_read,
                                         a_thousand_children_are_handed_over, answers_that_nobody_reads_are_bounded,
                                         what_a_spawn_costs));
}
