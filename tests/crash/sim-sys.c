/* SPDX-License-Identifier: MIT */

/*
 * The kernel, as far as rings need it: futexes, the expedited barrier, event descriptors
 *
 * In place of lib/shm/sys.c. Nobody is interrupted, and a deadline passes only when nobody can go on. So whoever is not woken, and
 * has none, sleeps for ever: that is what world_quiet() looks for. A call empties the caller's store buffer, as entering the kernel does.
 */

#include "shm/sys.h"

#include <errno.h>
#include <unistd.h>

#include "sim.h"

uint64_t sim_events[SIM_RINGS];

int sys_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_usec) {
        sim_flush();
        sim_point(word, ACCESS_WRITE, __builtin_return_address(0));
        if (atomic_load(word) != value)
                return 0;
        return sim_sleep(word, deadline_usec) ? 0 : -ETIMEDOUT;
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

uint64_t sys_now_usec(void) {
        return sim_now();
}

/* Asked by every queue_open(): with one processor there is no spinning; and libc would read a file to answer. */
long sysconf(int name) {
        return 1;
}
