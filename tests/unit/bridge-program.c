/* SPDX-License-Identifier: MIT */
/* What shell cannot do: programs of a worker for the tests of the bridge, by name. */

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "bridge-rig.h"

static bool read_all(void *data, size_t size) {
        for (size_t n = 0; n < size;) {
                ssize_t r = read(STDIN_FILENO, (char *)data + n, size - n);

                if (r <= 0)
                        return false;
                n += (size_t)r;
        }
        return true;
}

static void write_frame_head(size_t size, const char *word) {
        uint32_t length = htonl((uint32_t)(size + strlen(word)));

        fd_write_all(STDOUT_FILENO, &length, sizeof length);
        fd_write_all(STDOUT_FILENO, word, strlen(word));
}

/** Replies while it still reads: whoever writes all before reading would wait for ever. */
static int mode_frames_stream(void) {
        char piece[4096];
        uint32_t length;

        while (read_all(&length, sizeof length)) {
                size_t left_over = ntohl(length);

                write_frame_head(left_over, "OK ");
                while (left_over > 0) {
                        size_t n = MIN(left_over, sizeof piece);

                        if (!read_all(piece, n))
                                return 1;
                        fd_write_all(STDOUT_FILENO, piece, n);
                        left_over -= n;
                }
        }
        return 0;
}

/** Does what the message says. */
static int mode_frames_obey(void) {
        static char zeros[2 * MESSAGE_MAX];
        char text[MESSAGE_MAX + 1] = "";
        uint32_t length;

        while (read_all(&length, sizeof length) && read_all(text, ntohl(length))) {
                text[ntohl(length)] = '\0';
                if (strcmp(text, "long") == 0) {
                        write_frame_head(sizeof zeros, "OK ");
                        fd_write_all(STDOUT_FILENO, zeros, sizeof zeros);
                } else if (strcmp(text, "garbage") == 0)
                        fd_write_all(STDOUT_FILENO, "hello there\n", 12);
                else
                        write_frame_head(0, text);
        }
        return 0;
}

/** Writes everything before it reads anything, a pipe full and more, then replies. */
static int mode_lines_stubborn(void) {
        static char line[BIG];

        memset(line, 'x', sizeof line);
        memcpy(line, "OK ", 3);
        fd_write_all(STDOUT_FILENO, line, sizeof line);
        fd_write_all(STDOUT_FILENO, "\n", 1);
        while (read(STDIN_FILENO, line, sizeof line) > 0)
                ;
        return 0;
}

static int mode_source_until_term(void) {
        sigset_t set;
        int signal;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        fd_write_all(STDOUT_FILENO, "up\n", 3);
        sigwait(&set, &signal);
        fd_write_all(STDOUT_FILENO, "bye\n", 4);
        return 0;
}

static const struct {
        const char *name;
        int (*run)(void);
} modes[] = {
        { "frames-stream", mode_frames_stream },
        { "frames-obey", mode_frames_obey },
        { "lines-stubborn", mode_lines_stubborn },
        { "source-until-term", mode_source_until_term },
};

int main(int argc, char *argv[]) {
        for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(modes); i++)
                if (strcmp(argv[1], modes[i].name) == 0)
                        return modes[i].run();
        return 2;
}
