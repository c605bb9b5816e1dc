/* SPDX-License-Identifier: MIT */
/*
 * Monitors and mutexes through the public API, by several processes that are killed: the test plays the manager.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "gang-rig.h"
#include "harness.h"

#define CONDITIONS 2
#define HANDLES 3
#define CHILDREN 3
#define STORM_KILLS 40
/** In a minute everything here is over, or it hangs. */
#define LIMIT 60000000

static struct rig_ring guard, latch;
static struct rig_member member, children[CHILDREN];
static struct ganger *g;

/** What the lock guards; in memory that all share. */
static struct guarded {
        volatile uint64_t begun, done;
        _Atomic uint32_t answers;
} *guarded;

static void lock_open(struct rig_ring *r, const char *name, uint32_t conditions) {
        struct region region;

        *r = (struct rig_ring){
                .name = name,
                .geometry = {
                        .kind = OBJECT_MONITOR, .slots = conditions, .fences = !region_barrier_is_available(),
                },
                .next_participant = 1,
        };
        r->memory_fd = region_create(name, &r->geometry);
        ck_assert_int_ge(r->memory_fd, 0);
        r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        ck_assert_int_ge(r->event_fd, 0);
        ck_assert_int_eq(region_map(&region, r->memory_fd, &r->geometry), 0);
        object_open(&r->judge, &region, r->event_fd);
}

static void setup(void) {
        guarded = mmap(NULL, sizeof *guarded, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(guarded, MAP_FAILED);
        lock_open(&guard, "guard", CONDITIONS);
        lock_open(&latch, "latch", 0);
        rig_member_open(&member, "parent", 0);
        rig_member_give(&member, &guard, GANGER_RECEIVE | GANGER_SEND, HANDLES);
        rig_member_give(&member, &latch, GANGER_RECEIVE | GANGER_SEND, HANDLES);
        for (unsigned int i = 0; i < CHILDREN; i++) {
                rig_member_open(&children[i], "child", i);
                rig_member_give(&children[i], &guard, GANGER_RECEIVE | GANGER_SEND, 1);
        }
        g = rig_member_join(&member);
}

static void teardown(void) {
        g = ganger_leave(g);
        for (unsigned int i = 0; i < CHILDREN; i++)
                rig_member_close(&children[i]);
        rig_member_close(&member);
        rig_ring_close(&guard);
        rig_ring_close(&latch);
        munmap(guarded, sizeof *guarded);
}

static struct ganger_monitor *open_monitor(void) {
        struct ganger_monitor *m = NULL;

        ck_assert_int_eq(ganger_monitor_open(g, "guard", &m), 0);
        return m;
}

/* ---- children ------------------------------------------------------------------------------------ */

/** Run `fn` as a member, in a process of its own. Its exit status is what it returns. */
static pid_t spawn(unsigned int i, int (*fn)(struct ganger_monitor *m)) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                struct ganger_monitor *m;

                if (ganger_monitor_open(rig_member_join(&children[i]), NULL, &m) < 0)
                        _exit(99);
                _exit(fn(m));
        }
        return pid;
}

static void end(unsigned int i, pid_t pid) {
        struct recovery ignored = { 0 };

        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        rig_member_recover(&children[i], "killed by SIGKILL", &ignored);
}

static void expect(unsigned int i, pid_t pid, int expected) {
        struct recovery ignored = { 0 };
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), expected);
        rig_member_recover(&children[i], "exit", &ignored);
}

static void wait_until_holder(unsigned int i) {
        struct monitor_view view;

        do {
                sched_yield();
                monitor_look(&guard.judge.monitor, &view);
        } while (view.participant != children[i].rings[0].first);
        ck_assert_uint_ne(view.thread, 0);
}

static void wait_until_waiter(unsigned int i, uint32_t of) {
        uint32_t first = children[i].rings[0].first;

        while (monitor_waiter_after(&guard.judge.monitor, of, first - 1, NULL) != first)
                sched_yield();
}

/** Asleep, not only about to be. */
static void wait_until_asleep(pid_t pid) {
        char path[64], state = 0;

        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        while (state != 'S') {
                FILE *f = fopen(path, "re");

                ck_assert_ptr_nonnull(f);
                ck_assert_int_eq(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
                fclose(f);
                sched_yield();
        }
}

static int hold(struct ganger_monitor *m) {
        if (ganger_monitor_lock(m, LIMIT) != 0)
                return 1;
        for (;;)
                pause();
}

/** 0, or the error, without its sign. */
static int lock_once(struct ganger_monitor *m) {
        return -ganger_monitor_lock(m, LIMIT);
}

static int wait_once(struct ganger_monitor *m) {
        int r = ganger_monitor_lock(m, LIMIT);

        if (r == 0)
                r = ganger_monitor_wait(m, 0, LIMIT);
        if (r == 0)
                r = ganger_monitor_unlock(m);
        atomic_fetch_add(&guarded->answers, 1);
        return -r;
}

static int wait_for_gate(struct ganger_monitor *m) {
        int r = ganger_monitor_lock(m, LIMIT);

        while (r == 0 && guarded->begun == 0)
                r = ganger_monitor_wait(m, 1, LIMIT);
        return r < 0 ? -r : -ganger_monitor_unlock(m);
}

/** As the manual says it: two numbers that are the same whenever the lock is had. Never ends, but by a mistake. */
static int count_for_ever(struct ganger_monitor *m) {
        for (;;) {
                int r = ganger_monitor_lock(m, LIMIT);

                if (r == -EOWNERDEAD) {
                        guarded->done = guarded->begun;
                        if (ganger_monitor_consistent(m) < 0)
                                return 2;
                } else if (r < 0) {
                        return 3;
                }
                if (guarded->done != guarded->begun)
                        return 4;
                guarded->begun++;
                guarded->done++;
                if (guarded->begun % 16 == 0)
                        (void)ganger_monitor_signal(m, 0);
                if (guarded->begun % 16 == 8 && ganger_monitor_wait(m, 0, 1000) == -EOWNERDEAD)
                        guarded->done = guarded->begun + (uint64_t)ganger_monitor_consistent(m);
                if (ganger_monitor_unlock(m) < 0)
                        return 5;
        }
}

/* ---- tests --------------------------------------------------------------------------------------- */

START_TEST(locks_are_found_by_name) {
        struct ganger_monitor *handles[HANDLES], *more = NULL;
        struct ganger_mutex *mutex = NULL;
        struct ganger_ring *ring = NULL;

        ck_assert_int_eq(ganger_monitor_open(g, "nothing", &more), -ENOENT);
        ck_assert_int_eq(ganger_monitor_open(g, NULL, &more), -ENOTUNIQ);
        ck_assert_int_eq(ganger_mutex_open(g, NULL, &mutex), -ENOTUNIQ);
        ck_assert_int_eq(ganger_ring_open(g, "guard", GANGER_SEND, &ring), -ENOENT);
        for (int i = 0; i < HANDLES; i++)
                handles[i] = open_monitor();
        ck_assert_int_eq(ganger_monitor_open(g, "guard", &more), -EUSERS);
        ck_assert_ptr_null(more);
        ck_assert_int_eq(ganger_mutex_open(g, "latch", &mutex), 0);
        ck_assert_str_eq(ganger_mutex_name(mutex), "latch");
        ck_assert_str_eq(ganger_monitor_name(handles[0]), "guard");
        ck_assert_ptr_null(ganger_mutex_close(mutex));
        for (int i = 0; i < HANDLES; i++)
                ck_assert_ptr_null(ganger_monitor_close(handles[i]));
        ck_assert_ptr_null(ganger_monitor_close(NULL));
        ck_assert_ptr_null(ganger_mutex_close(NULL));
        open_monitor(); /* is closed by ganger_leave() */
}
END_TEST

START_TEST(a_mutex_is_the_lock_of_a_monitor) {
        struct ganger_monitor *m = open_monitor();
        struct ganger_mutex *mutex = NULL, *other = NULL;

        ck_assert_int_eq(ganger_mutex_open(g, "guard", &mutex), 0);
        ck_assert_int_eq(ganger_mutex_open(g, "guard", &other), 0);
        ck_assert_int_eq(ganger_mutex_lock(mutex, -1), 0);
        ck_assert_int_eq(ganger_mutex_lock(mutex, -1), -EDEADLK);
        ck_assert_int_eq(ganger_monitor_lock(m, 0), -EAGAIN);
        ck_assert_int_eq(ganger_mutex_lock(other, 1), -ETIMEDOUT);
        ck_assert_int_eq(ganger_mutex_unlock(other), -EPERM);
        ck_assert_int_eq(ganger_mutex_consistent(mutex), -EINVAL);
        ck_assert_int_eq(ganger_mutex_unlock(mutex), 0);
        ck_assert_int_eq(ganger_monitor_lock(m, 0), 0);
        ck_assert_int_eq(ganger_monitor_wait(m, 0, 0), -EAGAIN);
        ck_assert_int_eq(ganger_monitor_wait(m, 0, 1), -ETIMEDOUT);
        ck_assert_int_eq(ganger_monitor_wait(m, CONDITIONS, -1), -EINVAL);
        ck_assert_int_eq(ganger_monitor_unlock(m), 0);
}
END_TEST

START_TEST(closing_while_holding_is_dying) {
        struct ganger_monitor *m = open_monitor(), *next = open_monitor();

        ck_assert_int_eq(ganger_monitor_lock(m, -1), 0);
        ganger_monitor_close(m);
        m = open_monitor();
        ck_assert_int_eq(ganger_monitor_lock(next, -1), -EOWNERDEAD);
        ck_assert_int_eq(ganger_monitor_consistent(next), 0);
        ganger_monitor_close(next);
        ck_assert_int_eq(ganger_monitor_lock(m, -1), -EOWNERDEAD);
        ck_assert_int_eq(ganger_monitor_unlock(m), 0);
        ck_assert_int_eq(ganger_monitor_lock(m, -1), -ENOTRECOVERABLE);
}
END_TEST

START_TEST(the_lock_of_the_dead_goes_to_one_who_waits) {
        pid_t holder = spawn(0, hold), waiter;
        struct ganger_monitor *m = open_monitor();

        wait_until_holder(0);
        ck_assert_int_eq(ganger_monitor_lock(m, 0), -EAGAIN);
        waiter = spawn(1, lock_once);
        wait_until_waiter(1, MONITOR_LOCK);
        end(0, holder);
        /* It has it, and dies with it. */
        expect(1, waiter, EOWNERDEAD);
        ck_assert_int_eq(ganger_monitor_lock(m, 0), -EOWNERDEAD);
        ck_assert_int_eq(ganger_monitor_consistent(m), 0);
        ck_assert_int_eq(ganger_monitor_unlock(m), 0);
}
END_TEST

START_TEST(a_waiter_that_dies_is_not_missed) {
        struct ganger_monitor *m = open_monitor();
        pid_t pids[2];

        ck_assert_int_eq(ganger_monitor_lock(m, 0), 0);
        for (unsigned int i = 0; i < 2; i++) {
                pids[i] = spawn(i, lock_once);
                wait_until_waiter(i, MONITOR_LOCK);
                wait_until_asleep(pids[i]);
        }
        /* The first is woken, but never runs again. */
        kill(pids[0], SIGSTOP);
        ck_assert_int_eq(waitpid(pids[0], NULL, WUNTRACED), pids[0]);
        ck_assert_int_eq(ganger_monitor_unlock(m), 0);
        end(0, pids[0]);
        expect(1, pids[1], 0);
        ck_assert_int_eq(ganger_monitor_lock(m, LIMIT), -EOWNERDEAD); /* it did not unlock */
}
END_TEST

START_TEST(a_signal_wakes_one_and_a_broadcast_all) {
        struct ganger_monitor *m = open_monitor();
        pid_t pids[2];

        for (unsigned int i = 0; i < 2; i++) {
                pids[i] = spawn(i, wait_for_gate);
                wait_until_waiter(i, 1);
        }
        ck_assert_int_eq(ganger_monitor_lock(m, LIMIT), 0);
        guarded->begun = 1;
        ck_assert_int_eq(ganger_monitor_broadcast(m, 1), 0);
        ck_assert_int_eq(ganger_monitor_unlock(m), 0);
        expect(0, pids[0], 0);
        expect(1, pids[1], 0);
        for (unsigned int i = 0; i < 2; i++) {
                pids[i] = spawn(i, wait_once);
                wait_until_waiter(i, 0);
        }
        ck_assert_int_eq(ganger_monitor_signal(m, 0), 0);
        ck_assert_int_eq(ganger_monitor_signal(m, 0), 0);
        expect(0, pids[0], 0);
        expect(1, pids[1], 0);
}
END_TEST

START_TEST(a_signal_that_the_dead_had_is_not_lost) {
        struct ganger_monitor *m = open_monitor();
        pid_t pids[2];

        for (unsigned int i = 0; i < 2; i++) {
                pids[i] = spawn(i, wait_once);
                wait_until_waiter(i, 0);
                wait_until_asleep(pids[i]);
        }
        kill(pids[0], SIGSTOP);
        ck_assert_int_eq(waitpid(pids[0], NULL, WUNTRACED), pids[0]);
        ck_assert_int_eq(ganger_monitor_signal(m, 0), 0);
        end(0, pids[0]);
        expect(1, pids[1], 0);
        ck_assert_uint_eq(guarded->answers, 1);
}
END_TEST

static void *wait_until_drained(void *p) {
        struct ganger_monitor *m = p;
        int r = ganger_monitor_lock(m, LIMIT);

        while (r == 0)
                r = ganger_monitor_wait(m, 1, LIMIT);
        return (void *)(intptr_t)(r == -ESHUTDOWN ? ganger_monitor_unlock(m) : r);
}

START_TEST(draining_ends_a_wait_for_a_condition) {
        struct ganger_monitor *m = open_monitor();
        void *result = m;
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, wait_until_drained, m), 0);
        while (monitor_waiter_after(&guard.judge.monitor, 1, 0, NULL) == 0)
                sched_yield();
        ganger_interrupt(g);
        pthread_join(thread, &result);
        ck_assert_int_eq((int)(intptr_t)result, 0);
        /* The lock itself can be had. */
        ck_assert_int_eq(ganger_monitor_lock(m, -1), 0);
        ck_assert_int_eq(ganger_monitor_wait(m, 0, -1), -ESHUTDOWN);
}
END_TEST

START_TEST(a_storm_of_kills) {
        pid_t pids[CHILDREN];

        for (unsigned int i = 0; i < CHILDREN; i++)
                pids[i] = spawn(i, count_for_ever);
        for (unsigned int n = 0; n < STORM_KILLS; n++) {
                unsigned int i = n % CHILDREN;
                uint64_t before = guarded->done;

                while (guarded->done < before + 100) {
                        sched_yield();
                        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), 0);
                }
                end(i, pids[i]);
                pids[i] = spawn(i, count_for_ever);
        }
        for (unsigned int i = 0; i < CHILDREN; i++)
                end(i, pids[i]);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("ganger-monitor");
        TCase *c = tcase_create("ganger-monitor");
        const TTest *tests[] = {
                locks_are_found_by_name, a_mutex_is_the_lock_of_a_monitor, closing_while_holding_is_dying,
                the_lock_of_the_dead_goes_to_one_who_waits, a_waiter_that_dies_is_not_missed,
                a_signal_wakes_one_and_a_broadcast_all, a_signal_that_the_dead_had_is_not_lost,
                draining_ends_a_wait_for_a_condition, a_storm_of_kills,
        };

        tcase_add_checked_fixture(c, setup, teardown);
        tcase_set_timeout(c, 60);
        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        return harness_run(suite);
}
