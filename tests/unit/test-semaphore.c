/* SPDX-License-Identifier: MIT */
/* The semaphore: what each operation does to its memory, who is let in, and what recovery gives back. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "harness.h"
#include "shm/recover.h"
#include "shm/semaphore-posix.h"
#include "shm/sys.h"

#define PERMITS 3
/** A deadline that has passed. */
#define LONG_AGO 1

static struct region region;
static struct semaphore one, two;
static struct object object;            /* as one sees it who recovers */
static char name[64];                   /* of the tokens */
static int tokens_fd;
static sem_t *tokens;                   /* NULL: of the plain one */

static void open_all(uint32_t policy, uint32_t permits) {
        const struct geometry g = {
                .kind = OBJECT_SEMAPHORE, .slots = permits, .policy = policy, .fences = !region_barrier_is_available(),
        };
        _cleanup_(closep) int fd = region_create("test", &g);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(region_map(&region, fd, &g), 0);
        semaphore_open(&one, &region, 1, 1, tokens, -1);
        semaphore_open(&two, &region, 2, 1, tokens, -1);
        object_open(&object, &region, tokens_fd);
}

static void setup(void) {
        tokens_fd = -1;
        tokens = NULL;
        open_all(SEMAPHORE_PLAIN, PERMITS);
}

static void teardown(void) {
        region_unmap(&region);
}

static void setup_tokens(void) {
        snprintf(name, sizeof name, "ganger-test-%d", getpid());
        tokens_fd = semaphore_posix_create(name, PERMITS);
        ck_assert_int_ge(tokens_fd, 0);
        ck_assert_int_eq(semaphore_posix_map(tokens_fd, &tokens), 0);
        open_all(SEMAPHORE_POSIX, PERMITS);
}

static void teardown_tokens(void) {
        region_unmap(&region);
        semaphore_posix_unmap(tokens);
        close(tokens_fd);
        ck_assert_int_eq(semaphore_posix_remove(name), 0);
}

static void die(uint32_t participant, uint32_t generation) {
        const struct seat seat = { .object = &object, .first = participant, .count = 1, .generation = generation };

        recover_process(NULL, &seat, 1, "killed by SIGKILL", NULL);
}

static void take(struct semaphore *s, unsigned int n) {
        for (unsigned int i = 0; i < n; i++)
                ck_assert_int_eq(semaphore_try(s), 0);
}

static void give(struct semaphore *s, unsigned int n) {
        for (unsigned int i = 0; i < n; i++)
                ck_assert_int_eq(semaphore_release(s), 0);
}

/** A process that waits for a permit as participant `p`, and is killed or ends with status 0 once it has one. */
static pid_t start_waiter(uint32_t p) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                struct semaphore s;

                semaphore_open(&s, &region, p, 1, tokens, -1);
                _exit(semaphore_wait(&s, UINT64_MAX) == 0 && semaphore_release(&s) == 0 ? 0 : 1);
        }
        while (!semaphore_is_waiting(&one, p))
                sched_yield();
        return pid;
}

static int end_of(pid_t pid) {
        int status = -1;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return status;
}

/* The mapping must be there in children. */
static void inherit(void) {
        ck_assert_int_eq(madvise(region.base, region.size, MADV_DOFORK), 0);
        if (tokens)
                ck_assert_int_eq(madvise(tokens, sizeof(sem_t), MADV_DOFORK), 0);
}

/* ---- permits --------------------------------------------------------------------------------------- */

START_TEST(there_are_so_many_permits) {
        for (int round = 0; round < 3; round++) {
                take(&one, 2);
                take(&two, 1);
                ck_assert_uint_eq(semaphore_value(&one), 0);
                ck_assert_int_eq(semaphore_try(&one), -EAGAIN);
                ck_assert_int_eq(semaphore_try(&two), -EAGAIN);
                ck_assert_int_eq(semaphore_wait(&two, LONG_AGO), -ETIMEDOUT);
                give(&one, 1);
                take(&two, 1);
                give(&two, 2);
                give(&one, 1);
                ck_assert_uint_eq(semaphore_value(&two), PERMITS);
        }
}
END_TEST

START_TEST(who_holds_none_gives_none_back) {
        ck_assert_int_eq(semaphore_release(&one), -EPERM);
        take(&two, 1);
        ck_assert_int_eq(semaphore_release(&one), -EPERM);
        give(&two, 1);
        ck_assert_int_eq(semaphore_release(&two), -EPERM);
}
END_TEST

START_TEST(a_geometry_makes_sense_or_not) {
        const struct geometry good = { .kind = OBJECT_SEMAPHORE, .slots = SEMAPHORE_PERMITS_MAX, .policy = SEMAPHORE_POSIX };
        struct geometry g = good;

        ck_assert_int_eq(geometry_check(&g), 0);
        g.slots++;
        ck_assert_int_eq(geometry_check(&g), -E2BIG);
        g.slots = 0;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g = good;
        g.policy = 2;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
        g = good;
        g.message_max = 1;
        ck_assert_int_eq(geometry_check(&g), -EINVAL);
}
END_TEST

START_TEST(very_many_permits_are_all_different) {
        region_unmap(&region);
        open_all(SEMAPHORE_PLAIN, SEMAPHORE_PERMITS_MAX);
        take(&one, SEMAPHORE_PERMITS_MAX - 1);
        take(&two, 1);
        ck_assert_int_eq(semaphore_try(&one), -EAGAIN);
        give(&one, SEMAPHORE_PERMITS_MAX - 1);
        ck_assert_uint_eq(semaphore_value(&one), SEMAPHORE_PERMITS_MAX - 1);
        give(&two, 1);
}
END_TEST

START_TEST(it_shows_who_holds_and_who_waits) {
        take(&two, 1);
        ck_assert_uint_eq(semaphore_holder(&one, 2), two.owner);
        ck_assert_uint_eq(semaphore_holder(&one, 1), 0);
        ck_assert_uint_eq(semaphore_thread(&one, 2), (uint32_t)gettid());
        ck_assert_uint_eq(semaphore_thread(&one, 1), 0);
        ck_assert(!semaphore_is_waiting(&one, 1));
        wait_announce(&one.waiting, 1);
        ck_assert(semaphore_is_waiting(&two, 1));
        wait_retract(&one.waiting, 1);
        /* What somebody hostile may have us ask. */
        ck_assert_uint_eq(semaphore_holder(&one, PERMITS), 0);
        ck_assert_uint_eq(semaphore_thread(&one, PARTICIPANT_MAX), 0);
        ck_assert(!semaphore_is_waiting(&one, PARTICIPANT_MAX));
}
END_TEST

/* ---- death ----------------------------------------------------------------------------------------- */

START_TEST(the_dead_give_back_what_they_held) {
        struct semaphore next;

        take(&one, 2);
        take(&two, 1);
        semaphore_open(&next, &region, 1, 2, tokens, -1);
        die(1, 1);
        die(1, 1);
        ck_assert_uint_eq(semaphore_value(&two), 2);
        take(&next, 2);
        die(1, 1);
        ck_assert_uint_eq(semaphore_value(&two), 0);
        give(&next, 2);
        give(&two, 1);
        ck_assert_uint_eq(semaphore_value(&two), PERMITS);
}
END_TEST

START_TEST(a_release_lets_a_waiter_in) {
        pid_t pid;

        inherit();
        take(&one, PERMITS);
        pid = start_waiter(3);
        give(&one, 1);
        ck_assert_int_eq(end_of(pid), 0);
        ck_assert_uint_eq(semaphore_value(&one), 1);
        give(&one, 2);
}
END_TEST

START_TEST(a_killed_waiter_stands_in_nobodys_way) {
        pid_t first, second;

        inherit();
        take(&one, PERMITS);
        first = start_waiter(3);
        second = start_waiter(4);
        kill(first, SIGKILL);
        ck_assert_int_eq(end_of(first), SIGKILL);
        give(&one, 1);
        die(3, 1);
        ck_assert_int_eq(end_of(second), 0);
        ck_assert(!semaphore_is_waiting(&one, 3));
        give(&one, PERMITS - 1);
        if (tokens) {
                /* The one that recovery posted in doubt is gone when all are held. */
                take(&two, PERMITS);
                ck_assert_int_eq(semaphore_try(&two), -EAGAIN);
                give(&two, PERMITS);
        }
        ck_assert_uint_eq(semaphore_value(&one), PERMITS);
}
END_TEST

START_TEST(a_killed_holder_lets_a_waiter_in) {
        pid_t pid;

        inherit();
        take(&one, PERMITS);
        pid = start_waiter(3);
        die(1, 1);
        ck_assert_int_eq(end_of(pid), 0);
        ck_assert_uint_eq(semaphore_value(&two), PERMITS);
}
END_TEST

static void ignore(int signal) {
        (void)signal;
}

START_TEST(a_signal_ends_a_wait) {
        int status;
        pid_t pid;

        inherit();
        take(&one, PERMITS);
        pid = fork();
        if (pid == 0) {
                const struct sigaction action = { .sa_handler = ignore };

                sigaction(SIGUSR1, &action, NULL);
                _exit(semaphore_wait(&two, UINT64_MAX) == -EINTR ? 0 : 1);
        }
        while (!semaphore_is_waiting(&one, 2))
                sched_yield();
        /* It may be about to sleep just now. */
        while (waitpid(pid, &status, WNOHANG) == 0) {
                kill(pid, SIGUSR1);
                sched_yield();
        }
        ck_assert_int_eq(status, 0);
        ck_assert(!semaphore_is_waiting(&one, 2));
        give(&one, PERMITS);
}
END_TEST

/* ---- what waiters sleep on ------------------------------------------------------------------------- */

START_TEST(zeroed_memory_becomes_a_posix_semaphore) {
        sem_t made, expected;

        memset(&made, 0, sizeof made);
        memset(&expected, 0, sizeof expected);
        ck_assert_int_eq(sem_init(&expected, 1, 0), 0);
        sys_sem_prepare(&made);
        ck_assert_mem_eq(&made, &expected, sizeof made);
        ck_assert_int_eq(sys_sem_post(&made), 0);
        sys_sem_prepare(&made);
        ck_assert_uint_eq(sys_sem_value(&made), 1);
        ck_assert_int_eq(sys_sem_try(&made), 0);
        ck_assert_int_eq(sys_sem_try(&made), -EAGAIN);
        ck_assert_int_eq(sys_sem_wait(&made, LONG_AGO), -ETIMEDOUT);
}
END_TEST

START_TEST(a_release_posts_one_until_it_is_taken) {
        sem_t *sleep = one.waiting.semaphore;

        take(&one, PERMITS);
        give(&one, 1);
        ck_assert_uint_eq(sys_sem_value(sleep), 0); /* nobody waits */
        take(&one, 1);
        wait_announce(&two.waiting, 2);
        wait_announce(&two.waiting, 3);
        give(&one, 2);
        ck_assert_uint_eq(sys_sem_value(sleep), 1);
        ck_assert_int_eq(sys_sem_try(sleep), 0);
        give(&one, 1);
        ck_assert_uint_eq(sys_sem_value(sleep), 1);
        wait_forget(&two.waiting, 2, 2);
}
END_TEST

START_TEST(those_that_are_stopped_are_allowed_for) {
        sem_t *sleep = one.waiting.semaphore;

        take(&one, PERMITS);
        wait_announce(&two.waiting, 2);
        wait_announce(&two.waiting, 3);
        object.ops->set_stopped(&object, 1);
        ck_assert_uint_eq(sys_sem_value(sleep), 2); /* each looks again */
        while (sys_sem_try(sleep) == 0)
                ;
        give(&one, 1);
        ck_assert_uint_eq(sys_sem_value(sleep), 2);
        wait_forget(&two.waiting, 2, 2);
}
END_TEST

START_TEST(who_posts_without_end_keeps_nobody) {
        take(&one, PERMITS);
        ck_assert_int_eq(sem_init(one.waiting.semaphore, 1, 1u << 30), 0);
        ck_assert_int_eq(semaphore_wait(&two, UINT64_MAX), -EBADMSG);
        ck_assert_int_eq(sem_init(one.waiting.semaphore, 1, 1000), 0);
        ck_assert_int_eq(semaphore_wait(&two, LONG_AGO), -ETIMEDOUT);
        ck_assert_uint_eq(sys_sem_value(one.waiting.semaphore), 999);
        give(&one, PERMITS);
}
END_TEST

START_TEST(any_bytes_do_no_harm) {
        uint32_t *words = region.base;

        srandom(1);
        for (int round = 0; round < 300; round++) {
                for (size_t i = 0; i < region.size / sizeof *words; i++)
                        words[i] = round % 3 == 0 ? UINT32_MAX : (uint32_t)random() << 1 ^ (uint32_t)random();
                /* In some rounds what waiters sleep on is sound. */
                if (round % 2 == 0) {
                        memset(one.waiting.semaphore, 0, sizeof(sem_t));
                        sys_sem_prepare(one.waiting.semaphore);
                }
                semaphore_open(&one, &region, 1, 1, tokens, -1);
                semaphore_open(&two, &region, 2, 1, tokens, -1);
                (void)semaphore_try(&one);
                (void)semaphore_wait(&two, LONG_AGO);
                ck_assert_uint_le(semaphore_value(&one), tokens ? INT_MAX : PERMITS);
                one.held += 2;
                (void)semaphore_release(&one);
                (void)semaphore_release(&one);
                die(1, 1);
                die(2, 1);
                object.ops->wake_all(&object);
                object.ops->set_stopped(&object, 1);
        }
}
END_TEST

/* ---- tokens ---------------------------------------------------------------------------------------- */

START_TEST(others_take_part) {
        char posix[sizeof name + 1];
        struct stat st;
        sem_t *outside;
        int value;

        snprintf(posix, sizeof posix, "/%s", name);
        outside = sem_open(posix, 0);
        ck_assert_ptr_ne(outside, SEM_FAILED);
        ck_assert_int_eq(fstat(tokens_fd, &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0600);
        take(&one, 1);
        ck_assert_int_eq(sem_getvalue(outside, &value), 0);
        ck_assert_int_eq(value, PERMITS - 1);
        ck_assert_int_eq(sem_trywait(outside), 0);
        take(&two, 1);
        ck_assert_int_eq(semaphore_try(&two), -EAGAIN);
        ck_assert_int_eq(sem_trywait(outside), -1);
        ck_assert_int_eq(sem_post(outside), 0);
        take(&two, 1);
        give(&two, 2);
        give(&one, 1);
        ck_assert_uint_eq(semaphore_value(&one), PERMITS);
        sem_close(outside);
}
END_TEST

START_TEST(members_never_hold_more_than_there_are) {
        ck_assert_int_eq(sem_post(tokens), 0);
        ck_assert_int_eq(sem_post(tokens), 0);
        take(&one, PERMITS);
        ck_assert_int_eq(semaphore_try(&two), -EAGAIN);
        ck_assert_uint_eq(sys_sem_value(tokens), 0);
        give(&one, PERMITS);
        ck_assert_uint_eq(semaphore_value(&one), PERMITS);
}
END_TEST

/** Two tokens: recovery can tell what was done with them, but for one that was just being taken. */
START_TEST(a_death_amid_an_operation_loses_no_token) {
        take(&one, 2);
        ck_assert_int_eq(sem_trywait(tokens), 0);
        token_mark(&two, TOKEN_CLAIMING, 0);
        die(2, 1);
        ck_assert_uint_eq(sys_sem_value(tokens), 1);
        token_mark(&one, TOKEN_RETURNING, 1);
        die(1, 1);
        ck_assert_uint_eq(sys_sem_value(tokens), PERMITS);
        token_mark(&two, TOKEN_TAKING, 0);
        die(2, 1);
        die(2, 1);
        ck_assert_uint_eq(sys_sem_value(tokens), PERMITS + 1);
}
END_TEST

START_TEST(who_recovers_maps_the_tokens_itself) {
        ck_assert_ptr_null(object.semaphore.tokens);
        take(&one, 1);
        die(1, 1);
        ck_assert_uint_eq(sys_sem_value(tokens), PERMITS);
        /* Without them permits come back all the same. */
        take(&two, 1);
        object.event_fd = -1;
        die(2, 1);
        for (uint32_t i = 0; i < PERMITS; i++)
                ck_assert_uint_eq(semaphore_holder(&one, i), 0);
}
END_TEST

START_TEST(damaged_tokens_are_told) {
        memset(tokens, 0x55, sizeof *tokens);
        ck_assert_int_eq(semaphore_try(&one), -EBADMSG);
        ck_assert_int_eq(semaphore_wait(&one, LONG_AGO), -EBADMSG);
        die(1, 1);
}
END_TEST

START_TEST(a_name_is_taken_once) {
        _cleanup_(closep) int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        char long_name[300];
        sem_t *s = NULL;

        ck_assert_int_eq(semaphore_posix_create(name, 1), -EEXIST);
        ck_assert_int_eq(semaphore_posix_discard(name), -EBUSY);
        ck_assert_int_eq(semaphore_posix_create("a/b", 1), -EINVAL);
        ck_assert_int_eq(semaphore_posix_create("", 1), -EINVAL);
        ck_assert_int_eq(semaphore_posix_create("x", 0), -EINVAL);
        memset(long_name, 'x', sizeof long_name);
        long_name[sizeof long_name - 1] = '\0';
        ck_assert_int_eq(semaphore_posix_create(long_name, 1), -EINVAL);
        ck_assert_int_eq(semaphore_posix_remove("ganger-test-nobody-has-this"), -ENOENT);
        ck_assert_int_eq(semaphore_posix_map(fd, &s), -EPROTO);
        ck_assert_int_eq(semaphore_posix_map(-1, &s), -EBADF);
        ck_assert_ptr_null(s);
}
END_TEST

/** Of a process that was killed it is left, and whoever comes next may have it; as long as a member has it, nobody else. */
START_TEST(a_name_that_the_dead_have_left_is_free) {
        char left[96];
        int fd, held;

        snprintf(left, sizeof left, "%s-left", name);
        ck_assert_int_eq(semaphore_posix_discard(left), -ENOENT);
        fd = semaphore_posix_create(left, 1);
        ck_assert_int_ge(fd, 0);
        held = dup(fd);
        close(fd);
        ck_assert_int_eq(semaphore_posix_discard(left), -EBUSY);
        close(held);
        ck_assert_int_eq(semaphore_posix_discard(left), 0);
        ck_assert_int_eq(semaphore_posix_discard(left), -ENOENT);
}
END_TEST

/** What another program made by sem_open(3) has no mark, used or not. */
START_TEST(the_name_of_another_program_is_left_alone) {
        char foreign[96], path[128];
        sem_t *s;

        snprintf(foreign, sizeof foreign, "/%s-foreign", name);
        snprintf(path, sizeof path, "/dev/shm/sem.%s", foreign + 1);
        s = sem_open(foreign, O_CREAT | O_EXCL, 0600, 1);
        ck_assert_ptr_ne(s, SEM_FAILED);
        sem_close(s);
        ck_assert_int_eq(semaphore_posix_discard(foreign + 1), -EPERM);
        ck_assert_int_eq(access(path, F_OK), 0);
        ck_assert_int_eq(sem_unlink(foreign), 0);
}
END_TEST

static TCase *with(const char *title, void (*set_up)(void), void (*tear_down)(void), const TTest *const *tests, size_t n) {
        TCase *c = tcase_create(title);

        tcase_add_checked_fixture(c, set_up, tear_down);
        for (size_t i = 0; i < n; i++)
                tcase_add_test(c, tests[i]);
        return c;
}

int main(void) {
        const TTest *plain[] = {
                there_are_so_many_permits, who_holds_none_gives_none_back, a_geometry_makes_sense_or_not,
                very_many_permits_are_all_different, it_shows_who_holds_and_who_waits, the_dead_give_back_what_they_held,
                a_release_lets_a_waiter_in, a_killed_waiter_stands_in_nobodys_way, a_killed_holder_lets_a_waiter_in,
                a_signal_ends_a_wait, zeroed_memory_becomes_a_posix_semaphore, a_release_posts_one_until_it_is_taken,
                those_that_are_stopped_are_allowed_for, who_posts_without_end_keeps_nobody, any_bytes_do_no_harm,
        };
        const TTest *posix[] = {
                there_are_so_many_permits, who_holds_none_gives_none_back, the_dead_give_back_what_they_held,
                a_release_lets_a_waiter_in, a_killed_waiter_stands_in_nobodys_way, a_killed_holder_lets_a_waiter_in,
                a_signal_ends_a_wait, others_take_part, members_never_hold_more_than_there_are,
                a_death_amid_an_operation_loses_no_token, who_recovers_maps_the_tokens_itself, damaged_tokens_are_told,
                a_name_is_taken_once, a_name_that_the_dead_have_left_is_free, the_name_of_another_program_is_left_alone,
                any_bytes_do_no_harm,
        };
        Suite *s = suite_create("semaphore");

        suite_add_tcase(s, with("plain", setup, teardown, plain, ARRAY_SIZE(plain)));
        suite_add_tcase(s, with("posix", setup_tokens, teardown_tokens, posix, ARRAY_SIZE(posix)));
        return harness_run(s);
}
