/* SPDX-License-Identifier: MIT */

/*
 * The bench of the queue: bench-queue [one|pair|four]… [--peers=DIRECTORY] [--only=NAME]
 */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "queue-bench.h"

int main(int argc, char **argv) {
        const char *directory = NULL, *only = NULL;
        bool one = false, pair = false, four = false;

        for (int i = 1; i < argc; i++) {
                if (strncmp(argv[i], "--peers=", 8) == 0)
                        directory = argv[i] + 8;
                else if (strncmp(argv[i], "--only=", 7) == 0)
                        only = argv[i] + 7;
                else if (strcmp(argv[i], "one") == 0)
                        one = true;
                else if (strcmp(argv[i], "pair") == 0)
                        pair = true;
                else if (strcmp(argv[i], "four") == 0)
                        four = true;
                else {
                        fprintf(stderr, "usage: bench-queue [one|pair|four]... [--peers=DIRECTORY] [--only=NAME]\n");
                        return 2;
                }
        }
        if (!one && !pair && !four)
                one = pair = four = true;
        if (one)
                bench_one_thread();
        if (pair || four)
                bench_processes(directory, only, pair, four);
        return 0;
}
