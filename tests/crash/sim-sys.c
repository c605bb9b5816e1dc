/* SPDX-License-Identifier: MIT */

/*
 * The kernel, as far as rings need it: futexes, the expedited barrier, event descriptors; and POSIX semaphores
 *
 * In place of lib/shm/sys.c. Nobody is interrupted, and a deadline passes only when nobody can go on, or a world says so. So
 * whoever is not woken, and has none, sleeps for ever: that is what world_quiet() looks for. A call empties the caller's store
 * buffer, as entering the kernel does.
 */

#include "shm/sys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

/** More than are open at once in an execution: who is killed leaves its own. */
#define WATCHES 32

uint64_t sim_events[SIM_RINGS];

uint64_t sys_now_usec(void) {
        return sim_now();
}

/* What sim_events is, but that nobody takes from it. */
static uint64_t posts[SIM_RINGS];

static struct watch {
        bool used, watches[SIM_RINGS];
        uint64_t seen[SIM_RINGS];
} watches[WATCHES];

void sim_sys_reset(void) {
        memset(sim_events, 0, sizeof sim_events);
        memset(posts, 0, sizeof posts);
        memset(watches, 0, sizeof watches);
}

int sys_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_usec) {
        /* Others may run when all is looked at, and what was stored before is not seen yet. */
        sim_point(word, ACCESS_WRITE, __builtin_return_address(0));
        sim_flush();
        if (atomic_load(word) != value)
                return 0;
        return sim_sleep(word, deadline_usec) ? 0 : -ETIMEDOUT;
}

int sys_futex_wait_any(const struct sys_futex *futexes, size_t n, uint64_t deadline_usec) {
        const volatile void *keys[SIM_KEYS];

        sim_flush();
        sim_point(futexes[0].word, ACCESS_WRITE, __builtin_return_address(0));
        for (size_t i = 0; i < n; i++)
                if (atomic_load(futexes[i].word) != futexes[i].value)
                        return 0;
        for (size_t i = 0; i < n && i < SIM_KEYS; i++)
                keys[i] = futexes[i].word;
        return sim_sleep_any(keys, (unsigned int)n, deadline_usec) ? 0 : -ETIMEDOUT;
}

int sys_futex_wake(_Atomic uint32_t *word, uint32_t count) {
        sim_flush();
        sim_point(word, ACCESS_WRITE, __builtin_return_address(0));
        return (int)sim_wake(word, count);
}

int sys_barrier_register(void) {
        return 0;
}

int sys_barrier_all(void) {
        sim_point(sim_memory, ACCESS_READ, __builtin_return_address(0));
        sim_flush_all();
        return 0;
}

void sys_event_post(int fd) {
        if (fd < 0)
                return;
        sim_flush();
        sim_point(sim_memory, ACCESS_WRITE, __builtin_return_address(0));
        sim_events[fd]++;
        posts[fd]++;
        /* Level-triggered: everybody who polls it sees that it is readable. */
        (void)sim_wake(&sim_events[fd], UINT32_MAX);
}

void sys_event_take(int fd) {
        if (fd < 0)
                return;
        sim_flush();
        sim_point(sim_memory, ACCESS_WRITE, __builtin_return_address(0));
        sim_events[fd] = 0;
}

void sim_event_wait(int fd, uint64_t deadline_usec) {
        while (sim_events[fd] == 0)
                if (!sim_sleep(&sim_events[fd], deadline_usec))
                        return;
}

/* ---- POSIX semaphores: a value, and whoever sleeps on it -------------------------------------------- */

static _Atomic uint32_t *value_of(sem_t *s) {
        return (_Atomic uint32_t *)(void *)s;
}

void sys_sem_prepare(sem_t *s) {
        (void)s;
}

int sys_sem_try(sem_t *s) {
        sim_flush();
        sim_point(s, ACCESS_WRITE, __builtin_return_address(0));
        if (atomic_load(value_of(s)) == 0)
                return -EAGAIN;
        atomic_fetch_sub(value_of(s), 1);
        return 0;
}

/** Woken is not posted: between the two it may be killed, or somebody else be faster. */
int sys_sem_wait(sem_t *s, uint64_t deadline_usec) {
        while (sys_sem_try(s) < 0)
                if (!sim_sleep(s, deadline_usec))
                        return -ETIMEDOUT;
        return 0;
}

int sys_sem_post(sem_t *s) {
        sim_flush();
        sim_point(s, ACCESS_WRITE, __builtin_return_address(0));
        atomic_fetch_add(value_of(s), 1);
        sim_point(s, ACCESS_WRITE, __builtin_return_address(0));
        (void)sim_wake(s, 1);
        return 0;
}

uint32_t sys_sem_value(sem_t *s) {
        sim_point(s, ACCESS_READ, __builtin_return_address(0));
        return atomic_load(value_of(s));
}

bool sys_is_past(uint64_t deadline_usec) {
        return deadline_usec <= sim_now();
}

uint32_t sys_thread_id(void) {
        return 1;
}

/* ---- watches ------------------------------------------------------------------------------------- */

int sys_watch_open(const int *fds, size_t n) {
        for (int i = 0; i < WATCHES; i++) {
                if (watches[i].used)
                        continue;
                watches[i] = (struct watch){ .used = true };
                for (size_t k = 0; k < n; k++)
                        watches[i].watches[fds[k]] = true;
                return i;
        }
        sim_fail("too many watches");
        return -EMFILE;
}

void sys_watch_forget(int watch) {
        sim_flush();
        sim_point(sim_memory, ACCESS_WRITE, __builtin_return_address(0));
        memcpy(watches[watch].seen, posts, sizeof posts);
}

int sys_watch_wait(int watch, uint64_t deadline_usec) {
        const struct watch *w = &watches[watch];
        const volatile void *keys[SIM_RINGS];
        unsigned int n = 0;

        sim_flush();
        sim_point(sim_memory, ACCESS_WRITE, __builtin_return_address(0));
        for (unsigned int fd = 0; fd < SIM_RINGS; fd++) {
                if (w->watches[fd] && posts[fd] != w->seen[fd])
                        return 0;
                if (w->watches[fd])
                        keys[n++] = &sim_events[fd];
        }
        return sim_sleep_any(keys, n, deadline_usec) ? 0 : -ETIMEDOUT;
}

void sys_watch_close(int watch) {
        watches[watch].used = false;
}

/* Asked by every queue_open(): with one processor there is no spinning; and libc would read a file to answer. */
long sysconf(int name) {
        return 1;
}
