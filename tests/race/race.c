/* SPDX-License-Identifier: MIT */

/*
 * race [--rounds=N] [NAME…]
 */

#include "race.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"

static const struct race *const races[] = {
        &race_queue, &race_queue_heap, &race_pipe, &race_lossy, &race_reliable, &race_service, &race_semaphore,
        &race_monitor, &race_counter,
};

struct job {
        const struct race *race;
        unsigned int who;
        uint64_t rounds;
};

int race_event_fd = -1;

void race_fail(const char *why) {
        printf("FAILED: %s\n", why);
        fflush(stdout);
        _exit(EXIT_FAILURE);
}

void race_wait_any(struct wait_item item) {
        if (wait_any(&item, 1, UINT64_MAX) != 1)
                race_fail("wait for any");
}

static void *run_job(void *userdata) {
        const struct job *job = userdata;

        job->race->thread(job->who, job->rounds);
        return NULL;
}

static void run(const struct race *race, uint64_t rounds) {
        pthread_t threads[RACE_THREADS];
        struct job jobs[RACE_THREADS];
        struct geometry geometry = race->geometry;
        struct region region;
        int fd;

        geometry.fences = !region_barrier_is_available();
        fd = region_create(race->name, &geometry);
        if (fd < 0 || region_map(&region, fd, &geometry) < 0)
                race_fail("cannot make the memory");
        close(fd);
        race->open(&region);
        for (unsigned int i = 0; i < RACE_THREADS; i++) {
                jobs[i] = (struct job){ race, i, rounds };
                if (pthread_create(&threads[i], NULL, run_job, &jobs[i]) != 0)
                        race_fail("cannot make a thread");
        }
        for (unsigned int i = 0; i < RACE_THREADS; i++)
                pthread_join(threads[i], NULL);
        race->check(rounds);
        region_unmap(&region);
        printf("%s: %llu rounds of %d threads, %s\n", race->name, (unsigned long long)rounds, RACE_THREADS,
               geometry.fences ? "fences" : "membarrier");
}

static bool is_wanted(const char *name, char **names, int n) {
        for (int i = 0; i < n; i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return n == 0;
}

int main(int argc, char **argv) {
        uint64_t rounds = 20000;
        int first = 1;

        race_event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (argc > 1 && strncmp(argv[1], "--rounds=", 9) == 0)
                rounds = strtoull(argv[first++] + 9, NULL, 10);
        for (size_t i = 0; i < ARRAY_SIZE(races); i++)
                if (is_wanted(races[i]->name, argv + first, argc - first))
                        run(races[i], rounds);
        return EXIT_SUCCESS;
}
