/* SPDX-License-Identifier: MIT */

/*
 * The command line: ganger-bridge --io=lines|frames|exec [--io-fds=IN,OUT] [--] PROGRAM [ARGUMENT…]
 */

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "base/text.h"
#include "bridge/bridge.h"

/** Descriptors that a program may use; more is a slip of the pen. */
#define IO_FD_MAX 255

static const char *const io_names[_IO_N + 1] = {
        [IO_LINES] = "lines",
        [IO_FRAMES] = "frames",
        [IO_EXEC] = "exec",
};

static void help(void) {
        printf("ganger-bridge --io=lines|frames|exec [--io-fds=IN,OUT] [--] PROGRAM [ARGUMENT...]\n"
               "\n"
               "Lets any program be a worker of ganger. gangerd starts it for workers with `io`.\n"
               "\n"
               "  --io=HOW          how the program takes messages and replies: a line each, a frame\n"
               "                    each (4 bytes of length, big-endian), or a process a message\n"
               "  --io-fds=IN,OUT   the descriptors it reads from and writes to (default: 0,1)\n"
               "  --help, --version\n");
}

static int parse_io(struct options *o, const char *text) {
        const char *nearest;

        for (int io = 0; io < _IO_N; io++)
                if (strcmp(text, io_names[io]) == 0) {
                        o->io = (enum io)io;
                        return 0;
                }
        nearest = text_nearest(text, io_names);
        bridge_log("--io=%s: not lines, frames or exec%s%s%s", text, nearest ? " (did you mean " : "",
                   nearest ? nearest : "", nearest ? "?)" : "");
        return -EINVAL;
}

static bool is_io_fd(long fd) {
        return fd >= 0 && fd <= IO_FD_MAX && fd != STDERR_FILENO;
}

static int parse_io_fds(struct options *o, const char *text) {
        char *end;
        long in, out = -1;

        in = strtol(text, &end, 10);
        if (end != text && *end == ',') {
                text = end + 1;
                out = strtol(text, &end, 10);
        }
        if (end == text || *end || !is_io_fd(in) || !is_io_fd(out) || in == out) {
                bridge_log("--io-fds takes two different descriptors up to %d, not 2: 3,4 for instance",
                           IO_FD_MAX);
                return -EINVAL;
        }
        o->in_fd = (int)in;
        o->out_fd = (int)out;
        return 0;
}

static int usage(const char *what) {
        bridge_log("%s; try --help", what);
        return -EINVAL;
}

int options_parse(struct options *ret, int argc, char *argv[]) {
        static const struct option table[] = {
                { "io", required_argument, NULL, 'i' },
                { "io-fds", required_argument, NULL, 'f' },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'V' },
                { 0 },
        };
        struct options o = { .io = _IO_N, .in_fd = STDIN_FILENO, .out_fd = STDOUT_FILENO };
        int c, r = 0;

        while (r == 0 && (c = getopt_long(argc, argv, "+", table, NULL)) != -1)
                switch (c) {
                case 'i':
                        r = parse_io(&o, optarg);
                        break;
                case 'f':
                        r = parse_io_fds(&o, optarg);
                        break;
                case 'h':
                        help();
                        return 1;
                case 'V':
                        printf("ganger-bridge %s\n", PACKAGE_VERSION);
                        return 1;
                default:
                        return -EINVAL; /* getopt has said why */
                }
        if (r < 0)
                return r;
        if (o.io == _IO_N)
                return usage("--io is missing");
        if (optind >= argc)
                return usage("the program is missing");
        o.argv = argv + optind;
        *ret = o;
        return 0;
}
