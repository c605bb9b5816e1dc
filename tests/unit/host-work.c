/* SPDX-License-Identifier: MIT */

#include "host-work.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static bool says(const struct ganger_message *m, const char *text) {
        return m->size == strlen(text) && memcmp(m->data, text, m->size) == 0;
}

static int forward(struct ganger_ring *results, struct ganger_message *in) {
        struct ganger_message out;
        int r;

        r = ganger_ring_reserve(results, in->size, &out, -1);
        if (r < 0)
                return r;
        memcpy(out.data, in->data, in->size);
        out.size = in->size;
        return ganger_forward(in, &out);
}

static int step(struct ganger_ring *jobs, struct ganger_ring *results) {
        struct ganger_message m;
        int r;

        r = ganger_ring_receive(jobs, &m, -1);
        if (r < 0)
                return r;
        if (says(&m, "die") && m.deliveries == 1)
                kill(getpid(), SIGKILL);
        if (says(&m, "hold")) {
                (void)ganger_ring_send(results, "held", 4, -1);
                for (;;)
                        pause();
        }
        if (says(&m, "stop"))
                return ganger_acknowledge(&m) < 0 ? -EBADMSG : 1;
        return forward(results, &m);
}

int host_work(struct ganger *g) {
        struct ganger_ring *jobs, *results;
        int r;

        r = ganger_ring_open(g, "jobs", GANGER_RECEIVE, &jobs);
        if (r >= 0)
                r = ganger_ring_open(g, "results", GANGER_SEND, &results);
        while (r == 0)
                r = step(jobs, results);
        ganger_leave(g);
        return r == 1 ? 0 : r == -ESHUTDOWN ? HOST_WORK_DRAINED : 1;
}
