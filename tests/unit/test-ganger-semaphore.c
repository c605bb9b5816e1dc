/* SPDX-License-Identifier: MIT */
/* Semaphores and counters by ganger.h: names, handles, several processes, and what is left of one that is killed. */

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "gang-rig.h"
#include "harness.h"
#include "shm/semaphore-posix.h"
#include "shm/sys.h"

#define PERMITS 2
#define COUNTERS 4
#define HANDLES 3
#define BOTH (GANGER_RECEIVE | GANGER_SEND)

static struct rig_ring printers, shared, statistics;
static struct rig_member member, other;
static struct ganger *g;
static char name[64];                   /* of the POSIX semaphore behind `shared` */

static void open_object(struct rig_ring *r, const char *title, struct geometry geometry, int event_fd) {
        struct region region;

        geometry.fences = !region_barrier_is_available();
        *r = (struct rig_ring){ .name = title, .geometry = geometry, .event_fd = event_fd, .next_participant = 1 };
        r->memory_fd = region_create(title, &geometry);
        ck_assert_int_ge(r->memory_fd, 0);
        ck_assert_int_ge(r->event_fd, 0);
        ck_assert_int_eq(region_map(&region, r->memory_fd, &geometry), 0);
        object_open(&r->judge, &region, event_fd);
}

static void setup(void) {
        snprintf(name, sizeof name, "ganger-test-%d", getpid());
        open_object(&printers, "printers", (struct geometry){ .kind = OBJECT_SEMAPHORE, .slots = PERMITS },
                    eventfd(0, EFD_CLOEXEC));
        open_object(&shared, "shared",
                    (struct geometry){ .kind = OBJECT_SEMAPHORE, .slots = PERMITS, .policy = SEMAPHORE_POSIX },
                    semaphore_posix_create(name, PERMITS));
        open_object(&statistics, "statistics", (struct geometry){ .kind = OBJECT_COUNTER, .slots = COUNTERS },
                    eventfd(0, EFD_CLOEXEC));
        rig_member_open(&member, "print", 0);
        rig_member_open(&other, "scan", 0);
        for (int i = 0; i < 2; i++) {
                rig_member_give(i ? &other : &member, &printers, BOTH, HANDLES);
                rig_member_give(i ? &other : &member, &shared, BOTH, HANDLES);
                rig_member_give(i ? &other : &member, &statistics, BOTH, HANDLES);
        }
        g = rig_member_join(&member);
}

static void teardown(void) {
        g = ganger_leave(g);
        rig_member_close(&member);
        rig_member_close(&other);
        rig_ring_close(&printers);
        rig_ring_close(&shared);
        rig_ring_close(&statistics);
        ck_assert_int_eq(semaphore_posix_remove(name), 0);
}

static struct ganger_semaphore *open_semaphore(struct ganger *of, const char *title) {
        struct ganger_semaphore *s = NULL;

        ck_assert_int_eq(ganger_semaphore_open(of, title, &s), 0);
        return s;
}

static struct ganger_counter *open_counter(void) {
        struct ganger_counter *c = NULL;

        ck_assert_int_eq(ganger_counter_open(g, NULL, &c), 0);
        return c;
}

START_TEST(they_are_found_by_name_and_kind) {
        struct ganger_semaphore *s = NULL;
        struct ganger_counter *c = NULL;

        ck_assert_int_eq(ganger_semaphore_open(g, "statistics", &s), -ENOENT);
        ck_assert_int_eq(ganger_semaphore_open(g, "nothing", &s), -ENOENT);
        ck_assert_int_eq(ganger_semaphore_open(g, NULL, &s), -ENOTUNIQ);
        ck_assert_ptr_null(s);
        ck_assert_int_eq(ganger_counter_open(g, "printers", &c), -ENOENT);
        ck_assert_ptr_null(c);
        c = open_counter();
        ck_assert_str_eq(ganger_counter_name(c), "statistics");
        ck_assert_ptr_null(ganger_counter_close(c));
        ck_assert_str_eq(ganger_semaphore_name(open_semaphore(g, "printers")), "printers");
        ck_assert_ptr_null(ganger_semaphore_close(NULL));
        ck_assert_ptr_null(ganger_counter_close(NULL));
}
END_TEST

START_TEST(a_seat_has_so_many_handles) {
        struct ganger_semaphore *handles[HANDLES], *more = NULL;

        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < HANDLES; i++)
                        handles[i] = open_semaphore(g, "printers");
                ck_assert_int_eq(ganger_semaphore_open(g, "printers", &more), -EUSERS);
                ck_assert_ptr_null(more);
                for (int i = 0; i < HANDLES; i++)
                        ganger_semaphore_close(handles[i]);
        }
}
END_TEST

static const char *const semaphores[] = { "printers", "shared" };

START_TEST(permits_are_shared) {
        struct ganger_semaphore *a = open_semaphore(g, semaphores[_i]), *b = open_semaphore(g, semaphores[_i]);

        ck_assert_int_eq(ganger_semaphore_value(a), PERMITS);
        ck_assert_int_eq(ganger_semaphore_release(a), -EPERM);
        ck_assert_int_eq(ganger_semaphore_acquire(a, 0), 0);
        ck_assert_int_eq(ganger_semaphore_acquire(b, -1), 0);
        ck_assert_int_eq(ganger_semaphore_value(b), 0);
        ck_assert_int_eq(ganger_semaphore_acquire(a, 0), -EAGAIN);
        ck_assert_int_eq(ganger_semaphore_acquire(a, 1), -ETIMEDOUT);
        ck_assert_int_eq(ganger_semaphore_release(a), 0);
        ck_assert_int_eq(ganger_semaphore_acquire(b, 1000000), 0);
        ck_assert_int_eq(ganger_semaphore_release(a), -EPERM);
        /* What it holds goes back. */
        ck_assert_ptr_null(ganger_semaphore_close(b));
        ck_assert_int_eq(ganger_semaphore_value(a), PERMITS);
        ck_assert_int_eq(ganger_semaphore_acquire(a, 0), 0);
        g = ganger_leave(g);
        g = rig_member_join(&member);
        a = open_semaphore(g, semaphores[_i]);
        ck_assert_int_eq(ganger_semaphore_value(a), PERMITS);
}
END_TEST

START_TEST(draining_ends_no_wait_for_a_lock) {
        struct ganger_semaphore *s = open_semaphore(g, semaphores[_i]);

        for (int i = 0; i < PERMITS; i++)
                ck_assert_int_eq(ganger_semaphore_acquire(s, 0), 0);
        ganger_interrupt(g);
        ck_assert_int_eq(ganger_semaphore_acquire(s, 1), -ETIMEDOUT);
        ck_assert_int_eq(ganger_semaphore_release(s), 0);
        ck_assert_int_eq(ganger_semaphore_acquire(s, -1), 0);
}
END_TEST

/** Holds one permit, waits for another, as long as it lives. */
static _Noreturn void hold_and_wait(const char *title, int told) {
        struct ganger *mine = rig_member_join(&other);
        struct ganger_semaphore *s = open_semaphore(mine, title);

        if (ganger_semaphore_acquire(s, 0) == 0)
                sys_event_post(told);
        (void)ganger_semaphore_acquire(s, -1);
        _exit(1);
}

START_TEST(a_killed_process_gives_back_what_it_held) {
        struct ganger_semaphore *s = open_semaphore(g, semaphores[_i]);
        struct rig_ring *ring = _i ? &shared : &printers;
        _cleanup_(closep) int told = eventfd(0, EFD_CLOEXEC);
        uint64_t n;
        pid_t pid;

        ck_assert_int_eq(ganger_semaphore_acquire(s, 0), 0);
        pid = fork();
        if (pid == 0)
                hold_and_wait(semaphores[_i], told);
        ck_assert_int_eq(read(told, &n, sizeof n), sizeof n);
        while (!semaphore_is_waiting(&ring->judge.semaphore, other.rings[_i].first))
                sched_yield();
        ck_assert_uint_eq(semaphore_thread(&ring->judge.semaphore, other.rings[_i].first), (uint32_t)pid);
        ck_assert_int_eq(ganger_semaphore_acquire(s, 0), -EAGAIN);
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        rig_member_recover(&other, "killed", NULL);
        rig_member_recover(&other, "killed", NULL);
        ck_assert_int_eq(ganger_semaphore_acquire(s, -1), 0);
        ck_assert_int_eq(ganger_semaphore_acquire(s, 0), -EAGAIN);
        for (int i = 0; i < PERMITS; i++)
                ck_assert_int_eq(ganger_semaphore_release(s), 0);
        ck_assert_int_eq(ganger_semaphore_value(s), PERMITS);
}
END_TEST

/** Take and give as fast as it can, and count; killed at some point. */
static _Noreturn void work(const char *title) {
        struct ganger *mine = rig_member_join(&other);
        struct ganger_semaphore *s = open_semaphore(mine, title);
        struct ganger_counter *c = NULL;
        int64_t within;

        if (ganger_counter_open(mine, NULL, &c) < 0)
                _exit(1);
        for (;;) {
                if (ganger_semaphore_acquire(s, -1) < 0 || ganger_counter_add(c, 0, 1, &within) < 0)
                        _exit(2);
                if (ganger_counter_add(c, 1, 1, NULL) < 0 || ganger_semaphore_release(s) < 0)
                        _exit(3);
        }
}

START_TEST(a_process_is_killed_anywhere_again_and_again) {
        struct ganger_semaphore *s = open_semaphore(g, semaphores[_i]);
        struct ganger_counter *c = open_counter();
        int64_t before = 0, now[2];
        int status;

        for (int round = 0; round < 40; round++) {
                pid_t pid = fork();

                if (pid == 0)
                        work(semaphores[_i]);
                do {
                        ck_assert_int_eq(ganger_semaphore_acquire(s, -1), 0);
                        ck_assert_int_eq(ganger_counter_get(c, 1, &now[1]), 0);
                        ck_assert_int_eq(ganger_semaphore_release(s), 0);
                } while (now[1] < before + round);
                kill(pid, SIGKILL);
                ck_assert_int_eq(waitpid(pid, &status, 0), pid);
                ck_assert_int_eq(status, SIGKILL);
                rig_member_recover(&other, "killed", NULL);
                for (int i = 0; i < PERMITS; i++)
                        ck_assert_int_eq(ganger_semaphore_acquire(s, 0), 0);
                ck_assert_int_eq(ganger_semaphore_acquire(s, 0), -EAGAIN);
                for (int i = 0; i < PERMITS; i++)
                        ck_assert_int_eq(ganger_semaphore_release(s), 0);
                ck_assert_int_eq(ganger_semaphore_value(s), PERMITS);
                ck_assert_int_eq(ganger_counter_snapshot(c, now, 2), 0);
                ck_assert(now[0] >= now[1] && now[0] <= now[1] + round + 1);
                before = now[1];
        }
}
END_TEST

START_TEST(who_knows_only_posix_takes_part) {
        struct ganger_semaphore *s = open_semaphore(g, "shared");
        char posix[sizeof name + 1];
        sem_t *outside;

        snprintf(posix, sizeof posix, "/%s", name);
        outside = sem_open(posix, 0);
        ck_assert_ptr_ne(outside, SEM_FAILED);
        ck_assert_int_eq(sem_trywait(outside), 0);
        ck_assert_int_eq(ganger_semaphore_acquire(s, 0), 0);
        ck_assert_int_eq(ganger_semaphore_acquire(s, 0), -EAGAIN);
        ck_assert_int_eq(sem_post(outside), 0);
        ck_assert_int_eq(ganger_semaphore_acquire(s, -1), 0);
        sem_close(outside);
}
END_TEST

START_TEST(numbers_are_read_all_at_once) {
        struct ganger_counter *c = open_counter(), *d = open_counter();
        int64_t values[COUNTERS + 1] = { 0 }, value = -1;

        ck_assert_int_eq(ganger_counter_add(c, COUNTERS, 1, NULL), -EINVAL);
        ck_assert_int_eq(ganger_counter_get(c, COUNTERS, &value), -EINVAL);
        ck_assert_int_eq(ganger_counter_set(c, COUNTERS, 1), -EINVAL);
        ck_assert_int_eq(ganger_counter_compare_and_swap(c, COUNTERS, &value, 1), -EINVAL);
        ck_assert_int_eq(ganger_counter_snapshot(c, values, COUNTERS + 1), -EINVAL);
        ck_assert_int_eq(value, -1);
        for (unsigned int i = 0; i < COUNTERS; i++)
                ck_assert_int_eq(ganger_counter_set(i % 2 ? c : d, i, 10 * (int64_t)i), 0);
        ck_assert_int_eq(ganger_counter_add(c, 1, -3, &value), 0);
        ck_assert_int_eq(value, 10);
        ck_assert_int_eq(ganger_counter_compare_and_swap(d, 1, &value, 0), 1);
        ck_assert_int_eq(value, 7);
        ck_assert_int_eq(ganger_counter_compare_and_swap(d, 1, &value, 11), 0);
        ck_assert_int_eq(ganger_counter_snapshot(c, values, COUNTERS), 0);
        ck_assert_int_eq(values[0], 0);
        ck_assert_int_eq(values[1], 11);
        ck_assert_int_eq(values[COUNTERS - 1], 10 * (COUNTERS - 1));
        values[0] = -5;
        ck_assert_int_eq(ganger_counter_snapshot(d, values + 1, 0), 0);
        ck_assert_int_eq(values[0], -5);
        ck_assert_int_eq(values[1], 11);
}
END_TEST

int main(void) {
        Suite *s = suite_create("ganger-semaphore");
        TCase *c = tcase_create("ganger-semaphore");

        tcase_add_checked_fixture(c, setup, teardown);
        tcase_add_test(c, they_are_found_by_name_and_kind);
        tcase_add_test(c, a_seat_has_so_many_handles);
        tcase_add_loop_test(c, permits_are_shared, 0, ARRAY_SIZE(semaphores));
        tcase_add_loop_test(c, draining_ends_no_wait_for_a_lock, 0, ARRAY_SIZE(semaphores));
        tcase_add_loop_test(c, a_killed_process_gives_back_what_it_held, 0, ARRAY_SIZE(semaphores));
        tcase_add_loop_test(c, a_process_is_killed_anywhere_again_and_again, 0, ARRAY_SIZE(semaphores));
        tcase_add_test(c, who_knows_only_posix_takes_part);
        tcase_add_test(c, numbers_are_read_all_at_once);
        suite_add_tcase(s, c);
        return harness_run(s);
}
