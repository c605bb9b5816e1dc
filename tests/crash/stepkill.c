/* SPDX-License-Identifier: MIT */

/*
 * stepkill [--every=K] [--operation=NAME] [--list]
 *
 * Modes, for each operation:
 *      snapshot  after every instruction of the victim: recover a copy of the memory, and check it
 *      peer      the same, but one who lives sends and receives on the half-done state before it is recovered
 *      recovery  at every state of the victim's memory, recovery itself is stepped, and killed at every instruction, and done again
 *      kill      a fresh victim for every Kth instruction, and a real SIGKILL there
 *      preempt   a fresh victim for every Kth instruction, stopped there while a peer works and the zombie is recovered; then it goes on
 *
 * The kernel, its futexes and membarrier(2) are the real ones. Memory that did not change has been checked already.
 */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shm/damage.h"
#include "shm/object.h"
#include "shm/sys.h"
#include "step.h"

/** More instructions than this, and the victim does not come to an end. */
#define INSTRUCTIONS_MAX 200000
#define EXIT_SKIPPED 77

/** Arenas: the victim's; a copy that is checked; the two as they were last seen; and a copy of the copy. */
static struct arena *live, *copy, *last, *last_copy, *second;
/** The victim has done all it had to do. */
static volatile int *over;
static unsigned int every = 1;
static unsigned long points, violations;

/* ---- a traced process ---------------------------------------------------------------------------- */

/** Start a child that stops itself, runs `fn` on an arena, and stops again. */
static pid_t spawn(struct arena *a, void (*fn)(struct arena *)) {
        int status;
        pid_t pid;

        *over = 0;
        pid = fork();
        if (pid == 0) {
                if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                        _exit(EXIT_SKIPPED);
                raise(SIGSTOP);
                fn(a);
                *over = 1;
                raise(SIGSTOP);
                _exit(EXIT_SUCCESS);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
                exit(EXIT_FAILURE);
        if (!WIFSTOPPED(status)) {
                printf("ptrace is not permitted here\n");
                exit(EXIT_SKIPPED);
        }
        return pid;
}

static void reap(pid_t pid) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

/** @return whether the victim was let go on, and has stopped as it should. */
static bool resume(pid_t pid, int how) {
        int status;

        if (ptrace(how, pid, NULL, NULL) < 0 || waitpid(pid, &status, 0) != pid)
                return false;
        if (WIFSTOPPED(status) && (WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSTOP))
                return true;
        if (++violations <= 10)
                printf("a victim has crashed: status %#x\n", (unsigned int)status);
        return false;
}

/** One instruction. @return whether it is still at work. */
static bool step(pid_t pid) {
        if (!resume(pid, PTRACE_SINGLESTEP))
                return false;
        points++;
        return !*over;
}

static void run_to_end(pid_t pid) {
        while (!*over && resume(pid, PTRACE_CONT))
                ;
}

/* ---- checking ------------------------------------------------------------------------------------ */

static void violation(const struct operation *op, const char *mode, unsigned long at, const char *why) {
        if (why && ++violations <= 10)
                printf("%s, %s, instruction %lu: %s\n", op->name, mode, at, why);
}

static void finish(struct arena *a, const struct operation *op, const char *mode, unsigned long at) {
        arena_recover(a, STEP_VICTIM);
        arena_recover(a, STEP_ZOMBIE);
        arena_recover(a, STEP_WAITER);
        violation(op, mode, at, arena_check(a, op));
}

static void begin(const struct operation *op) {
        arena_reset(live);
        op->setup(live);
}

static bool changed(struct arena *before, const struct arena *now) {
        if (memcmp(before, now, arena_size) == 0)
                return false;
        memcpy(before, now, arena_size);
        return true;
}

/* ---- modes --------------------------------------------------------------------------------------- */

/** What is half done must not look damaged. */
static const char *inspect(struct arena *a) {
        static struct damage damage;
        struct region regions[STEP_REGIONS_MAX];
        size_t n = arena_regions(a, regions);

        damage = DAMAGE_NULL;
        for (size_t i = 0; i < n; i++) {
                struct object o;

                object_open(&o, &regions[i], -1);
                o.ops->inspect(&o, &damage);
        }
        return damage.n > 0 ? damage.text : NULL;
}

static void check_copy(const struct operation *op, unsigned long at, bool with_peer) {
        const char *why;

        memcpy(copy, live, arena_size);
        why = inspect(copy);
        if (!why && with_peer)
                why = arena_peer(copy);
        if (why)
                violation(op, "peer", at, why);
        else
                finish(copy, op, with_peer ? "peer" : "snapshot", at);
}

/** @return how many instructions the victim has. */
static unsigned long mode_snapshot(const struct operation *op) {
        unsigned long n = 0;
        pid_t pid;

        begin(op);
        memset(last, 0xff, arena_size);
        pid = spawn(live, op->victim);
        do
                if (changed(last, live)) {
                        check_copy(op, n, false);
                        check_copy(op, n, true);
                }
        while (++n < INSTRUCTIONS_MAX && step(pid));
        check_copy(op, n, false);
        reap(pid);
        if (n == INSTRUCTIONS_MAX)
                violation(op, "snapshot", n, "does not end");
        return n;
}

static void recover_victim(struct arena *a) {
        arena_recover(a, STEP_VICTIM);
}

/** Recovery of the state in `copy`, killed everywhere. */
static void step_recovery(const struct operation *op, unsigned long at) {
        unsigned long n = 0;
        pid_t pid = spawn(copy, recover_victim);

        memset(last_copy, 0xff, arena_size);
        do
                if (changed(last_copy, copy)) {
                        memcpy(second, copy, arena_size);
                        finish(second, op, "recovery", at);
                }
        while (++n < INSTRUCTIONS_MAX && step(pid));
        reap(pid);
        *over = 0; /* that was recovery; the victim itself is still at work */
}

static void mode_recovery(const struct operation *op) {
        unsigned long n = 0;
        pid_t pid;

        begin(op);
        memset(last, 0xff, arena_size);
        pid = spawn(live, op->victim);
        do
                if (changed(last, live)) {
                        memcpy(copy, live, arena_size);
                        step_recovery(op, n);
                }
        while (++n < INSTRUCTIONS_MAX && step(pid));
        reap(pid);
}

static pid_t victim_at(const struct operation *op, unsigned long k) {
        pid_t pid;

        begin(op);
        pid = spawn(live, op->victim);
        for (unsigned long i = 0; i < k && step(pid); i++)
                ;
        return pid;
}

static void mode_kill(const struct operation *op, unsigned long n) {
        for (unsigned long k = 0; k < n; k += every) {
                reap(victim_at(op, k));
                finish(live, op, "kill", k);
        }
}

static void mode_preempt(const struct operation *op, unsigned long n) {
        for (unsigned long k = 0; k < n; k += every) {
                pid_t pid = victim_at(op, k);
                const char *why;

                arena_recover(live, STEP_ZOMBIE);
                why = arena_peer(live);
                run_to_end(pid);
                reap(pid);
                if (why)
                        violation(op, "preempt", k, why);
                else
                        finish(live, op, "preempt", k);
        }
}

static double now(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void run(const struct operation *op) {
        unsigned long before = points, bad = violations, n;
        double since = now();

        n = mode_snapshot(op);
        mode_recovery(op);
        mode_kill(op, n);
        mode_preempt(op, n);
        printf("%-22s %5lu instructions %9lu kill points %6.1f s  %s\n", op->name, n, points - before, now() - since,
               violations == bad ? "ok" : "FAILED");
        fflush(stdout);
}

static void list(void) {
        for (unsigned int i = 0; i < n_operations; i++)
                printf("%s\n", operations[i].name);
}

static void *map(size_t size) {
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                exit(EXIT_FAILURE);
        return p;
}

int main(int argc, char **argv) {
        static const struct option table[] = {
                { "every", required_argument, NULL, 'e' }, { "operation", required_argument, NULL, 'o' },
                { "list", no_argument, NULL, 'L' }, { 0 },
        };
        const char *only = NULL;
        int c;

#ifndef __x86_64__
        printf("stepkill needs x86-64\n");
        return EXIT_SKIPPED;
#endif
        while ((c = getopt_long(argc, argv, "", table, NULL)) != -1)
                switch (c) {
                case 'e': every = (unsigned int)strtoul(optarg, NULL, 10); break;
                case 'o': only = optarg; break;
                case 'L': list(); return EXIT_SUCCESS;
                default: return 2;
                }
        if (every == 0)
                return 2;
        over = map(sizeof *over);
        live = map(arena_size);
        copy = map(arena_size);
        last = map(arena_size);
        last_copy = map(arena_size);
        second = map(arena_size);
        (void)sys_barrier_register();
        for (unsigned int i = 0; i < n_operations; i++)
                if (!only || strcmp(only, operations[i].name) == 0)
                        run(&operations[i]);
        printf("stepkill: %lu points, %lu violations\n", points, violations);
        return violations == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
