/* SPDX-License-Identifier: MIT */

/*
 * A forwarding stage that does nothing else, for scenarios that kill it: each message of `jobs` becomes one of `out`
 *
 * At its first delivery, "halt" makes it stop for good in the middle of that: the output is sent, as the journal says by then, and the
 * input is not acknowledged yet. It says "halted" then. What it needs for that is a page that cannot be written to.
 */

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ganger.h"

static void halt(int signal) {
        (void)!write(STDOUT_FILENO, "halted\n", 7);
        for (;;)
                pause();
}

/* The word of a message lies right before it. */
static int prepare_halt(const struct ganger_message *m) {
        const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

        (void)signal(SIGSEGV, halt);
        return mprotect((void *)((uintptr_t)m->data & ~(page - 1)), page, PROT_READ);
}

static int forward(struct ganger_ring *out, struct ganger_message *received) {
        struct ganger_message reserved;
        int r = ganger_ring_reserve(out, received->size, &reserved, -1);

        if (r < 0)
                return r;
        memcpy(reserved.data, received->data, received->size);
        if (received->size == 4 && memcmp(received->data, "halt", 4) == 0 && received->deliveries == 1)
                r = prepare_halt(received);
        if (r < 0)
                return r;
        return ganger_forward(received, &reserved);
}

int main(void) {
        struct ganger *g = NULL;
        struct ganger_ring *jobs = NULL, *out = NULL;
        struct ganger_message m;
        int r = ganger_join(&g, NULL);

        if (r >= 0)
                r = ganger_ring_open(g, "jobs", GANGER_RECEIVE, &jobs);
        if (r >= 0)
                r = ganger_ring_open(g, "out", GANGER_SEND, &out);
        if (r >= 0)
                r = ganger_ready(g);
        while (r >= 0) {
                r = ganger_ring_receive(jobs, &m, -1);
                if (r >= 0)
                        r = forward(out, &m);
        }
        ganger_leave(g);
        return r == -ESHUTDOWN ? 0 : 1;
}
