/* SPDX-License-Identifier: MIT */

/*
 * host-member environment | socket
 *
 * A program that a test executes: it joins by what it was given, and works. The socket is its standard input.
 */

#include <string.h>
#include <unistd.h>

#include "host-work.h"

int main(int argc, char **argv) {
        struct ganger *g;
        int r;

        if (argc == 2 && strcmp(argv[1], "socket") == 0)
                r = ganger_join_socket(&g, STDIN_FILENO, -1);
        else
                r = ganger_join(&g, NULL);
        return r < 0 ? -r : host_work(g);
}
