/* SPDX-License-Identifier: MIT */

/*
 * attached CONTROL RING
 *
 * A process from outside that attaches itself to a ring, by the installed headers only. For each line of its input:
 * `receive` prints the next message and its delivery count, and holds it; `acknowledge` is done with the last one; `send
 * TEXT` sends. The exit status is 0 at the end of the input, 1 after an error, which is printed.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ganger-control.h"
#include "ganger.h"

static struct ganger *gang;
static struct ganger_message held;

static int receive(void) {
        int r = ganger_receive(gang, NULL, &held, -1);

        if (r == 0)
                printf("%.*s %u\n", (int)held.size, (const char *)held.data, held.deliveries);
        return r;
}

static int obey(const char *line) {
        int r = -EINVAL;

        if (strcmp(line, "receive") == 0)
                r = receive();
        else if (strcmp(line, "acknowledge") == 0)
                r = ganger_acknowledge(&held);
        else if (strncmp(line, "send ", 5) == 0)
                r = ganger_send(gang, NULL, line + 5, strlen(line + 5), -1);
        if (r == 0 && strcmp(line, "receive") != 0)
                printf("done\n");
        return r;
}

int main(int argc, char **argv) {
        struct ganger_control *c = NULL;
        char line[256];
        int r;

        if (argc != 3)
                return 2;
        setvbuf(stdout, NULL, _IOLBF, 0);
        r = ganger_control_new(&c, argv[1]);
        if (r == 0)
                r = ganger_control_attach(c, argv[2], GANGER_RECEIVE | GANGER_SEND, &gang);
        if (r < 0) {
                printf("%s\n", c ? ganger_control_error(c) : strerror(-r));
                ganger_control_free(c);
                return 1;
        }
        ganger_control_free(c);
        printf("attached\n");
        while (r == 0 && fgets(line, sizeof line, stdin)) {
                line[strcspn(line, "\n")] = '\0';
                r = obey(line);
        }
        if (r < 0)
                printf("%s\n", strerror(-r));
        ganger_leave(gang);
        return r < 0;
}
