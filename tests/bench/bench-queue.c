/* SPDX-License-Identifier: MIT */

/*
 * The bench of the queue: bench-queue [one|processes]… [--peers=DIRECTORY]
 */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "queue-bench.h"

int main(int argc, char **argv) {
        const char *directory = NULL;
        bool one = false, processes = false;

        for (int i = 1; i < argc; i++) {
                if (strncmp(argv[i], "--peers=", 8) == 0)
                        directory = argv[i] + 8;
                else if (strcmp(argv[i], "one") == 0)
                        one = true;
                else if (strcmp(argv[i], "processes") == 0)
                        processes = true;
                else {
                        fprintf(stderr, "usage: bench-queue [one|processes]... [--peers=DIRECTORY]\n");
                        return 2;
                }
        }
        if (one || !processes)
                bench_one_thread();
        if (processes || !one)
                bench_processes(directory);
        return 0;
}
