/* SPDX-License-Identifier: MIT */

/*
 * The bench of semaphores, beside glibc's sem_t, and of counters, beside a plain atomic addition
 *
 * Of semaphores: to take a permit and to give it back; two processes want the only one.
 */

#include <semaphore.h>
#include <stdatomic.h>

#include "bench.h"
#include "gang.h"
#include "op.h"
#include "shm/semaphore-posix.h"

#define COUNTERS 4

static void *same(void *object, unsigned int which) {
        (void)which;
        return object;
}

static void nothing_to_leave(void *handle) {
        (void)handle;
}

/* ---- sem_t ------------------------------------------------------------------------------------- */

static void *libc_make(void) {
        sem_t *s = bench_shared(sizeof *s);

        if (sem_init(s, 1, 1) < 0)
                bench_die("sem_init");
        return s;
}

static void libc_repeat(void *handle, unsigned int times) {
        for (; times > 0; times--)
                if (sem_wait(handle) < 0 || sem_post(handle) < 0)
                        bench_die("sem_wait");
}

static void libc_unmake(void *object) {
        bench_unmap(object, sizeof(sem_t));
}

static const struct op libc = {
        .name = "sem_t", .note = "not kill-safe",
        .make = libc_make, .enter = same, .repeat = libc_repeat, .leave = nothing_to_leave, .unmake = libc_unmake,
};

/* ---- ganger ------------------------------------------------------------------------------------ */

struct handle {
        struct ganger *member;
        struct ganger_semaphore *semaphore;
        struct ganger_counter *counter;
};

/* Of each kind there is one at a time, and a child has one handle of each. */
static struct gang plain_gang, posix_gang, counter_gang, snapshot_gang;
static struct handle plain_handle, posix_handle, counter_handle, snapshot_handle;

static void *plain_make(void) {
        gang_create(&plain_gang, &(struct geometry){ .kind = OBJECT_SEMAPHORE, .slots = 1 }, -1);
        return &plain_gang;
}

/** Its tokens are a named semaphore, whose file takes the event's place. */
static void *posix_make(void) {
        const struct geometry geometry = { .kind = OBJECT_SEMAPHORE, .slots = 1, .policy = SEMAPHORE_POSIX };
        int tokens = semaphore_posix_create("ganger-bench", 1);

        if (tokens < 0)
                bench_die("making a named semaphore");
        semaphore_posix_remove("ganger-bench");
        gang_create(&posix_gang, &geometry, tokens);
        return &posix_gang;
}

static void *enter_semaphore(void *object, unsigned int which, struct handle *h) {
        h->member = gang_member(object, 1 + which, 1);
        if (ganger_semaphore_open(h->member, NULL, &h->semaphore) < 0)
                bench_die("opening a semaphore");
        return h;
}

static void *plain_enter(void *object, unsigned int which) {
        return enter_semaphore(object, which, &plain_handle);
}

static void *posix_enter(void *object, unsigned int which) {
        return enter_semaphore(object, which, &posix_handle);
}

static void semaphore_repeat(void *handle, unsigned int times) {
        struct ganger_semaphore *s = ((struct handle *)handle)->semaphore;

        for (; times > 0; times--)
                if (ganger_semaphore_acquire(s, -1) < 0 || ganger_semaphore_release(s) < 0)
                        bench_die("ganger: a permit could not be had");
}

static void leave(void *handle) {
        ganger_leave(((struct handle *)handle)->member);
}

static void unmake(void *object) {
        gang_close(object);
}

static const struct op plain = {
        .name = "ganger", .note = "ganger.h",
        .make = plain_make, .enter = plain_enter, .repeat = semaphore_repeat, .leave = leave, .unmake = unmake,
};

static const struct op posix = {
        .name = "ganger, posix", .note = "sem_t too",
        .make = posix_make, .enter = posix_enter, .repeat = semaphore_repeat, .leave = leave, .unmake = unmake,
};

/* ---- counters ---------------------------------------------------------------------------------- */

static void *add_make(void) {
        return bench_shared(sizeof(_Atomic int64_t));
}

static void add_repeat(void *handle, unsigned int times) {
        _Atomic int64_t *n = handle;

        for (; times > 0; times--)
                atomic_fetch_add(n, 1);
}

static void add_unmake(void *object) {
        bench_unmap(object, sizeof(_Atomic int64_t));
}

static const struct op add = {
        .name = "fetch_add", .note = "no snapshot",
        .make = add_make, .enter = same, .repeat = add_repeat, .leave = nothing_to_leave, .unmake = add_unmake,
};

static void *make_counters(struct gang *gang) {
        gang_create(gang, &(struct geometry){ .kind = OBJECT_COUNTER, .slots = COUNTERS }, -1);
        return gang;
}

static void *counter_make(void) {
        return make_counters(&counter_gang);
}

static void *snapshot_make(void) {
        return make_counters(&snapshot_gang);
}

static void *enter_counter(void *object, unsigned int which, struct handle *h) {
        h->member = gang_member(object, 1 + which, 1);
        if (ganger_counter_open(h->member, NULL, &h->counter) < 0)
                bench_die("opening counters");
        return h;
}

static void *counter_enter(void *object, unsigned int which) {
        return enter_counter(object, which, &counter_handle);
}

static void *snapshot_enter(void *object, unsigned int which) {
        return enter_counter(object, which, &snapshot_handle);
}

static void counter_repeat(void *handle, unsigned int times) {
        struct ganger_counter *c = ((struct handle *)handle)->counter;

        for (; times > 0; times--)
                if (ganger_counter_add(c, 0, 1, NULL) < 0)
                        bench_die("ganger: a counter was not to be changed");
}

static void snapshot_repeat(void *handle, unsigned int times) {
        struct ganger_counter *c = ((struct handle *)handle)->counter;
        int64_t values[COUNTERS];

        for (; times > 0; times--)
                if (ganger_counter_snapshot(c, values, COUNTERS) < 0)
                        bench_die("ganger: no snapshot");
}

static const struct op counter = {
        .name = "ganger", .note = "ganger.h",
        .make = counter_make, .enter = counter_enter, .repeat = counter_repeat, .leave = leave, .unmake = unmake,
};

static const struct op snapshot = {
        .name = "ganger, all", .note = "snapshot of 4",
        .make = snapshot_make, .enter = snapshot_enter, .repeat = snapshot_repeat, .leave = leave, .unmake = unmake,
};

int main(void) {
        static const struct op *const semaphores[] = { &libc, &plain, &posix };
        static const struct op *const counters[] = { &add, &counter, &snapshot };

        op_compare_alone("semaphore", "semaphore, one thread: acquire, release", semaphores, 3, 1);
        op_compare_contended("semaphore", "semaphore, one permit", semaphores, 2, 1);
        op_compare_alone("semaphore", "counter, one thread: add", counters, 3, 0);
        return 0;
}
