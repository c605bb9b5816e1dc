/* SPDX-License-Identifier: MIT */

/*
 * The bench of locks: ganger's mutex beside glibc's robust one, both shared by processes and both told of a death
 */

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "bench.h"
#include "gang.h"
#include "op.h"

/* ---- glibc ------------------------------------------------------------------------------------- */

static void *robust_make(void) {
        pthread_mutex_t *m = bench_shared(sizeof *m);
        pthread_mutexattr_t a;

        if (pthread_mutexattr_init(&a) != 0 || pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED) != 0 ||
            pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) != 0 || pthread_mutex_init(m, &a) != 0)
                bench_die("making a robust mutex");
        pthread_mutexattr_destroy(&a);
        return m;
}

static void *robust_enter(void *object, unsigned int which) {
        (void)which;
        return object;
}

/** At the end of a round the other one is killed first: then it may have died with the lock. */
static void robust_repeat(void *handle, unsigned int times) {
        for (; times > 0; times--) {
                int r = pthread_mutex_lock(handle);

                if (r == EOWNERDEAD)
                        _exit(1);
                if (r != 0 || pthread_mutex_unlock(handle) != 0)
                        bench_die("pthread_mutex_lock");
        }
}

static void robust_leave(void *handle) {
        (void)handle;
}

static void robust_unmake(void *object) {
        bench_unmap(object, sizeof(pthread_mutex_t));
}

static const struct op robust = {
        .name = "glibc robust", .note = "process-shared",
        .make = robust_make, .enter = robust_enter, .repeat = robust_repeat, .leave = robust_leave, .unmake = robust_unmake,
};

/* ---- ganger ------------------------------------------------------------------------------------ */

static struct gang gang;
static struct ganger *member;

static void *mutex_make(void) {
        gang_create(&gang, &(struct geometry){ .kind = OBJECT_MONITOR }, -1);
        return &gang;
}

static void *mutex_enter(void *object, unsigned int which) {
        struct ganger_mutex *m;

        member = gang_member(object, 1 + which, 1);
        if (ganger_mutex_open(member, NULL, &m) < 0)
                bench_die("opening a mutex");
        return m;
}

static void mutex_repeat(void *handle, unsigned int times) {
        for (; times > 0; times--)
                if (ganger_mutex_lock(handle, -1) < 0 || ganger_mutex_unlock(handle) < 0)
                        bench_die("ganger: a lock could not be had");
}

static void mutex_leave(void *handle) {
        ganger_mutex_close(handle);
        ganger_leave(member);
}

static void mutex_unmake(void *object) {
        gang_close(object);
}

static const struct op mutex = {
        .name = "ganger", .note = "ganger.h",
        .make = mutex_make, .enter = mutex_enter, .repeat = mutex_repeat, .leave = mutex_leave, .unmake = mutex_unmake,
};

int main(void) {
        static const struct op *const ops[] = { &robust, &mutex };

        op_compare_alone("locks", "mutex, one thread: lock, unlock", ops, 2, 1);
        op_compare_contended("locks", "mutex", ops, 2, 0);
        return 0;
}
