/* SPDX-License-Identifier: MIT */

/*
 * Where the output goes
 */

#include "ctl/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/** Of a terminal that does not tell. */
#define WIDTH_DEFAULT 80
#define WIDTH_MAX 10000

static size_t terminal_width(int fd) {
        const char *columns = getenv("COLUMNS");
        struct winsize size;
        long n = columns ? strtol(columns, NULL, 10) : 0;

        if (n > 0 && n <= WIDTH_MAX)
                return (size_t)n;
        if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                return size.ws_col;
        return WIDTH_DEFAULT;
}

static bool color_is_welcome(void) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

        return !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

void output_init(struct output *o, FILE *file, bool json, bool color) {
        bool terminal = isatty(fileno(file));

        *o = (struct output){
                .ops = json ? &output_json : &output_table,
                .file = file,
                .terminal = terminal,
                .color = terminal && color && color_is_welcome(),
                .width = terminal ? terminal_width(fileno(file)) : 0,
        };
}
