/* SPDX-License-Identifier: MIT */

/*
 * The bench of the daemon: bench-daemon --build=DIRECTORY [restart|idle]…
 */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "daemon-bench.h"
#include "gangd.h"

int main(int argc, char **argv) {
        bool restart = false, idle = false;

        for (int i = 1; i < argc; i++) {
                if (strncmp(argv[i], "--build=", 8) == 0)
                        gangd_set_build(argv[i] + 8);
                else if (strcmp(argv[i], "restart") == 0)
                        restart = true;
                else if (strcmp(argv[i], "idle") == 0)
                        idle = true;
                else {
                        fprintf(stderr, "usage: bench-daemon --build=DIRECTORY [restart|idle]...\n");
                        return 2;
                }
        }
        bench_look_around();
        if (restart || !idle)
                bench_restart();
        if (idle || !restart)
                bench_idle();
        return 0;
}
