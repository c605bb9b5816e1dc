/* SPDX-License-Identifier: MIT */

/*
 * A worker that is killed with a message in its hands
 *
 * It tells of each message when it gets it, and holds the ones that come for the first time until it is
 * killed. Those that come again it acknowledges.
 */

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "ganger.h"
#include "report.h"

static void tell(int fd, uint32_t deliveries) {
        struct timespec ts;
        struct report report = { .pid = getpid(), .deliveries = deliveries };

        clock_gettime(CLOCK_MONOTONIC, &ts);
        report.monotonic_ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
        (void)!write(fd, &report, sizeof report);
}

int main(int argc, char **argv) {
        int fd = argc > 1 ? open(argv[1], O_WRONLY | O_CLOEXEC) : -1;
        struct ganger_message m;
        struct ganger *g;

        if (fd < 0 || ganger_join(&g, NULL) < 0)
                return 1;
        ganger_ready(g);
        tell(fd, 0);
        while (ganger_receive(g, NULL, &m, -1) >= 0) {
                tell(fd, m.deliveries);
                while (m.deliveries == 1)
                        pause();
                ganger_acknowledge(&m);
        }
        ganger_leave(g);
        return 0;
}
